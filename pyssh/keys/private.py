"""Private keys: what all types share, and how new ones are made.

The secret itself stays inside an object of `cryptography`. The engine never sees any of this: it asks its
owner for signatures.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from pyssh.errors import KeyFormatError, UsageError
from pyssh.keys.modules import key_module
from pyssh.keys.public import PublicKey
from pyssh.wire.types import put_string, put_text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

__all__ = ["PrivateKey", "generate_private_key"]

_ECDSA_SIZES: Final = (256, 384, 521)


class PrivateKey(ABC):
    """A private key. `key` is its public half. `repr` and errors show nothing else."""

    __slots__ = ("key",)

    def __init__(self, key: PublicKey) -> None:
        self.key: Final = key

    def sign(self, algorithm: str, data: bytes) -> bytes:
        """Return a signature blob over `data`; `UsageError` if the key does not do `algorithm`."""
        if algorithm not in self.key.signature_algorithms:
            raise UsageError(f"a key of type {self.key.key_type} does not sign with {algorithm!r}")
        out = bytearray()
        put_text(out, algorithm)
        put_string(out, self.sign_value(algorithm, data))
        return bytes(out)

    @abstractmethod
    def sign_value(self, algorithm: str, data: bytes) -> bytes:
        """Return the value of a signature: what follows the algorithm's name in its blob."""

    @abstractmethod
    def put_private(self, out: bytearray) -> None:
        """Append the fields that follow the type name in OpenSSH's private key container."""

    def library_key(self) -> "Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey":
        """Return the key as an object of `cryptography`, for formats that SSH does not know.

        Raises `KeyFormatError` for types that exist only in SSH.
        """
        raise KeyFormatError(f"a key of type {self.key.key_type} exists only in OpenSSH's own format")

    def __repr__(self) -> str:
        return f"<private {self.key.key_type} {self.key.fingerprint()}>"


def generate_private_key(key_type: str, bits: int | None = None) -> PrivateKey:
    """Make a new key. `key_type` is ssh-keygen's short name: ed25519, ecdsa, rsa or mldsa44-ed25519.

    mldsa44-ed25519@openssh.com makes a key that OpenSSH 10.4 and 10.5 understand (`mldsa`). Without `bits`,
    ecdsa keys get 256 and rsa keys 3072. `KeyFormatError` for other types and sizes.
    """
    match key_type:
        case "ed25519":
            name = "ssh-ed25519"
        case "rsa":
            name = "ssh-rsa"
        case "mldsa44-ed25519" | "mldsa44-ed25519@openssh.com":
            name = f"ssh-{key_type}"
        case "ecdsa":
            if bits is not None and bits not in _ECDSA_SIZES:
                raise KeyFormatError(f"an ecdsa key has 256, 384 or 521 bits, not {bits}")
            name = f"ecdsa-sha2-nistp{bits or 256}"
        case _:
            raise KeyFormatError(f"keys of type {key_type!r} cannot be made; try ed25519")
    return key_module(name).generate(name, bits)
