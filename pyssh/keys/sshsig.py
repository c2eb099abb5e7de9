"""Signatures over files (OpenSSH's PROTOCOL.sshsig): what is signed, the blob, its armour, verification."""

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import hashes

from pyssh.errors import DecodeError, KeyFormatError
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.keys.signing import signature_algorithm
from pyssh.record import Record
from pyssh.wire.message import Struct
from pyssh.wire.types import Reader, String, Text, UInt32, take_text

if TYPE_CHECKING:
    from pyssh.keys.private import PrivateKey

__all__ = [
    "HASHES",
    "FileSignature",
    "decode_signature",
    "encode_signature",
    "sign_file",
    "signed_data",
]

HASHES: Final = ("sha512", "sha256")
"""The hashes that the format allows; ssh-keygen's choice first."""

_MAGIC: Final = b"SSHSIG"
_VERSION: Final = 1
_BEGIN: Final = "-----BEGIN SSH SIGNATURE-----"
_END: Final = "-----END SSH SIGNATURE-----"
_LINE_SIZE: Final = 70
_MAX_SIZE: Final = 1 << 20
"""A signature with the largest key and certificate is far smaller."""


class _Signed(Struct):
    namespace: Text
    reserved: String
    hash_name: Text
    digest: String


class _Blob(Struct):
    version: UInt32
    public_key: String
    namespace: Text
    reserved: String
    hash_name: Text
    signature: String


class FileSignature(Record):
    """A signature. `namespace` is what it is good for; `signature` is a signature blob as keys make them."""

    key: PublicKey
    namespace: str
    hash_name: str
    signature: bytes

    def verify(self, digest: bytes) -> bool:
        """Tell whether this is `key`'s signature over the file with this hash, without SHA-1.

        Whether to trust the key, and whether the namespace is the right one, is for the caller.
        """
        try:
            algorithm = take_text(Reader(self.signature))
        except DecodeError:
            return False
        known = signature_algorithm(algorithm)
        if known is None or known.legacy or known.is_certificate:
            return False
        return self.key.plain.verify(
            algorithm, self.signature, signed_data(self.namespace, self.hash_name, digest)
        )

    def verify_file(self, data: bytes) -> bool:
        """Tell the same from a file's whole content."""
        return self.verify(_digest(self.hash_name, data))


def sign_file(key: "PrivateKey", data: bytes, namespace: str, hash_name: str = "sha512") -> FileSignature:
    """Sign a file's whole content. `namespace` says what the signature is good for, as "file" or "git"."""
    signed = signed_data(namespace, hash_name, _digest(hash_name, data))
    return FileSignature(key.key, namespace, hash_name, key.sign(key.key.signature_algorithms[0], signed))


def _check_hash(hash_name: str) -> None:
    if hash_name not in HASHES:
        raise KeyFormatError(f"signatures have no hash {hash_name[:64]!r}; there are {', '.join(HASHES)}")


def _digest(hash_name: str, data: bytes) -> bytes:
    _check_hash(hash_name)
    digest = hashes.Hash(hashes.SHA512() if hash_name == "sha512" else hashes.SHA256())
    digest.update(data)
    return digest.finalize()


def signed_data(namespace: str, hash_name: str, digest: bytes) -> bytes:
    """Return the bytes that a key signs; `digest` is the hash of the file."""
    if not namespace:
        raise KeyFormatError("a signature needs a namespace")
    _check_hash(hash_name)
    return _MAGIC + _Signed(namespace, b"", hash_name, digest).encode()


def encode_signature(signature: FileSignature) -> str:
    """Return the text of a signature file."""
    blob = (
        _MAGIC
        + _Blob(
            _VERSION,
            signature.key.blob,
            signature.namespace,
            b"",
            signature.hash_name,
            signature.signature,
        ).encode()
    )
    encoded = b64encode(blob).decode("ascii")
    lines = [encoded[at : at + _LINE_SIZE] for at in range(0, len(encoded), _LINE_SIZE)]
    return "\n".join([_BEGIN, *lines, _END, ""])


def decode_signature(text: str) -> FileSignature:
    """Decode a signature file. Raises `KeyFormatError`."""
    if len(text) > _MAX_SIZE:
        raise KeyFormatError(f"a signature of more than {_MAX_SIZE} characters")
    if not text.startswith(_BEGIN):
        raise KeyFormatError("missing header")
    encoded, end, _ = text.removeprefix(_BEGIN).partition(f"\n{_END}")
    if not end:
        raise KeyFormatError("missing footer")
    try:
        data = b64decode("".join(encoded.split()).encode("ascii"), validate=True)
    except ValueError:
        raise KeyFormatError("the signature is not base64") from None
    if not data.startswith(_MAGIC):
        raise KeyFormatError("not a file signature")
    try:
        blob = _Blob.decode(data[len(_MAGIC) :])
    except DecodeError as error:
        raise KeyFormatError(f"the signature is damaged: {error.problem}") from None
    if blob.version != _VERSION:
        raise KeyFormatError(f"a signature of version {blob.version}, which is not known")
    if blob.hash_name not in HASHES:
        raise KeyFormatError(f"the signature has the unknown hash {blob.hash_name[:64]!r}")
    key = decode_public_key(blob.public_key)
    return FileSignature(key, blob.namespace, blob.hash_name, blob.signature)
