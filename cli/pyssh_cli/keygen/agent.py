"""The agent's keys, for operations that ask one thing at a time."""

import asyncio
from collections.abc import Callable

from pyssh.aio.agent import AgentClient, AgentSigner
from pyssh.errors import SSHError
from pyssh.keys.public import PublicKey

__all__ = ["holds", "signer"]


def holds(key: PublicKey) -> bool:
    """Tell whether the agent has the key. Raises OSError if there is no agent, and `SSHError`."""

    async def look() -> bool:
        async with await AgentClient.connect() as agent:
            return any(found.key == key for found in await agent.keys())

    return asyncio.run(look())


def signer(key: PublicKey, algorithm: str) -> Callable[[bytes], bytes]:
    """Return what signs with a key in the agent; each signature is a connection of its own.

    `algorithm` is a plain one, also where the agent's key is a certificate.
    """

    def sign(data: bytes) -> bytes:
        async def ask() -> bytes:
            async with await AgentClient.connect() as agent:
                return await AgentSigner(agent, key, "").sign(algorithm, data)

        try:
            signature = asyncio.run(ask())
        except OSError as error:
            raise SSHError(f"the agent cannot be reached: {error.strerror}") from None
        if not key.plain.verify(algorithm, signature, data):
            raise SSHError("the agent's signature is not one of the key that was asked for")
        return signature

    return sign
