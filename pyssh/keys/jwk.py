"""JSON Web Keys (RFC 7517, 7518 section 6, 8037): Ed25519, ECDSA and RSA keys, private and public.

Loaded for such files only (`formats`): they bring in `json` and every type of key.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from math import gcd
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pyssh.errors import KeyFormatError
from pyssh.keys.ecdsa import EcdsaPrivate, EcdsaPublic, Point
from pyssh.keys.ed25519 import Ed25519Private, Ed25519Public
from pyssh.keys.private import PrivateKey
from pyssh.keys.public import PublicKey
from pyssh.keys.rsa import MAX_MODULUS_BITS, RsaPrivate, RsaPublic

__all__ = ["MAX_SIZE", "decode_jwk", "encode_jwk"]

MAX_SIZE: Final = 1 << 16
"""Bytes of a file. A private RSA key of 16384 bits has 13 KiB."""

_Fields = dict[str, Any]
_MAX_RECOVERED_BITS: Final = 4096
_BASES: Final = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53)
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*")
_CURVES: Final[dict[str, tuple[str, ec.EllipticCurve]]] = {
    "P-256": ("nistp256", ec.SECP256R1()),
    "P-384": ("nistp384", ec.SECP384R1()),
    "P-521": ("nistp521", ec.SECP521R1()),
}
# what programs write that know the names of SSH (RFC 5656) better than those of RFC 7518
_SPELLINGS: Final = {ours: name for name, (ours, _) in _CURVES.items()} | {name: name for name in _CURVES}
_NAMES: Final = {ours: name for name, (ours, _) in _CURVES.items()}


def decode_jwk(data: bytes) -> tuple[PublicKey, PrivateKey | None, str]:
    """Decode a key, or a set with one key in it: public half, private half if there is one, `kid`.

    Members that say what a key is for are not looked at. Raises `KeyFormatError`.
    """
    fields = _load(data)
    comment = fields.get("kid", "")
    if not isinstance(comment, str):
        raise KeyFormatError("the kid of the JWK is not text")
    kind = fields.get("kty")
    decode = _KINDS.get(kind) if isinstance(kind, str) else None
    if decode is None:
        raise KeyFormatError("the JWK is not of the kinds that SSH has: OKP (Ed25519), EC, RSA")
    public, private = decode(fields)
    if private is not None and private.key != public:
        raise KeyFormatError("the halves of the JWK do not belong together")
    return public, private, comment


def encode_jwk(key: PublicKey | PrivateKey, comment: str = "") -> bytes:
    """Return a key as JSON, in clear; the comment is its `kid`.

    A certificate gives its key. `KeyFormatError` for types that exist only in SSH.
    """
    public = key.key if isinstance(key, PrivateKey) else key.plain
    fields = _public_fields(public)
    if isinstance(key, PrivateKey):
        fields |= _private_fields(key)
    if comment:
        fields["kid"] = comment
    return json.dumps(fields, indent=2).encode() + b"\n"


def _once(pairs: list[tuple[str, Any]]) -> _Fields:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        # readers differ in which of them counts, and RFC 7517 section 4 forbids it
        raise KeyFormatError("the JWK has a member twice")
    return fields


def _load(data: bytes) -> _Fields:
    if len(data) > MAX_SIZE:
        raise KeyFormatError(f"a JWK of more than {MAX_SIZE} bytes")
    try:
        loaded = json.loads(data.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise KeyFormatError("the JWK is damaged: not JSON") from None
    if isinstance(loaded, dict) and "keys" in loaded and "kty" not in loaded:
        keys = loaded["keys"]
        if not isinstance(keys, list) or len(keys) != 1:
            raise KeyFormatError("a set of JWKs with other than one key in it; take one of them")
        loaded = keys[0]
    if not isinstance(loaded, dict):
        raise KeyFormatError("not a JWK")
    return loaded


def _octets(fields: _Fields, name: str) -> bytes:
    value = fields.get(name)
    if not isinstance(value, str):
        raise KeyFormatError(f"the JWK has no member {name}")
    if not _BASE64URL.fullmatch(value) or len(value) % 4 == 1:
        raise KeyFormatError(f"the member {name} of the JWK is not base64url")
    return urlsafe_b64decode(value + "=" * (-len(value) % 4))


def _number(fields: _Fields, name: str) -> int:
    octets = _octets(fields, name)
    # a zero in front is against RFC 7518 section 2, and common
    if len(octets) > MAX_MODULUS_BITS // 8 + 1:
        raise KeyFormatError(f"the member {name} of the JWK is too long")
    return int.from_bytes(octets, "big")


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def _number_text(value: int, size: int = 0) -> str:
    return _text(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def _decode_okp(fields: _Fields) -> tuple[PublicKey, PrivateKey | None]:
    if fields.get("crv") != "Ed25519":
        raise KeyFormatError("the JWK is on a curve that SSH does not have; of the OKP ones it has Ed25519")
    public = Ed25519Public.from_raw(_octets(fields, "x"))
    if "d" not in fields:
        return public, None
    seed = _octets(fields, "d")
    if len(seed) != 32:
        raise KeyFormatError(f"an Ed25519 private key has 32 bytes, not {len(seed)}")
    return public, Ed25519Private(Ed25519PrivateKey.from_private_bytes(seed))


def _decode_ec(fields: _Fields) -> tuple[PublicKey, PrivateKey | None]:
    named = fields.get("crv")
    name = _SPELLINGS.get(named) if isinstance(named, str) else None
    if name is None:
        raise KeyFormatError("the JWK is on a curve that SSH does not have: P-256, P-384, P-521")
    ssh_name, curve = _CURVES[name]
    size = (curve.key_size + 7) // 8
    x, y = _octets(fields, "x"), _octets(fields, "y")
    if len(x) != size or len(y) != size:
        raise KeyFormatError(f"the coordinates of a point on {name} have {size} bytes each")
    try:
        point = ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\4" + x + y)
    except ValueError:
        raise KeyFormatError(f"the point of the JWK is not on {name}") from None
    public = EcdsaPublic.from_point(Point(ssh_name, point))
    if "d" not in fields:
        return public, None
    try:
        return public, EcdsaPrivate(ec.derive_private_key(_number(fields, "d"), curve))
    except ValueError:
        raise KeyFormatError("the private number of the JWK is out of range") from None


def _decode_rsa(fields: _Fields) -> tuple[PublicKey, PrivateKey | None]:
    n, e = _number(fields, "n"), _number(fields, "e")
    public = RsaPublic.from_numbers(e, n)
    if "d" not in fields:
        return public, None
    if "oth" in fields:
        raise KeyFormatError("SSH has no RSA keys of more than two primes")
    d = _number(fields, "d")
    if "p" in fields or "q" in fields:
        return public, RsaPrivate.from_numbers(e, n, d, _number(fields, "p"), _number(fields, "q"))
    # RFC 7518 section 6.3.2 lets a key do without its primes
    return public, RsaPrivate.from_numbers(e, n, d, *_recover_primes(e, n, d))


def _recover_primes(e: int, n: int, d: int) -> tuple[int, int]:
    """Factor a modulus by its private exponent.

    Each base finds the primes with a chance of one in two at least. `cryptography` has this too; for numbers
    that belong to no key it goes on for minutes.
    """
    if not 1 < d < n or n.bit_length() > _MAX_RECOVERED_BITS:
        raise KeyFormatError("the RSA key of the JWK has no primes (p, q), and they cannot be worked out")
    multiple = e * d - 1
    twos = (multiple & -multiple).bit_length() - 1
    for base in _BASES:
        root = pow(base, multiple >> twos, n)
        for _ in range(twos):
            square = root * root % n
            if square == 1 and root not in (1, n - 1):
                p = gcd(root - 1, n)
                return max(p, n // p), min(p, n // p)
            root = square
        if root != 1:
            break  # true of no base, if it is a key
    raise KeyFormatError("the parts of the RSA key do not belong together")


_KINDS: Final = {"OKP": _decode_okp, "EC": _decode_ec, "RSA": _decode_rsa}


def _public_fields(key: PublicKey) -> _Fields:
    match key:
        case Ed25519Public(public=ed25519):
            return {"kty": "OKP", "crv": "Ed25519", "x": _text(ed25519.public_bytes_raw())}
        case EcdsaPublic(point=point):
            numbers = point.public.public_numbers()
            size = (point.public.key_size + 7) // 8
            x, y = _number_text(numbers.x, size), _number_text(numbers.y, size)
            return {"kty": "EC", "crv": _NAMES[point.curve_name], "x": x, "y": y}
        case RsaPublic(public=rsa_key):
            modulus = rsa_key.public_numbers()
            return {"kty": "RSA", "n": _number_text(modulus.n), "e": _number_text(modulus.e)}
        case _:
            raise KeyFormatError(f"a key of type {key.key_type} has no form outside of SSH")


def _private_fields(key: PrivateKey) -> _Fields:
    match key.library_key():
        case Ed25519PrivateKey() as ed25519:
            return {"d": _text(ed25519.private_bytes_raw())}
        case ec.EllipticCurvePrivateKey() as ecdsa:
            size = (ecdsa.key_size + 7) // 8
            return {"d": _number_text(ecdsa.private_numbers().private_value, size)}
        case rsa_key:
            numbers = rsa_key.private_numbers()
            named = {
                "d": numbers.d,
                "p": numbers.p,
                "q": numbers.q,
                "dp": numbers.dmp1,
                "dq": numbers.dmq1,
                "qi": numbers.iqmp,
            }
            return {name: _number_text(value) for name, value in named.items()}
