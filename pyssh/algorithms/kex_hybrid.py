"""Hybrid key exchange: ML-KEM-768 and an elliptic curve (RFC 10042).

C_INIT is the KEM's public key and the curve's, S_REPLY the ciphertext and the curve's public key, each just
put together. K is the hash of both secrets, the KEM's first, and goes on as a string.
"""

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey

from pyssh.algorithms.kex_ecdh import EcdhClient, EcdhServer, curve_key
from pyssh.algorithms.kex_machine import refuse
from pyssh.wire.types import put_string

if TYPE_CHECKING:
    from pyssh.algorithms.kex import KexClient, KexServer, KexSpec, Random

__all__ = ["HybridShare", "client", "server"]

# FIPS 203 table 3, and section 7.1: a key pair is made of the seeds d and z
_SEED_SIZE: Final = 64
_PUBLIC_KEY_SIZE: Final = 1184
_CIPHERTEXT_SIZE: Final = 1088


def _combine(kem_secret: bytes, curve_secret: bytes) -> bytes:
    """Return K, encoded. Both methods hash with SHA-256."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(kem_secret)
    digest.update(curve_secret)
    out = bytearray()
    put_string(out, digest.finalize())
    return bytes(out)


class HybridShare:
    """The client's half: both private keys."""

    def __init__(self, curve: str, random: "Random") -> None:
        self._kem = MLKEM768PrivateKey.from_seed_bytes(random(_SEED_SIZE))
        self._curve = curve_key(curve, random)
        self.public: Final = self._kem.public_key().public_bytes_raw() + self._curve.public

    def finish(self, server_public: bytes) -> bytes:
        """Return K, encoded."""
        try:
            kem_secret = self._kem.decapsulate(server_public[:_CIPHERTEXT_SIZE])
        except ValueError:
            refuse("an ML-KEM ciphertext of the wrong length")
        return _combine(kem_secret, self._curve.agree(server_public[_CIPHERTEXT_SIZE:]))


def client(spec: "KexSpec", random: "Random", _key_bits: int) -> "KexClient":
    """Return the client's side of a new exchange."""
    return EcdhClient(HybridShare(spec.parameter, random))


def server(spec: "KexSpec", random: "Random") -> "KexServer":
    """Return the server's side of a new exchange. Encapsulation draws its own random bytes."""

    def share(client_public: bytes) -> tuple[bytes, bytes]:
        curve = curve_key(spec.parameter, random)
        curve_secret = curve.agree(client_public[_PUBLIC_KEY_SIZE:])
        try:
            kem = MLKEM768PublicKey.from_public_bytes(client_public[:_PUBLIC_KEY_SIZE])
        except ValueError:  # too short, or numbers beyond the modulus (FIPS 203 section 7.2)
            refuse("an ML-KEM public key that cannot be used")
        kem_secret, ciphertext = kem.encapsulate()
        return ciphertext + curve.public, _combine(kem_secret, curve_secret)

    return EcdhServer(share)
