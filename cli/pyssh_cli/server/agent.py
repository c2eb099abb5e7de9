"""Agent forwarding of one session: a socket for its programs, whose connections go to the client's agent."""

import os
import secrets
from typing import Final

from pyssh.aio import Link
from pyssh.aio.listen import UnixListen
from pyssh.connection import kinds
from pyssh_cli.output import Output, escape
from pyssh_cli.server.background import Background
from pyssh_cli.server.login import Login, describe_peer
from pyssh_cli.server.unix_listeners import UnixListeners

__all__ = ["AgentSession"]

_DIRECTORY: Final = "/tmp/pyssh-"  # noqa: S108  # a directory of a random name, which must not exist yet
_RANDOM_BYTES: Final = 8


class AgentSession:
    """Listens from `listen` on, until `close`. `path` is what SSH_AUTH_SOCK is for the session, or empty."""

    def __init__(self, login: Login, output: Output, background: Background) -> None:
        self._login = login
        self._output = output
        self._listeners = UnixListeners(
            login.account, background, UnixListen(""), kind=lambda _: kinds.AuthAgent(), in_directory=True
        )
        self.path = ""

    async def listen(self, link: Link) -> bool:
        """Make a socket, if the user may have one."""
        refusal = self._refusal()
        who = f"{escape(self._login.user)} from {describe_peer(link)}"
        if refusal is not None:
            self._output.info(f"Agent forwarding refused to {who}: {refusal}")
            return False
        directory = f"{_DIRECTORY}{secrets.token_hex(_RANDOM_BYTES)}"
        path = f"{directory}/agent.{os.getpid()}"
        if not await self._listeners.listen(link, path):
            self._output.error(f"no socket for the agent of {who} can be made at {directory}")
            return False
        self._output.verbose(f"Agent forwarding for {who}: {path}")
        self.path = path
        return True

    def _refusal(self) -> str | None:
        config = self._login.config
        if not config.allow_agent_forwarding or config.disable_forwarding:
            return (
                "DisableForwarding is yes" if config.allow_agent_forwarding else "AllowAgentForwarding is no"
            )
        if not self._login.options.agent_forwarding:
            return "the key does not allow it (no-agent-forwarding)"
        return "the session has one already" if self.path else None

    def close(self) -> None:
        """Listen no more, and remove the socket; connections that are open go on. Twice is harmless."""
        if self.path:
            self._listeners.cancel(self.path)
