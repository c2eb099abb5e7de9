import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from hypothesis import given
from hypothesis import strategies as st

from pyssh.errors import KeyFormatError, PassphraseError
from pyssh.keys.ecdsa import EcdsaPrivate
from pyssh.keys.ed25519 import Ed25519Private
from pyssh.keys.formats import load_private_key
from pyssh.keys.openssh import MAX_FILE_SIZE, encode_private_key
from pyssh.keys.private import PrivateKey
from pyssh.keys.public import format_public_line
from pyssh.keys.rsa import RsaPrivate
from tests.unit.keys.building import DATA

TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
PKCS8 = serialization.PrivateFormat.PKCS8
ED25519 = Ed25519PrivateKey.generate()
ECDSA = ec.generate_private_key(ec.SECP384R1())
RSA = rsa.generate_private_key(65537, 2048)
CASES: list[tuple[PrivateKeyTypes, serialization.PrivateFormat, PrivateKey]] = [
    (RSA, TRADITIONAL, RsaPrivate(RSA)),
    (RSA, PKCS8, RsaPrivate(RSA)),
    (ECDSA, TRADITIONAL, EcdsaPrivate(ECDSA)),
    (ECDSA, PKCS8, EcdsaPrivate(ECDSA)),
    (ED25519, PKCS8, Ed25519Private(ED25519)),
]


def pem(
    key: PrivateKeyTypes, form: serialization.PrivateFormat = PKCS8, passphrase: bytes | None = None
) -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(serialization.Encoding.PEM, form, encryption)


@pytest.mark.parametrize(("key", "form", "expected"), CASES)
def test_every_format(key: PrivateKeyTypes, form: serialization.PrivateFormat, expected: PrivateKey) -> None:
    for passphrase in (None, b"ignored"):
        loaded, comment = load_private_key(b"\n" + pem(key, form), passphrase)
        assert (loaded.key, comment) == (expected.key, "")
        algorithm = loaded.key.signature_algorithms[0]
        assert expected.key.verify(algorithm, loaded.sign(algorithm, DATA), DATA)
    encrypted = pem(key, form, b"passphrase")
    assert load_private_key(encrypted, b"passphrase")[0].key == expected.key
    for missing in (None, b""):
        with pytest.raises(PassphraseError, match="needs a passphrase"):
            load_private_key(encrypted, missing)
    with pytest.raises(PassphraseError, match="wrong passphrase"):
        load_private_key(encrypted, b"Passphrase")


def test_the_format_of_openssh() -> None:
    private = Ed25519Private(ED25519)
    data = encode_private_key(private, "comment", b"passphrase", rounds=1)
    loaded, comment = load_private_key(b"\n" + data, b"passphrase")
    assert (loaded.key, comment) == (private.key, "comment")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a private key file"),
        (b"\x89PNG", "not a private key file"),
        (b"-----BEGIN CERTIFICATE-----\n", "not a private key file"),
        (format_public_line(CASES[0][2].key, "").encode(), "public key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "damaged"),
        (b"-----BEGIN PRIVATE KEY-----\n", "damaged"),
        (bytes(MAX_FILE_SIZE + 1), "more than"),
        (pem(ec.generate_private_key(ec.SECP256K1())), "secp256k1"),
        (pem(ed448.Ed448PrivateKey.generate()), "no keys of this type"),
        (pem(dsa.generate_private_key(1024)), "no keys of this type"),
    ],
)
def test_what_cannot_be_used(data: bytes, reason: str) -> None:
    with pytest.raises(KeyFormatError, match=reason) as caught:
        load_private_key(data, None)
    assert not isinstance(caught.value, PassphraseError)


def test_encryption_that_the_library_does_not_have() -> None:
    headers = b"Proc-Type: 4,ENCRYPTED\nDEK-Info: CAMELLIA-256-CBC," + b"00" * 16 + b"\n\n"
    data = pem(RSA, TRADITIONAL).replace(b"KEY-----\n", b"KEY-----\n" + headers, 1)
    with pytest.raises(KeyFormatError, match="a way that is not supported") as caught:
        load_private_key(data, b"passphrase")
    assert not isinstance(caught.value, PassphraseError)


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    for candidate in (data, b"-----BEGIN RSA PRIVATE KEY-----\n" + data, b"-----BEGIN " + data):
        with pytest.raises(KeyFormatError):
            load_private_key(candidate, b"passphrase")
