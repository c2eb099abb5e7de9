"""Control messages that wait for a key exchange to end (RFC 4253 section 7.1)."""

from pyssh.errors import ProtocolError
from pyssh.options import Limits
from pyssh.wire.message import Message


class DeferredMessages:
    """A queue with a cap: until its own KEXINIT, which it may delay, a peer can go on making us answer."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._messages: list[Message] = []
        self._size = 0

    def put(self, message: Message) -> None:
        """Keep a message; `ProtocolError` if too many or too large ones wait."""
        self._size += len(message.encode())
        if len(self._messages) >= self._limits.deferred_messages or self._size > self._limits.deferred_size:
            raise ProtocolError("too many messages wait for a key exchange")
        self._messages.append(message)

    def take_all(self) -> list[Message]:
        """Return the messages in order, and forget them."""
        messages = self._messages
        self.clear()
        return messages

    def clear(self) -> None:
        """Forget everything."""
        self._messages = []
        self._size = 0
