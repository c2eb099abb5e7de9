"""Public keys as X.509's SubjectPublicKeyInfo (what ssh-keygen calls PKCS8), and PKCS#1 for RSA, in PEM.

Loaded where such files are met: `cryptography`'s serialization brings in every key type there is.
"""

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from pyssh.errors import KeyFormatError
from pyssh.keys.ecdsa import EcdsaPublic, Point
from pyssh.keys.ed25519 import Ed25519Public
from pyssh.keys.public import MAX_PUBLIC_KEY_SIZE, PublicKey
from pyssh.keys.rsa import RsaPublic

__all__ = ["decode_pem_public", "encode_pem_public"]

_MAX_SIZE = 2 * MAX_PUBLIC_KEY_SIZE
_CURVES = {"secp256r1": "nistp256", "secp384r1": "nistp384", "secp521r1": "nistp521"}


def encode_pem_public(key: PublicKey, *, pkcs1: bool = False) -> bytes:
    """Return a PEM file with the key, or with the one that a certificate is about.

    With `pkcs1` an RSA key takes the form from before X.509; others have none but SubjectPublicKeyInfo.
    `KeyFormatError` for types that exist only in SSH.
    """
    library_key: RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
    match key.plain:
        case RsaPublic(public=library_key):
            kind = PublicFormat.PKCS1 if pkcs1 else PublicFormat.SubjectPublicKeyInfo
            return library_key.public_bytes(Encoding.PEM, kind)
        case EcdsaPublic(point=Point(public=library_key)) | Ed25519Public(public=library_key):
            return library_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        case plain:
            raise KeyFormatError(f"a key of type {plain.key_type} has no form outside of SSH")


def decode_pem_public(data: bytes) -> PublicKey:
    """Decode a PEM file of either form. Raises `KeyFormatError`."""
    if len(data) > _MAX_SIZE:
        raise KeyFormatError(f"a public key file of more than {_MAX_SIZE} bytes")
    try:
        library_key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm, InternalError):
        raise KeyFormatError("not a public key in PEM") from None
    match library_key:
        case RSAPublicKey():
            numbers = library_key.public_numbers()
            return RsaPublic.from_numbers(numbers.e, numbers.n)
        case EllipticCurvePublicKey() if library_key.curve.name in _CURVES:
            return EcdsaPublic.from_point(Point(_CURVES[library_key.curve.name], library_key))
        case Ed25519PublicKey():
            return Ed25519Public.from_raw(library_key.public_bytes_raw())
        case _:
            raise KeyFormatError("SSH has no keys of this type")
