"""As much of DER (X.690) and PEM (RFC 7468) as it takes to look into key files before the library does.

Two things call for it: an encrypted PKCS#8 file says how much work its key derivation is, which the library
would just do; and PuTTY writes ECDSA keys in a way that the library does not read.
"""

from base64 import b64decode
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from pyssh.errors import DecodeError, KeyFormatError, PassphraseError
from pyssh.wire.types import Reader, take_byte

__all__ = ["MAX_ITERATIONS", "MAX_SCRYPT_WORK", "check_derivation", "decode_sec1"]

MAX_ITERATIONS: Final = 10_000_000
"""Of PBKDF2 and its like: some seconds. openssl makes 2048, those who ask for many some hundred thousands."""
MAX_SCRYPT_WORK: Final = 1 << 30
"""Bytes that scrypt goes through (128 N r p), and at most takes. openssl's are 16 MiB."""

_INTEGER, _BIT_STRING, _OCTET_STRING, _OID, _SEQUENCE = 0x02, 0x03, 0x04, 0x06, 0x30
_PARAMETERS, _PUBLIC = 0xA0, 0xA1
_PBES2: Final = bytes.fromhex("2a864886f70d01050d")
_SCRYPT: Final = bytes.fromhex("2b06010401da47040b")
_CURVES: Final[dict[bytes, ec.EllipticCurve]] = {
    bytes.fromhex("2a8648ce3d030107"): ec.SECP256R1(),
    bytes.fromhex("2b81040022"): ec.SECP384R1(),
    bytes.fromhex("2b81040023"): ec.SECP521R1(),
}
_CIPHERS: Final[dict[bytes, tuple[Callable[[bytes], BlockCipherAlgorithm], int, int]]] = {
    b"AES-128-CBC": (AES, 16, 16),
    b"AES-192-CBC": (AES, 24, 16),
    b"AES-256-CBC": (AES, 32, 16),
    b"DES-EDE3-CBC": (TripleDES, 24, 8),
}
_ENCRYPTED: Final = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


def check_derivation(data: bytes) -> None:
    """Raise `KeyFormatError` if an encrypted PKCS#8 file (RFC 5958) asks for too much work.

    What is not understood passes, for the library to refuse.
    """
    try:
        info = Reader(_take(Reader(_body(data, _ENCRYPTED)[1]), _SEQUENCE))
        scheme = Reader(_take(info, _SEQUENCE))
        if _take(scheme, _OID) == _PBES2:
            scheme = Reader(_take(Reader(_take(scheme, _SEQUENCE)), _SEQUENCE))
            kind = _take(scheme, _OID)
        else:
            kind = b""
        parameters = Reader(_take(scheme, _SEQUENCE))
        _take(parameters, _OCTET_STRING)  # salt
        if kind != _SCRYPT:
            iterations = _number(parameters)
            if iterations > MAX_ITERATIONS:
                raise KeyFormatError(
                    f"{iterations} rounds of key derivation; at most {MAX_ITERATIONS} are allowed"
                )
        elif 128 * _number(parameters) * _number(parameters) * _number(parameters) > MAX_SCRYPT_WORK:
            raise KeyFormatError(f"a key derivation over more than {MAX_SCRYPT_WORK} bytes")
    except DecodeError:
        return


def decode_sec1(data: bytes, passphrase: bytes | None) -> ec.EllipticCurvePrivateKey:
    """Decode an `EC PRIVATE KEY` (RFC 5915) whose number is shorter or longer than it should be.

    Raises `KeyFormatError`, and `PassphraseError` for whatever a wrong passphrase may lead to.
    """
    headers, body = _body(data, b"-----BEGIN EC PRIVATE KEY-----")
    problem = KeyFormatError("the private key file is damaged, or of an unknown kind")
    if b"ENCRYPTED" in headers:
        problem = PassphraseError("wrong passphrase, or the private key file is damaged")
        body = _decrypt(headers, body, passphrase or b"")
    try:
        fields = Reader(_take(Reader(body), _SEQUENCE))
        _take(fields, _INTEGER)  # version
        number = int.from_bytes(_take(fields, _OCTET_STRING), "big")
        curve = _CURVES.get(_take(Reader(_take(fields, _PARAMETERS)), _OID))
        bits = _take(Reader(_take(fields, _PUBLIC)), _BIT_STRING)
    except DecodeError:
        raise problem from None
    if curve is None:
        raise problem
    try:
        private = ec.derive_private_key(number, curve)
        # the first byte counts the bits that are none
        public = ec.EllipticCurvePublicKey.from_encoded_point(curve, bits[1:])
    except ValueError:
        raise problem from None
    if private.public_key() != public:
        raise problem
    return private


def _take(reader: Reader, tag: int) -> bytes:
    """Take an element of this type; return its contents."""
    start = reader.offset
    found, size = take_byte(reader), take_byte(reader)
    if found != tag:
        raise DecodeError("another element of DER wanted", start)
    if size >= 0x80:
        # no file that is read has more than three bytes of length
        if not 0x81 <= size <= 0x84:
            raise DecodeError("a length of DER that is none", start)
        size = int.from_bytes(reader.take(size - 0x80), "big")
    return reader.take(size)


def _number(reader: Reader) -> int:
    return int.from_bytes(_take(reader, _INTEGER), "big")


def _body(data: bytes, begin: bytes) -> tuple[bytes, bytes]:
    """Return what stands between the lines of a PEM file: headers (RFC 1421), and the contents."""
    _, found, rest = data.replace(b"\r\n", b"\n").partition(begin)
    text, end, _ = rest.partition(b"-----END ")
    if not found or not end:
        raise KeyFormatError("the private key file is cut short")
    headers, blank, encoded = text.partition(b"\n\n")
    if not blank or b":" not in headers:
        headers, encoded = b"", text
    try:
        return headers, b64decode(b"".join(encoded.split()), validate=True)
    except ValueError:
        raise KeyFormatError("the private key file is damaged: not base64") from None


def _decrypt(headers: bytes, body: bytes, passphrase: bytes) -> bytes:
    """Decrypt as OpenSSL did it before PKCS#8: the key is hashed from passphrase and IV with MD5."""
    _, found, info = headers.partition(b"DEK-Info:")
    name, _, digits = info.partition(b"\n")[0].strip().partition(b",")
    if not found or name not in _CIPHERS:
        raise KeyFormatError("the private key file is encrypted in a way that is not supported")
    algorithm, key_size, block_size = _CIPHERS[name]
    try:
        iv = bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        iv = b""
    if len(iv) != block_size or len(body) % block_size:
        raise KeyFormatError("the private key file is damaged: wrong length")
    key = part = b""
    while len(key) < key_size:
        digest = hashes.Hash(hashes.MD5())  # noqa: S303  # what the format has
        digest.update(part + passphrase + iv[:8])
        part = digest.finalize()
        key += part
    decryptor = Cipher(algorithm(key[:key_size]), CBC(iv)).decryptor()
    unpadder = PKCS7(8 * block_size).unpadder()
    try:
        return unpadder.update(decryptor.update(body) + decryptor.finalize()) + unpadder.finalize()
    except ValueError:
        raise PassphraseError("wrong passphrase, or the private key file is damaged") from None
