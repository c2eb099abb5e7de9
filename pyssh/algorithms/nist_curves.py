"""The NIST curves for key exchange (RFC 5656 section 4)."""

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pyssh.algorithms.kex_machine import refuse

if TYPE_CHECKING:
    from pyssh.algorithms.kex import Random
    from pyssh.algorithms.kex_ecdh import CurveKey

__all__ = ["NistKey", "curve_key"]

_CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "nistp256": ec.SECP256R1(),
    "nistp384": ec.SECP384R1(),
    "nistp521": ec.SECP521R1(),
}
_UNCOMPRESSED: Final = 4


class NistKey:
    """An ephemeral key pair on one of these curves."""

    def __init__(self, curve: ec.EllipticCurve, private: int) -> None:
        self._curve = curve
        self._private = ec.derive_private_key(private, curve)
        self.public: Final = self._private.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )

    def agree(self, peer_public: bytes) -> bytes:
        """Return the x coordinate of the product.

        The point must be on the curve and uncompressed, the one form that everybody sends (RFC 5656 section
        3.1 leaves compression to agreement).
        """
        if len(peer_public) != len(self.public) or peer_public[0] != _UNCOMPRESSED:
            refuse("an ECDH public key of the wrong form")
        try:
            peer = ec.EllipticCurvePublicKey.from_encoded_point(self._curve, peer_public)
            secret = self._private.exchange(ec.ECDH(), peer)
        except ValueError:
            refuse("an ECDH public key that is not on the curve")
        if not any(secret):
            refuse("an ECDH public key that gives zero")
        return secret


def curve_key(curve: str, random: "Random") -> "CurveKey":
    """Return a new key pair; the private value is uniform in 1..n-1, by rejection."""
    group = _CURVES[curve]
    size = (group.key_size + 7) // 8
    excess = size * 8 - group.key_size
    while True:
        private = int.from_bytes(random(size), "big") >> excess
        if 0 < private < group.group_order:
            return NistKey(group, private)
