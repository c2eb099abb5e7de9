"""PEM private keys from before OpenSSH's own format: PKCS#1, SEC 1 and PKCS#8, encrypted or not.

Loaded for such files only (`modules`): `cryptography`'s serialization brings in every key type there is.
"""

import re
from typing import Final

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from pyssh.errors import KeyFormatError, PassphraseError
from pyssh.keys.der import check_derivation, decode_sec1
from pyssh.keys.ecdsa import EcdsaPrivate
from pyssh.keys.ed25519 import Ed25519Private
from pyssh.keys.private import PrivateKey
from pyssh.keys.rsa import RsaPrivate

__all__ = ["decode_private_key", "encode_private_key"]

_MAX_SIZE: Final = 1 << 16
"""An RSA key of 16384 bits has 13 KiB. Longer DSA numbers keep the library busy for seconds."""
_IS_UNKNOWN: Final = re.compile("[Uu]nknown (cipher|key encryption algorithm)")


def decode_private_key(data: bytes, passphrase: bytes | None) -> PrivateKey:
    """Decode a PEM private key. Errors are those of `openssh.decode_private_key`."""
    if len(data) > _MAX_SIZE:
        raise KeyFormatError(f"a PEM private key file of more than {_MAX_SIZE} bytes")
    encrypted = b"\nProc-Type: 4,ENCRYPTED" in data or data.startswith(b"-----BEGIN ENCRYPTED ")
    if encrypted and not passphrase:
        raise PassphraseError("the private key needs a passphrase")
    if data.startswith(b"-----BEGIN ENCRYPTED "):
        check_derivation(data)
    key = _load(data, passphrase if encrypted else None)
    match key:
        case Ed25519PrivateKey():
            return Ed25519Private(key)
        case EllipticCurvePrivateKey():
            return EcdsaPrivate(key)
        case RSAPrivateKey():
            numbers = key.private_numbers()
            public = numbers.public_numbers
            return RsaPrivate.from_numbers(public.e, public.n, numbers.d, numbers.p, numbers.q)
        case _:
            raise KeyFormatError("SSH has no keys of this type")


def _load(data: bytes, passphrase: bytes | None) -> PrivateKeyTypes:
    try:
        # without the test for primality, as in `rsa`, which then tests the rest
        return load_pem_private_key(data, passphrase, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError) as error:
        if _IS_UNKNOWN.search(str(error)):
            raise KeyFormatError("the private key file is encrypted in a way that is not supported") from None
        if b"-----BEGIN EC PRIVATE KEY-----" in data:
            # PuTTY writes the number as long as it is, which the library does not read
            return decode_sec1(data, passphrase)
        # OpenSSL tells a wrong passphrase from damaged data by the padding, which is to say hardly
        if passphrase:
            raise PassphraseError("wrong passphrase, or the private key file is damaged") from None
        raise KeyFormatError("the private key file is damaged, or of an unknown kind") from None


def encode_private_key(key: PrivateKey, file_format: str, passphrase: bytes | None) -> bytes:
    """Return a private key file in the format "pem" (PKCS#1 or SEC 1) or "pkcs8".

    Raises `KeyFormatError` for a type that the format does not have.
    """
    library_key = key.library_key()
    if file_format == "pem":
        if isinstance(library_key, Ed25519PrivateKey):
            raise KeyFormatError("an ed25519 key has no form in PEM from before PKCS#8")
        kind = PrivateFormat.TraditionalOpenSSL
    else:
        kind = PrivateFormat.PKCS8
    encryption: KeySerializationEncryption = (
        BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    )
    return library_key.private_bytes(Encoding.PEM, kind, encryption)
