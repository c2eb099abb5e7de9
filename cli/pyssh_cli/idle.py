"""ChannelTimeout: the names that channels have there, and which limit holds for a name (both programs)."""

from collections.abc import Mapping, Sequence
from typing import Final

from pyssh.aio.channel import Channel
from pyssh.connection import kinds
from pyssh_config.client_values import ChannelTimeout
from pyssh_config.patterns import matches_pattern

__all__ = ["Limits", "channel_name", "session_name"]

_GLOBAL: Final = "global"
_NAMES: Final[Mapping[type[kinds.ChannelKind], str]] = {
    kinds.X11: "x11-connection",
    kinds.AuthAgent: "agent-connection",
}


def session_name(kind: str, subsystem: str = "") -> str:
    """Return the name of a session; `kind` is "command", "shell" or "subsystem"."""
    return f"session:{kind}:{subsystem}" if kind == "subsystem" else f"session:{kind}"


def channel_name(channel: Channel) -> str:
    """Return the name of a channel that is no session."""
    kind = channel.kind
    if not isinstance(kind, kinds.ChannelKind):
        return ""
    return _NAMES.get(type(kind), kind.channel_type)


class Limits:
    """What ChannelTimeout says. Of several patterns the first that matches counts."""

    def __init__(self, timeouts: Sequence[ChannelTimeout]) -> None:
        self._patterns = [timeout for timeout in timeouts if timeout.kind != _GLOBAL]
        self.overall = next((timeout.seconds for timeout in timeouts if timeout.kind == _GLOBAL), 0)
        self.shortest = min((timeout.seconds for timeout in self._patterns if timeout.seconds), default=0)

    def of(self, name: str) -> int:
        """Return how many seconds a channel of this name may be idle, 0 being for ever."""
        found = (timeout.seconds for timeout in self._patterns if matches_pattern(name, timeout.kind))
        return next(found, 0)
