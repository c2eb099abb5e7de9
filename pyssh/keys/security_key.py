"""Keys that live in FIDO devices: sk-ssh-ed25519@openssh.com and sk-ecdsa-sha2-nistp256@openssh.com.

OpenSSH's PROTOCOL.u2f. Only verification: the device signs, and files hold but a handle for it. A signature
says in its flags whether somebody touched the device and whether it made sure who; `verify` proves the flags,
`decode_flags` reads them, and the caller decides which to require.
"""

from typing import ClassVar, Final, NoReturn

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pyssh.errors import DecodeError, KeyFormatError
from pyssh.keys.ecdsa import Point, take_point, verify_ecdsa
from pyssh.keys.ed25519 import PUBLIC_SIZE, verify_ed25519
from pyssh.keys.private import PrivateKey
from pyssh.keys.public import PublicKey
from pyssh.record import Record
from pyssh.wire.types import (
    Reader,
    put_byte,
    put_string,
    put_text,
    take_byte,
    take_string,
    take_text,
    take_uint32,
)

__all__ = [
    "SecurityKey",
    "SecurityKeyHandle",
    "SignatureFlags",
    "decode_flags",
    "generate",
    "take_private",
    "take_public",
]

_ED25519: Final = "sk-ssh-ed25519@openssh.com"
_ECDSA: Final = "sk-ecdsa-sha2-nistp256@openssh.com"
_CURVE: Final = "nistp256"

_USER_PRESENT: Final = 0x01
_USER_VERIFIED: Final = 0x04


class SignatureFlags(Record):
    """What the device says of a signature. `counter` counts its signatures, if it counts."""

    user_present: bool
    user_verified: bool
    counter: int


class SecurityKey(PublicKey):
    """A key in a device. `application` is what the key was made for, mostly `ssh:`."""

    application: str
    public: Ed25519PublicKey | Point

    trailer_size: ClassVar[int] = 5  # flags and counter

    @property
    def is_security_key(self) -> bool:
        """True."""
        return True

    def verify_value(self, algorithm: str, value: bytes, trailer: bytes, data: bytes) -> bool:
        """Verify the device's signature: over the application, its flags, its counter, and the data."""
        signed = _sha256(self.application.encode()) + trailer + _sha256(data)
        if isinstance(self.public, Point):
            return verify_ecdsa(self.public, value, signed)
        return verify_ed25519(self.public, value, signed)


def _sha256(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize()


def decode_flags(signature: bytes) -> SignatureFlags:
    """Read the flags of a signature blob that `verify` has found right."""
    reader = Reader(signature)
    try:
        for _ in ("algorithm", "value"):
            take_string(reader)
        flags, counter = take_byte(reader), take_uint32(reader)
        reader.finish()
    except DecodeError as error:
        raise KeyFormatError(f"not a security key's signature: {error}") from None
    return SignatureFlags(bool(flags & _USER_PRESENT), bool(flags & _USER_VERIFIED), counter)


def take_public(key_type: str, reader: Reader) -> SecurityKey:
    """Take a public key."""
    blob = bytearray()
    put_text(blob, key_type)
    public: Ed25519PublicKey | Point
    if key_type == _ECDSA:
        public = take_point(_CURVE, reader)
        public.put(blob)
    else:
        raw = take_string(reader)
        if len(raw) != PUBLIC_SIZE:
            raise KeyFormatError(f"an Ed25519 key has {PUBLIC_SIZE} bytes, not {len(raw)}")
        public = Ed25519PublicKey.from_public_bytes(raw)
        put_string(blob, raw)
    application = take_text(reader)
    put_text(blob, application)
    return SecurityKey(key_type, bytes(blob), 256, (key_type,), application, public)


class SecurityKeyHandle(PrivateKey):
    """What the file of a private key holds: the handle by which the device knows it, which does not sign."""

    __slots__ = ("_fields",)

    def __init__(self, key: SecurityKey, fields: bytes) -> None:
        super().__init__(key)
        self._fields = fields

    def sign_value(self, algorithm: str, data: bytes) -> NoReturn:
        """Refuse: only the device can."""
        raise KeyFormatError("the private key is in a security key; use it through ssh-agent")

    def put_private(self, out: bytearray) -> None:
        """Append the public key, then flags, handle and what is reserved."""
        blob = Reader(self.key.blob)
        take_string(blob)
        out += self.key.blob[blob.offset :]
        out += self._fields


def take_private(key_type: str, reader: Reader) -> SecurityKeyHandle:
    """Take a handle."""
    key = take_public(key_type, reader)
    fields = bytearray()
    put_byte(fields, take_byte(reader))
    for _ in ("handle", "reserved"):
        put_string(fields, take_string(reader))
    return SecurityKeyHandle(key, bytes(fields))


def generate(key_type: str, bits: int | None) -> NoReturn:
    """Refuse: the device makes its keys."""
    raise KeyFormatError("a security key makes its keys itself; use ssh-keygen")
