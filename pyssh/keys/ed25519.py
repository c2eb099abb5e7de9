"""ssh-ed25519 keys (RFC 8709)."""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pyssh.errors import KeyFormatError
from pyssh.keys.private import PrivateKey
from pyssh.keys.public import PublicKey
from pyssh.wire.types import Reader, put_string, put_text, take_string

__all__ = [
    "PUBLIC_SIZE",
    "SIGNATURE_SIZE",
    "Ed25519Private",
    "Ed25519Public",
    "generate",
    "take_private",
    "take_public",
    "verify_ed25519",
]

_NAME: Final = "ssh-ed25519"
PUBLIC_SIZE: Final = 32
SIGNATURE_SIZE: Final = 64


class Ed25519Public(PublicKey):
    """An Ed25519 public key."""

    public: Ed25519PublicKey

    @classmethod
    def from_raw(cls, raw: bytes) -> "Ed25519Public":
        """Make a key from its 32 bytes."""
        if len(raw) != PUBLIC_SIZE:
            raise KeyFormatError(f"an Ed25519 key has {PUBLIC_SIZE} bytes, not {len(raw)}")
        blob = bytearray()
        put_text(blob, _NAME)
        put_string(blob, raw)
        return cls(_NAME, bytes(blob), 256, (_NAME,), Ed25519PublicKey.from_public_bytes(raw))

    def verify_value(self, algorithm: str, value: bytes, trailer: bytes, data: bytes) -> bool:
        """Verify 64 bytes of signature."""
        return verify_ed25519(self.public, value, data)


class Ed25519Private(PrivateKey):
    """An Ed25519 private key."""

    __slots__ = ("_private",)

    def __init__(self, private: Ed25519PrivateKey) -> None:
        super().__init__(Ed25519Public.from_raw(private.public_key().public_bytes_raw()))
        self._private = private

    def sign_value(self, algorithm: str, data: bytes) -> bytes:
        """Return 64 bytes of signature."""
        return self._private.sign(data)

    def library_key(self) -> Ed25519PrivateKey:
        """Return the key inside."""
        return self._private

    def put_private(self, out: bytearray) -> None:
        """Append the public key, then seed and public key as one string."""
        public = self._private.public_key().public_bytes_raw()
        put_string(out, public)
        put_string(out, self._private.private_bytes_raw() + public)


def verify_ed25519(public: Ed25519PublicKey, signature: bytes, data: bytes) -> bool:
    """Tell whether `signature` is right; anything but 64 bytes is not."""
    if len(signature) != SIGNATURE_SIZE:
        return False
    try:
        public.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def take_public(key_type: str, reader: Reader) -> Ed25519Public:
    """Take a public key (RFC 8709 section 4)."""
    return Ed25519Public.from_raw(take_string(reader))


def take_private(key_type: str, reader: Reader) -> Ed25519Private:
    """Take a private key; both copies of the public key in it must be the seed's."""
    public, secret = take_string(reader), take_string(reader)
    if len(public) != PUBLIC_SIZE or len(secret) != 2 * PUBLIC_SIZE:
        raise KeyFormatError("an Ed25519 private key has 32 and 64 bytes")
    private = Ed25519PrivateKey.from_private_bytes(secret[:PUBLIC_SIZE])
    if not private.public_key().public_bytes_raw() == public == secret[PUBLIC_SIZE:]:
        raise KeyFormatError("the halves of the Ed25519 key do not belong together")
    return Ed25519Private(private)


def generate(key_type: str, bits: int | None) -> Ed25519Private:
    """Make a new key."""
    if bits not in {None, 256}:
        raise KeyFormatError(f"an ed25519 key has 256 bits, not {bits}")
    return Ed25519Private(Ed25519PrivateKey.generate())
