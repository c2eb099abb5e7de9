"""The server command: accounts, sessions, forwarding, and the process itself."""
