"""The registry of key exchange methods, and the interface they share (RFC 4253 section 8).

A method knows its own messages (30-49) and its arithmetic. The exchange machine of the transport adds what
all methods have in common: host keys, the exchange hash, and the signature.
"""

from collections.abc import Callable
from typing import ClassVar, Final, Protocol

from pyssh.algorithms.modules import load
from pyssh.algorithms.registry import Registry
from pyssh.messages.tables import KEX_DH, KEX_DH_GEX, KEX_ECDH, MessageTable
from pyssh.record import Record
from pyssh.wire.message import Message

__all__ = ["KEX", "KexClient", "KexReply", "KexResult", "KexServer", "KexSpec", "Random"]

Random = Callable[[int], bytes]


class KexResult(Record):
    """What an exchange yields, as it enters the exchange hash.

    `transcript` is what stands between K_S and K; `shared_secret` is K, encoded (an mpint, for hybrid
    methods a string).
    """

    redacted_fields: ClassVar[frozenset[str]] = frozenset({"shared_secret"})
    transcript: bytes
    shared_secret: bytes


class KexReply(Record):
    """What the server's last message brings a client."""

    result: KexResult
    host_key: bytes
    signature: bytes


class KexClient(Protocol):
    """The client's side of one exchange."""

    def start(self) -> Message:
        """Return the first message."""

    def receive(self, message: Message) -> Message | KexReply:
        """Take a message of the server; return our next one, or the end of the exchange."""


class KexServer(Protocol):
    """The server's side of one exchange."""

    def receive(self, message: Message) -> Message | KexResult:
        """Take a message of the client; return our next one, or what is to be signed and replied to."""

    def reply(self, host_key: bytes, signature: bytes) -> Message:
        """Return the last message."""


class KexSpec(Record):
    """One method. `hash_name` is as `hashlib` has it; `module` is the family that computes it.

    `parameter` is the curve, the group's size in bits, or for hybrids the classical half.
    """

    name: str
    module: str
    parameter: str
    hash_name: str
    messages: MessageTable
    rfc: str
    legacy: bool = False

    def client(self, random: Random, key_bits: int = 128) -> KexClient:
        """Return the client's side of a new exchange, which should be as hard as keys of `key_bits`."""
        client: KexClient = load(self.module).client(self, random, key_bits)
        return client

    def server(self, random: Random) -> KexServer:
        """Return the server's side of a new exchange."""
        server: KexServer = load(self.module).server(self, random)
        return server


_HYBRID: Final = "10042"
_ECDH: Final = "5656"
_MODP: Final = "8268"

KEX: Final = Registry(
    "key exchange method",
    (
        KexSpec("mlkem768x25519-sha256", "kex_hybrid", "x25519", "sha256", KEX_ECDH, _HYBRID),
        KexSpec("mlkem768nistp256-sha256", "kex_hybrid", "nistp256", "sha256", KEX_ECDH, _HYBRID),
        KexSpec("curve25519-sha256", "kex_ecdh", "x25519", "sha256", KEX_ECDH, "8731"),
        KexSpec("curve25519-sha256@libssh.org", "kex_ecdh", "x25519", "sha256", KEX_ECDH, "8731"),
        KexSpec("ecdh-sha2-nistp256", "kex_ecdh", "nistp256", "sha256", KEX_ECDH, _ECDH),
        KexSpec("ecdh-sha2-nistp384", "kex_ecdh", "nistp384", "sha384", KEX_ECDH, _ECDH),
        KexSpec("ecdh-sha2-nistp521", "kex_ecdh", "nistp521", "sha512", KEX_ECDH, _ECDH),
        KexSpec("diffie-hellman-group-exchange-sha256", "kex_gex", "", "sha256", KEX_DH_GEX, "4419"),
        KexSpec("diffie-hellman-group16-sha512", "kex_dh", "4096", "sha512", KEX_DH, _MODP),
        KexSpec("diffie-hellman-group18-sha512", "kex_dh", "8192", "sha512", KEX_DH, _MODP),
        KexSpec("diffie-hellman-group14-sha256", "kex_dh", "2048", "sha256", KEX_DH, _MODP),
        KexSpec("diffie-hellman-group14-sha1", "kex_dh", "2048", "sha1", KEX_DH, "4253", legacy=True),
    ),
)
