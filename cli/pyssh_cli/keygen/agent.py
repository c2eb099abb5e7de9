"""The agent's keys, for operations that ask one thing at a time."""

import contextlib
import os
from collections.abc import Callable

from pyssh.errors import SSHError
from pyssh.keys.public import PublicKey
from pyssh_cli.agent_client import AgentClient

__all__ = ["holds", "signer"]


def _connect() -> AgentClient:
    path = os.environ.get("SSH_AUTH_SOCK")
    if not path:
        raise FileNotFoundError("no authentication agent: SSH_AUTH_SOCK is not set")
    return AgentClient.connect(path)


def holds(key: PublicKey) -> bool:
    """Tell whether the agent has the key. Raises OSError if there is no agent, and `SSHError`."""
    with contextlib.closing(_connect()) as agent:
        return any(found.key == key for found in agent.list_keys())


def signer(key: PublicKey, algorithm: str) -> Callable[[bytes], bytes]:
    """Return what signs with a key in the agent; each signature is a connection of its own.

    `algorithm` is a plain one, also where the agent's key is a certificate.
    """

    def sign(data: bytes) -> bytes:
        try:
            with contextlib.closing(_connect()) as agent:
                signature = agent.sign(key, algorithm, data)
        except OSError as error:
            raise SSHError(f"the agent cannot be reached: {error.strerror}") from None
        if not key.plain.verify(algorithm, signature, data):
            raise SSHError("the agent's signature is not one of the key that was asked for")
        return signature

    return sign
