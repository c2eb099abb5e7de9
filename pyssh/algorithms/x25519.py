"""X25519 (RFC 7748) for key exchange (RFC 8731 section 3)."""

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from pyssh.algorithms.kex_machine import refuse

if TYPE_CHECKING:
    from pyssh.algorithms.kex import Random
    from pyssh.algorithms.kex_ecdh import CurveKey

__all__ = ["X25519Key", "curve_key"]


class X25519Key:
    """An ephemeral key pair from 32 random bytes."""

    def __init__(self, private: bytes) -> None:
        self._private = X25519PrivateKey.from_private_bytes(private)
        self.public: Final = self._private.public_key().public_bytes_raw()

    def agree(self, peer_public: bytes) -> bytes:
        """Return the shared secret. A result of zero bits only is refused (RFC 8731 section 3)."""
        try:
            return self._private.exchange(X25519PublicKey.from_public_bytes(peer_public))
        except ValueError:  # not 32 bytes, or of small order
            refuse("an X25519 public key that cannot be used")


def curve_key(curve: str, random: "Random") -> "CurveKey":
    """Return a new key pair."""
    return X25519Key(random(32))
