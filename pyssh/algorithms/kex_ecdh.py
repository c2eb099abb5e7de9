"""Key exchange over elliptic curves (RFC 5656 section 4, RFC 8731).

The machines of `client` and `server` also serve the hybrid methods, whose messages have the same form.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from pyssh.algorithms.kex import KexReply, KexResult
from pyssh.algorithms.kex_machine import KexMachine, KexState, Rules
from pyssh.algorithms.modules import load
from pyssh.messages.kex import KexEcdhInit, KexEcdhReply
from pyssh.wire.message import Message
from pyssh.wire.types import put_mpint, put_string

if TYPE_CHECKING:
    from pyssh.algorithms.kex import KexClient, KexServer, KexSpec, Random

__all__ = ["CurveKey", "EcdhClient", "EcdhServer", "client", "curve_key", "server"]


class CurveKey(Protocol):
    """An ephemeral key pair on some curve."""

    @property
    def public(self) -> bytes:
        """The public key as it is sent."""

    def agree(self, peer_public: bytes) -> bytes:
        """Return the shared secret, of fixed length; `ProtocolError` for a public key that is none."""


class ClientShare(Protocol):
    """The client's half: what it sends first, and what it makes of the answer."""

    @property
    def public(self) -> bytes:
        """Q_C, or C_INIT."""

    def finish(self, server_public: bytes) -> bytes:
        """Return K, encoded."""


ServerShare = Callable[[bytes], tuple[bytes, bytes]]
"""Takes Q_C (or C_INIT), returns Q_S (or S_REPLY) and K, encoded."""


def curve_key(curve: str, random: "Random") -> CurveKey:
    """Return a new key pair. Each kind of curve is a module, for the start-up time of the one in use."""
    key: CurveKey = load("x25519" if curve == "x25519" else "nist_curves").curve_key(curve, random)
    return key


def _encode_secret(secret: bytes) -> bytes:
    """Encode K: the fixed-length secret read as a number (RFC 5656 section 4, RFC 8731 section 3.1)."""
    out = bytearray()
    put_mpint(out, int.from_bytes(secret, "big"))
    return bytes(out)


def _result(client_public: bytes, server_public: bytes, shared_secret: bytes) -> KexResult:
    transcript = bytearray()
    put_string(transcript, client_public)
    put_string(transcript, server_public)
    return KexResult(bytes(transcript), shared_secret)


class EcdhClient(KexMachine):
    """The client of an exchange of two public keys."""

    sent_rules: ClassVar[Rules] = {(KexState.NEW, KexEcdhInit): KexState.INIT_SENT}
    received_rules: ClassVar[Rules] = {(KexState.INIT_SENT, KexEcdhReply): KexState.DONE}

    def __init__(self, share: ClientShare) -> None:
        super().__init__()
        self._share = share

    def start(self) -> Message:
        """Return our public key."""
        self._send(KexEcdhInit)
        return KexEcdhInit(self._share.public)

    def receive(self, message: Message) -> KexReply:
        """Take the server's public key."""
        self._receive(message)
        assert isinstance(message, KexEcdhReply)
        shared_secret = self._share.finish(message.server_public)
        return KexReply(
            _result(self._share.public, message.server_public, shared_secret),
            message.server_public_host_key,
            message.signature,
        )


class EcdhServer(KexMachine):
    """The server of an exchange of two public keys."""

    sent_rules: ClassVar[Rules] = {(KexState.AGREED, KexEcdhReply): KexState.DONE}
    received_rules: ClassVar[Rules] = {(KexState.NEW, KexEcdhInit): KexState.AGREED}

    def __init__(self, share: ServerShare) -> None:
        super().__init__()
        self._share = share
        self._public = b""

    def receive(self, message: Message) -> KexResult:
        """Take the client's public key."""
        self._receive(message)
        assert isinstance(message, KexEcdhInit)
        self._public, shared_secret = self._share(message.client_public)
        return _result(message.client_public, self._public, shared_secret)

    def reply(self, host_key: bytes, signature: bytes) -> Message:
        """Return our public key, and the proof of who we are."""
        self._send(KexEcdhReply)
        return KexEcdhReply(host_key, self._public, signature)


class _Share:
    """A client's half with one curve and nothing else."""

    def __init__(self, key: CurveKey) -> None:
        self._key = key
        self.public: Final = key.public

    def finish(self, server_public: bytes) -> bytes:
        return _encode_secret(self._key.agree(server_public))


def client(spec: "KexSpec", random: "Random", _key_bits: int) -> "KexClient":
    """Return the client's side of a new exchange."""
    return EcdhClient(_Share(curve_key(spec.parameter, random)))


def server(spec: "KexSpec", random: "Random") -> "KexServer":
    """Return the server's side of a new exchange."""

    def share(client_public: bytes) -> tuple[bytes, bytes]:
        key = curve_key(spec.parameter, random)
        return key.public, _encode_secret(key.agree(client_public))

    return EcdhServer(share)
