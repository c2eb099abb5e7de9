"""Everything the engine tells its owner, and the questions it asks.

Layers emit these through the `emit` they were given; `receive_data` returns them in order. A `Question[A]` is
settled by `engine.answer(question, answer)` with an `A`. Blocking questions park the input until they are
settled; open questions may be settled in any order. A question never settled is a refusal.
"""

from collections.abc import Mapping
from typing import ClassVar, Generic, TypeVar

from pyssh.errors import OpenFailureReason, SSHError
from pyssh.keys.public import PublicKey
from pyssh.record import Record
from pyssh.wire.message import Struct

A = TypeVar("A")


class Event(Record):
    """Something that happened. Nothing is expected of the owner."""


class Question(Event, Generic[A]):
    """A decision the protocol waits for. Compared by identity: the object emitted is what `answer` takes."""

    blocking: ClassVar[bool] = False

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


# --- transport


class AgreedAlgorithms(Record):
    """What a key exchange chose, by name. With an AEAD cipher the MAC of its direction is unused and ""."""

    kex: str
    host_key: str
    cipher_client_to_server: str
    cipher_server_to_client: str
    mac_client_to_server: str
    mac_server_to_client: str
    compression_client_to_server: str
    compression_server_to_client: str
    strict: bool


class VersionReceived(Event):
    """The peer's identification line, without CR LF, and the lines it sent before it."""

    identification: str
    preamble: tuple[str, ...]


class HostKeyQuestion(Question[bool]):
    """May the server with this key be trusted? Its signature over the exchange is already verified.

    Asked in the first exchange only; a rekey must show the same key.
    """

    blocking: ClassVar[bool] = True
    key: PublicKey
    algorithm: str


class SignatureNeeded(Question[bytes | None]):
    """Sign `data` with the private half of `key`; None when that cannot be done.

    Asked of a server for the exchange hash (`purpose` "host key") and of a client to log in ("user").
    The answer is the whole signature blob, as `Signer.sign` returns it.
    """

    blocking: ClassVar[bool] = True
    key: PublicKey
    algorithm: str
    data: bytes
    purpose: str


class KeysExchanged(Event):
    """New keys are in use in both directions; channels may be written to again.

    `signature` is the host key's over the exchange hash, as agents want it for session-bind@openssh.com;
    `exchange_hash` equals `session_identifier` in the first exchange.
    """

    algorithms: AgreedAlgorithms
    host_key: PublicKey
    exchange_hash: bytes
    session_identifier: bytes
    signature: bytes
    first: bool


class ExtensionsReceived(Event):
    """The peer's EXT_INFO: extension names and their values (RFC 8308)."""

    extensions: Mapping[str, bytes]


class DebugReceived(Event):
    """The peer's SSH_MSG_DEBUG. Text from outside: escape it before showing it."""

    always_display: bool
    message: str


class UnimplementedReceived(Event):
    """The peer did not know the packet we sent with this sequence number."""

    packet_sequence_number: int


class PongReceived(Event):
    """The answer to a ping@openssh.com that we sent."""

    data: bytes


class Ended(Event):
    """The connection is over: the last event of an engine.

    `error` is a `ProtocolError` (ours, already told to the peer), `Disconnected` (the peer's goodbye),
    `ConnectionLost` (the stream ended or went silent), or None after our own `disconnect`.
    """

    error: SSHError | None


# --- user authentication, both roles


class Authenticated(Event):
    """The user is in; channels may be opened. `method` is the last one that succeeded."""

    user: str
    method: str


class Prompt(Record):
    """A question for the user, and whether the answer may be shown while it is typed."""

    text: str
    echo: bool


# --- user authentication, client


class Credential(Record):
    """What a client tries next."""

    method: ClassVar[str]


class PublicKeyCredential(Credential):
    """Try this key: probe first, then `SignatureNeeded`.

    `algorithm` is a signature algorithm of the key; None lets the engine choose by `server-sig-algs`.
    """

    method: ClassVar[str] = "publickey"
    key: PublicKey
    algorithm: str | None = None


class PasswordCredential(Credential):
    """Try this password."""

    method: ClassVar[str] = "password"
    redacted_fields: ClassVar[frozenset[str]] = frozenset({"password"})
    password: str


class KeyboardInteractiveCredential(Credential):
    """Let the server ask (RFC 4256); its questions come as `PromptsReceived`."""

    method: ClassVar[str] = "keyboard-interactive"
    submethods: str = ""


class CredentialNeeded(Question[Credential | None]):
    """What to try next; None gives up. `methods` are those that can continue, as the server said last.

    `partial_success` is true when the last credential was right and more are wanted.
    """

    blocking: ClassVar[bool] = True
    methods: tuple[str, ...]
    partial_success: bool


class CredentialRefused(Event):
    """A credential did not do. For a key, `probed` says that the server refused it before any signature."""

    credential: Credential
    probed: bool
    methods: tuple[str, ...]
    reason: str = ""


class KeyAccepted(Event):
    """The server would take this key (SSH_MSG_USERAUTH_PK_OK); its signature is asked for next."""

    key: PublicKey
    algorithm: str


class BannerReceived(Event):
    """The server's banner. Text from outside: escape it before showing it."""

    message: str


class PromptsReceived(Question[tuple[str, ...] | None]):
    """The server's questions in keyboard-interactive; one answer for each, or None to break off."""

    blocking: ClassVar[bool] = True
    name: str
    instruction: str
    prompts: tuple[Prompt, ...]


class PasswordChange(Record):
    """An old password and the new one to replace it."""

    redacted_fields: ClassVar[frozenset[str]] = frozenset({"old_password", "new_password"})
    old_password: str
    new_password: str


class PasswordChangeNeeded(Question[PasswordChange | None]):
    """The password has expired; None breaks off."""

    blocking: ClassVar[bool] = True
    prompt: str


class AuthenticationFailed(Event):
    """Nothing is left to try. The connection still stands; the owner disconnects it."""

    tried: tuple[str, ...]
    methods: tuple[str, ...]


# --- user authentication, server


class Attempt(Record):
    """What a client offers to prove who it is."""

    method: ClassVar[str]


class NoneAttempt(Attempt):
    """The client asks to be let in without proof, or for the list of methods."""

    method: ClassVar[str] = "none"


class PasswordAttempt(Attempt):
    """A password, and the one to replace it if the client changes it."""

    method: ClassVar[str] = "password"
    redacted_fields: ClassVar[frozenset[str]] = frozenset({"password", "new_password"})
    password: str
    new_password: str | None = None


class PublicKeyAttempt(Attempt):
    """A key. With `signed` its signature over this very request was verified; else it is a probe.

    `signature_flags` and `signature_counter` are those of a security key's signature (0 for others).
    """

    method: ClassVar[str] = "publickey"
    key: PublicKey
    algorithm: str
    signed: bool
    signature_flags: int = 0
    signature_counter: int = 0


class InteractiveAttempt(Attempt):
    """The client starts keyboard-interactive; answer with `AskPrompts`."""

    method: ClassVar[str] = "keyboard-interactive"
    submethods: str


class InteractiveResponses(Attempt):
    """The client's answers to the last `AskPrompts`, in order, as many as were asked."""

    method: ClassVar[str] = "keyboard-interactive"
    redacted_fields: ClassVar[frozenset[str]] = frozenset({"responses"})
    responses: tuple[str, ...]


class Verdict(Record):
    """What a server says to an attempt."""


class Accept(Verdict):
    """The user is in. To a probe: the key would do."""


class Refuse(Verdict):
    """No. `methods` replaces the list of those that can continue; None leaves it."""

    methods: tuple[str, ...] | None = None


class PartialSuccess(Verdict):
    """Right, and more is wanted: one of `methods`."""

    methods: tuple[str, ...]


class AskPrompts(Verdict):
    """Ask these (to `InteractiveAttempt` and `InteractiveResponses` only)."""

    name: str
    instruction: str
    prompts: tuple[Prompt, ...]


class AskPasswordChange(Verdict):
    """The password is right and has expired (to `PasswordAttempt` only)."""

    prompt: str


class AuthenticationRequested(Question[Verdict]):
    """May this user in? Not settled means no. `attempts` counts refusals so far."""

    blocking: ClassVar[bool] = True
    user: str
    service: str
    attempt: Attempt
    attempts: int


class AttemptRefused(Event):
    """The engine itself refused an attempt, for this reason (for logs; the peer is told nothing of it)."""

    user: str
    method: str
    reason: str


# --- connection


class OpenAccepted(Record):
    """Open the channel. `type_data` goes behind the confirmation."""

    type_data: bytes = b""


class OpenRefused(Record):
    """Refuse the channel. `description` goes to the peer."""

    reason: int = OpenFailureReason.ADMINISTRATIVELY_PROHIBITED
    description: str = "open failed"


class ChannelOpenRequested(Question[OpenAccepted | OpenRefused]):
    """The peer wants a channel. `channel` is our number for it; `kind` is one of `pyssh.connection.kinds`."""

    channel: int
    kind: Struct


class ChannelOpened(Event):
    """The peer confirmed a channel that we opened. `type_data` is what followed the confirmation."""

    channel: int
    type_data: bytes


class ChannelOpenFailed(Event):
    """The peer refused a channel that we opened; its number is free again."""

    channel: int
    reason: int
    description: str


class DataReceived:
    """Data of a channel: the hot one, so a plain class.

    `data` is a view of memory that nobody else writes to; keep it as long as you like.
    `data_type_code` is 0 for CHANNEL_DATA and 1 for stderr. `consumed(channel, n)` returns the window.
    """

    __slots__ = ("channel", "data", "data_type_code")
    __match_args__ = ("channel", "data", "data_type_code")

    def __init__(self, channel: int, data: memoryview | bytes, data_type_code: int = 0) -> None:
        self.channel = channel
        self.data = data
        self.data_type_code = data_type_code

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DataReceived):
            return NotImplemented
        return (self.channel, self.data, self.data_type_code) == (
            other.channel,
            other.data,
            other.data_type_code,
        )

    __hash__ = None  # type: ignore[assignment]  # compared by content that is not hashable

    def __repr__(self) -> str:
        return f"DataReceived(channel={self.channel}, {len(self.data)} bytes, {self.data_type_code})"


class WindowAdjusted(Event):
    """The peer takes more data on this channel."""

    channel: int


class EofReceived(Event):
    """The peer sends no more data on this channel; it may still read ours."""

    channel: int


class ChannelClosed(Event):
    """Both sides closed the channel; its number is free again."""

    channel: int


class ChannelRequestReceived(Question[bool]):
    """A request about a channel: one of `pyssh.connection.requests`. Without `want_reply` nothing is sent."""

    channel: int
    request: Struct
    want_reply: bool


class ChannelRequestAnswered(Event):
    """The oldest of our unanswered requests on this channel was granted or refused."""

    channel: int
    granted: bool


class GlobalRequestReceived(Question[bytes | None]):
    """A global request. The answer is the response data (often empty), or None to refuse."""

    request: Struct
    want_reply: bool


class GlobalRequestAnswered(Event):
    """The oldest of our unanswered global requests was granted or refused. `data` follows the reply."""

    granted: bool
    data: bytes


AnyEvent = Event | DataReceived
