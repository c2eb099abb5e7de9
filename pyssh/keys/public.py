"""`PublicKey`: blob to object and back, fingerprint, comparison, verification.

What follows the type name in a blob, and what a signature's bytes mean, is in the module of the key type.
"""

from base64 import b64decode, b64encode
from typing import Any, ClassVar, Final

from cryptography.hazmat.primitives import hashes

from pyssh.errors import DecodeError, KeyFormatError, UsageError
from pyssh.keys.modules import key_module
from pyssh.record import Record
from pyssh.wire.types import Reader, take_string, take_text

__all__ = [
    "MAX_PUBLIC_KEY_SIZE",
    "PublicKey",
    "decode_public_key",
    "format_public_line",
    "parse_public_line",
]

MAX_PUBLIC_KEY_SIZE: Final = 65536
"""Bytes in a blob. A 16384-bit RSA key has 2 KiB, a certificate with 256 principals of 200 bytes 50 KiB."""

# the names that `ssh-keygen -E` knows
_FINGERPRINT_HASHES: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    "md5": hashes.MD5,
    "sha1": hashes.SHA1,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


class PublicKey(Record):
    """A public key or certificate. Two are equal when their blobs are.

    `key_type` is the name inside `blob`; `bits` is the size as `ssh-keygen -l` prints it;
    `signature_algorithms` are the algorithms that `verify` takes, best first, legacy ones too.
    """

    key_type: str
    blob: bytes
    bits: int
    signature_algorithms: tuple[str, ...]

    trailer_size: ClassVar[int] = 0
    """Bytes that follow the signature's value inside a signature blob; security keys have some."""

    @property
    def is_security_key(self) -> bool:
        """Whether the private half lives in a FIDO device, whose signatures carry flags (`security_key`)."""
        return False

    @property
    def plain(self) -> "PublicKey":
        """The key itself; for a certificate, the key that it certifies."""
        return self

    def verify(self, algorithm: str, signature: bytes, data: bytes) -> bool:
        """Tell whether `signature` is this key's over `data`, made with exactly `algorithm`.

        `signature` is a whole signature blob. Whatever is wrong with it, the answer is False.
        """
        if algorithm not in self.signature_algorithms:
            return False
        reader = Reader(signature)
        try:
            name = take_string(reader)
            value = take_string(reader)
            trailer = reader.take(self.trailer_size)
            reader.finish()
        except DecodeError:
            return False
        return name == algorithm.encode() and self.verify_value(algorithm, value, trailer, data)

    def verify_value(self, algorithm: str, value: bytes, trailer: bytes, data: bytes) -> bool:
        """Verify the parts of a signature blob whose name was found to be `algorithm`."""
        raise NotImplementedError

    def digest(self, hash_name: str) -> bytes:
        """Return the hash that the fingerprint shows; a certificate has that of its key."""
        algorithm = _FINGERPRINT_HASHES.get(hash_name)
        if algorithm is None:
            raise UsageError(f"no fingerprint hash is called {hash_name!r}")
        digest = hashes.Hash(algorithm())
        digest.update(self.plain.blob)
        return digest.finalize()

    def fingerprint(self, hash_name: str = "sha256") -> str:
        """Return the fingerprint as OpenSSH writes it; a certificate has that of its key."""
        value = self.digest(hash_name)
        if hash_name == "md5":
            return f"MD5:{value.hex(':')}"
        return f"{hash_name.upper()}:{b64encode(value).rstrip(b'=').decode('ascii')}"

    def __eq__(self, other: object) -> bool:
        return self.blob == other.blob if isinstance(other, PublicKey) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.blob)

    def __repr__(self) -> str:
        return f"<{self.key_type} {self.fingerprint()}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return decode_public_key, (self.blob,)


def decode_public_key(blob: bytes) -> PublicKey:
    """Decode a public key or certificate; `KeyFormatError` for anything but its one canonical form."""
    if len(blob) > MAX_PUBLIC_KEY_SIZE:
        raise KeyFormatError(f"a public key of {len(blob)} bytes is larger than {MAX_PUBLIC_KEY_SIZE}")
    reader = Reader(blob)
    try:
        key_type = take_text(reader)
        key = key_module(key_type).take_public(key_type, reader)
        reader.finish()
    except DecodeError as error:
        raise KeyFormatError(f"not a public key: {error}") from None
    return key


def parse_public_line(line: str) -> tuple[PublicKey, str]:
    """Parse a line of a `.pub` file: type name, blob in base64, and a comment, which is returned too."""
    key_type, _, rest = line.strip().partition(" ")
    encoded, _, comment = rest.strip().partition(" ")
    try:
        blob = b64decode(encoded.encode("ascii"), validate=True)
    except ValueError:
        raise KeyFormatError("the key is not base64") from None
    key = decode_public_key(blob)
    if key.key_type != key_type:
        raise KeyFormatError(f"the line says {key_type[:64]!r}, its key says {key.key_type!r}")
    return key, comment.strip()


def format_public_line(key: PublicKey, comment: str) -> str:
    """Return the line of a `.pub` file, without a line break."""
    return f"{key.key_type} {b64encode(key.blob).decode('ascii')} {comment}".rstrip()
