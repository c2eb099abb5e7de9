"""The error tree, and the reason codes of RFC 4250 sections 4.2.2 and 4.3.

Deep code raises; the engine turns a `ProtocolError` into a DISCONNECT with its reason.
"""

from collections.abc import Sequence
from enum import IntEnum


class DisconnectReason(IntEnum):
    """Why a connection ends (RFC 4250 section 4.2.2)."""

    HOST_NOT_ALLOWED_TO_CONNECT = 1
    PROTOCOL_ERROR = 2
    KEY_EXCHANGE_FAILED = 3
    RESERVED = 4
    MAC_ERROR = 5
    COMPRESSION_ERROR = 6
    SERVICE_NOT_AVAILABLE = 7
    PROTOCOL_VERSION_NOT_SUPPORTED = 8
    HOST_KEY_NOT_VERIFIABLE = 9
    CONNECTION_LOST = 10
    BY_APPLICATION = 11
    TOO_MANY_CONNECTIONS = 12
    AUTH_CANCELLED_BY_USER = 13
    NO_MORE_AUTH_METHODS_AVAILABLE = 14
    ILLEGAL_USER_NAME = 15


class OpenFailureReason(IntEnum):
    """Why a channel is not opened (RFC 4250 section 4.3)."""

    ADMINISTRATIVELY_PROHIBITED = 1
    CONNECT_FAILED = 2
    UNKNOWN_CHANNEL_TYPE = 3
    RESOURCE_SHORTAGE = 4


class SSHError(Exception):
    """Anything that pyssh raises on purpose."""


class ProtocolError(SSHError):
    """The peer broke the rules. `reason` is what our DISCONNECT tells it."""

    def __init__(self, description: str, reason: DisconnectReason = DisconnectReason.PROTOCOL_ERROR) -> None:
        super().__init__(description)
        self.description = description
        self.reason = reason


class LoginGraceError(ProtocolError):
    """Nobody has logged in within `ServerOptions.login_grace_seconds`."""


class DecodeError(ProtocolError):
    """Bytes that are not what their place calls for.

    `offset` counts from the start of what was decoded; `message` and `field` are filled in by the decoder
    of whole messages and are empty below it.
    """

    def __init__(self, problem: str, offset: int = 0, *, message: str = "", field: str = "") -> None:
        where = f"{message}.{field}: " if message else ""
        super().__init__(f"{where}{problem} at byte {offset}")
        self.problem = problem
        self.offset = offset
        self.message = message
        self.field = field


class IntegrityError(ProtocolError):
    """A packet's MAC or tag is wrong."""

    def __init__(self, description: str = "packet corrupted on its way") -> None:
        super().__init__(description, DisconnectReason.MAC_ERROR)


class NegotiationError(ProtocolError):
    """No algorithm of one kind in common. `kind` is in words, as "key exchange method"."""

    def __init__(self, kind: str, ours: Sequence[str], theirs: Sequence[str]) -> None:
        super().__init__(
            f"no {kind} in common (we offer {', '.join(ours)}; they offer {', '.join(theirs)})",
            DisconnectReason.KEY_EXCHANGE_FAILED,
        )
        self.kind = kind
        self.ours = tuple(ours)
        self.theirs = tuple(theirs)


class VersionError(ProtocolError):
    """The peer does not speak SSH 2.0. `line` is what it sent instead, cut and escaped."""

    def __init__(self, description: str, line: str = "") -> None:
        super().__init__(description, DisconnectReason.PROTOCOL_VERSION_NOT_SUPPORTED)
        self.line = line


class Disconnected(SSHError):
    """The peer said goodbye (SSH_MSG_DISCONNECT). `description` is its text, unescaped."""

    def __init__(self, reason: int, description: str) -> None:
        super().__init__(f"disconnected by peer: {description} (reason {reason})")
        self.reason = reason
        self.description = description


class ConnectionLost(SSHError):
    """The stream ended without a goodbye."""


class HostKeyError(SSHError):
    """The server's host key is unknown, changed or revoked."""


class AuthenticationError(SSHError):
    """Nobody got in. `tried` and `remaining` are authentication method names."""

    def __init__(self, description: str, tried: Sequence[str] = (), remaining: Sequence[str] = ()) -> None:
        super().__init__(description)
        self.tried = tuple(tried)
        self.remaining = tuple(remaining)


class ChannelOpenError(SSHError):
    """The peer refused to open a channel. `description` is its text, unescaped."""

    def __init__(self, reason: int, description: str) -> None:
        super().__init__(f"channel refused: {description} (reason {reason})")
        self.reason = reason
        self.description = description


class RequestError(SSHError):
    """The peer refused a channel request or a global request."""


class KeyFormatError(SSHError):
    """A key, certificate or key file that cannot be used as what it claims to be."""


class PassphraseError(KeyFormatError):
    """A passphrase is missing or wrong."""


class UsageError(SSHError):
    """The caller called at the wrong time; never caused by the peer."""
