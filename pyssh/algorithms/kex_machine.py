"""What the machines of all exchange methods share: which message may come or go next."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import ClassVar, NoReturn

from pyssh.errors import DisconnectReason, ProtocolError, UsageError
from pyssh.wire.message import Message

__all__ = ["KexMachine", "KexState", "Rules", "refuse"]


class KexState(Enum):
    """Where an exchange stands. Each machine's tables use some of these."""

    NEW = auto()
    REQUEST_SENT = auto()
    GROUP_CHOSEN = auto()
    GROUP_SENT = auto()
    INIT_SENT = auto()
    AGREED = auto()
    DONE = auto()


Rules = Mapping[tuple[KexState, type[Message]], KexState]


def refuse(problem: str) -> NoReturn:
    """End the exchange because of what the peer sent."""
    raise ProtocolError(problem, DisconnectReason.KEY_EXCHANGE_FAILED)


class KexMachine:
    """One exchange. `received_rules` and `sent_rules` say where a message leads from a state."""

    received_rules: ClassVar[Rules]
    sent_rules: ClassVar[Rules]

    def __init__(self) -> None:
        self._state = KexState.NEW

    def _receive(self, message: Message) -> None:
        after = self.received_rules.get((self._state, type(message)))
        if after is None:
            refuse(f"{type(message).__name__} does not belong here ({self._state.name})")
        self._state = after

    def _send(self, kind: type[Message]) -> None:
        after = self.sent_rules.get((self._state, kind))
        if after is None:
            raise UsageError(f"{kind.__name__} cannot be sent now ({self._state.name})")
        self._state = after
