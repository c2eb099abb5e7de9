"""ecdsa-sha2-nistp256, -nistp384 and -nistp521 keys (RFC 5656 section 3)."""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from pyssh.errors import DecodeError, KeyFormatError
from pyssh.keys.private import PrivateKey
from pyssh.keys.public import PublicKey
from pyssh.record import Record
from pyssh.wire.types import Reader, put_mpint, put_string, put_text, take_mpint, take_string

__all__ = [
    "EcdsaPrivate",
    "EcdsaPublic",
    "Point",
    "generate",
    "take_point",
    "take_private",
    "take_public",
    "verify_ecdsa",
]

_PREFIX: Final = "ecdsa-sha2-"
_UNCOMPRESSED: Final = 4


class _Curve(Record):
    """A curve and the hash that goes with it (RFC 5656 section 6.2.1)."""

    curve: ec.EllipticCurve
    hash: hashes.HashAlgorithm


_CURVES: Final = {
    "nistp256": _Curve(ec.SECP256R1(), hashes.SHA256()),
    "nistp384": _Curve(ec.SECP384R1(), hashes.SHA384()),
    "nistp521": _Curve(ec.SECP521R1(), hashes.SHA512()),
}
_NAMES: Final = {entry.curve.name: name for name, entry in _CURVES.items()}


class Point(Record):
    """A public point, with the name of its curve."""

    curve_name: str
    public: ec.EllipticCurvePublicKey

    def put(self, out: bytearray) -> None:
        """Append curve name and uncompressed point (RFC 5656 section 3.1)."""
        numbers = self.public.public_numbers()
        size = (self.public.key_size + 7) // 8
        put_text(out, self.curve_name)
        put_string(
            out, bytes((_UNCOMPRESSED,)) + numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")
        )


class EcdsaPublic(PublicKey):
    """An ECDSA public key."""

    point: Point

    @classmethod
    def from_point(cls, point: Point) -> "EcdsaPublic":
        """Make a key from a point."""
        name = _PREFIX + point.curve_name
        blob = bytearray()
        put_text(blob, name)
        point.put(blob)
        return cls(name, bytes(blob), point.public.key_size, (name,), point)

    def verify_value(self, algorithm: str, value: bytes, trailer: bytes, data: bytes) -> bool:
        """Verify r and s."""
        return verify_ecdsa(self.point, value, data)


class EcdsaPrivate(PrivateKey):
    """An ECDSA private key."""

    __slots__ = ("_curve", "_private")

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        name = _NAMES.get(private.curve.name)
        if name is None:
            raise KeyFormatError(f"SSH has no keys on the curve {private.curve.name}")
        super().__init__(EcdsaPublic.from_point(Point(name, private.public_key())))
        self._private = private
        self._curve = _CURVES[name]

    def sign_value(self, algorithm: str, data: bytes) -> bytes:
        """Return r and s (RFC 5656 section 3.1.2)."""
        out = bytearray()
        for number in decode_dss_signature(self._private.sign(data, ec.ECDSA(self._curve.hash))):
            put_mpint(out, number)
        return bytes(out)

    def library_key(self) -> ec.EllipticCurvePrivateKey:
        """Return the key inside."""
        return self._private

    def put_private(self, out: bytearray) -> None:
        """Append curve, point and the secret number."""
        Point(_NAMES[self._private.curve.name], self._private.public_key()).put(out)
        put_mpint(out, self._private.private_numbers().private_value)


def take_point(curve_name: str, reader: Reader) -> Point:
    """Take a curve's name, which must be `curve_name`, and a point on that curve."""
    named = take_string(reader)
    encoded = take_string(reader)
    if named != curve_name.encode():
        raise KeyFormatError(f"the key's curve is not {curve_name}")
    entry = _CURVES[curve_name]
    # RFC 5656 section 3.1 allows compressed points too; OpenSSH refuses them, and one key has one blob
    if len(encoded) != 1 + 2 * ((entry.curve.key_size + 7) // 8) or encoded[0] != _UNCOMPRESSED:
        raise KeyFormatError(f"not an uncompressed point of {curve_name}")
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(entry.curve, encoded)
    except ValueError:
        raise KeyFormatError(f"the point is not on {curve_name}") from None
    return Point(curve_name, public)


def verify_ecdsa(point: Point, value: bytes, data: bytes) -> bool:
    """Tell whether `value`, r and s as mpints, is right."""
    entry = _CURVES[point.curve_name]
    reader = Reader(value)
    try:
        r, s = take_mpint(reader), take_mpint(reader)
        reader.finish()
    except DecodeError:
        return False
    if min(r, s) <= 0 or max(r, s).bit_length() > entry.curve.key_size:
        return False
    try:
        point.public.verify(encode_dss_signature(r, s), data, ec.ECDSA(entry.hash))
    except InvalidSignature:
        return False
    return True


def take_public(key_type: str, reader: Reader) -> EcdsaPublic:
    """Take a public key (RFC 5656 section 3.1)."""
    return EcdsaPublic.from_point(take_point(key_type.removeprefix(_PREFIX), reader))


def take_private(key_type: str, reader: Reader) -> EcdsaPrivate:
    """Take a private key; its point must be the secret number's."""
    point = take_point(key_type.removeprefix(_PREFIX), reader)
    secret = take_mpint(reader)
    try:
        private = ec.derive_private_key(secret, point.public.curve)
    except ValueError:
        raise KeyFormatError("the private number of the ECDSA key is out of range") from None
    if private.public_key() != point.public:
        raise KeyFormatError("the halves of the ECDSA key do not belong together")
    return EcdsaPrivate(private)


def generate(key_type: str, bits: int | None) -> EcdsaPrivate:
    """Make a new key on the curve that `key_type` names; `bits` can only repeat its size."""
    curve = _CURVES[key_type.removeprefix(_PREFIX)].curve
    if bits not in {None, curve.key_size}:
        raise KeyFormatError(f"a key of type {key_type} has {curve.key_size} bits, not {bits}")
    return EcdsaPrivate(ec.generate_private_key(curve))
