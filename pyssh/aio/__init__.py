"""The asyncio face of the engine."""
