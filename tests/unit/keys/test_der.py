"""What is looked at in PEM files before the library reads them, and what it does not read."""

import contextlib
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from pyssh import keys
from pyssh.errors import KeyFormatError, PassphraseError
from pyssh.keys.der import MAX_ITERATIONS, check_derivation, decode_sec1

PBKDF2 = "2a864886f70d01050c"
SCRYPT = "2b06010401da47040b"
PBES2 = "2a864886f70d01050d"
PBES1 = "2a864886f70d010c0103"
P384 = "2b81040022"


def der(tag: int, *contents: bytes) -> bytes:
    body = b"".join(contents)
    if len(body) < 0x80:
        return bytes((tag, len(body))) + body
    size = (len(body).bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + len(body).to_bytes(size, "big") + body


def integer(value: int) -> bytes:
    return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(digits: str) -> bytes:
    return der(6, bytes.fromhex(digits))


def pem(label: str, body: bytes, headers: str = "") -> bytes:
    return f"-----BEGIN {label}-----\n{headers}{b64encode(body).decode()}\n-----END {label}-----\n".encode()


def encrypted(scheme: bytes) -> bytes:
    return pem("ENCRYPTED PRIVATE KEY", der(0x30, scheme, der(4, bytes(16))))


def pbes2(kind: str, *numbers: int) -> bytes:
    derivation = der(0x30, oid(kind), der(0x30, der(4, bytes(8)), *map(integer, numbers)))
    return encrypted(der(0x30, oid(PBES2), der(0x30, derivation, der(0x30))))


@pytest.mark.parametrize(
    "data",
    [
        pbes2(PBKDF2, MAX_ITERATIONS + 1),
        pbes2(PBKDF2, 2**31 - 1),
        pbes2(PBKDF2, 2**4000),
        encrypted(der(0x30, oid(PBES1), der(0x30, der(4, bytes(8)), integer(2**40)))),
        pbes2(SCRYPT, 2**30, 8, 1),
        pbes2(SCRYPT, 2**14, 2**20, 1),
        pbes2(SCRYPT, 2**14, 8, 2**20),
    ],
)
def test_derivations_that_are_too_much_work(data: bytes) -> None:
    with pytest.raises(KeyFormatError, match="key derivation") as caught:
        keys.load_private(data, "passphrase")
    assert not isinstance(caught.value, PassphraseError)


def test_numbers_that_the_library_stumbles_over() -> None:
    """Diffie-Hellman parameters of a million bits are an internal error to it, DSA's take it seconds."""
    parameters = der(0x30, integer((1 << 100_000) + 1), integer((1 << 100_000) + 1))
    for algorithm in ("2a864886f70d010301", "2a8648ce380401"):
        kind = der(0x30, oid(algorithm), parameters)
        private = pem("PRIVATE KEY", der(0x30, integer(0), kind, der(4, integer(5))))
        public = pem("PUBLIC KEY", der(0x30, kind, der(3, b"\0", integer(5))))
        for data in (private, public, private.replace(b"\n", b"\n" * 50_000)):
            with pytest.raises(KeyFormatError):
                keys.load_key(data)


def test_derivations_that_are_common() -> None:
    for data in (
        pbes2(PBKDF2, 600_000),
        pbes2(SCRYPT, 2**16, 8, 2),
        encrypted(der(0x30)),
        encrypted(b"\x80"),
    ):
        check_derivation(data)
    key = keys.generate_private_key("ed25519")
    sealed = keys.dump_private(key, "pkcs8", passphrase="secret")
    assert keys.load_private(sealed, "secret").key == key.key


def sec1(number: bytes, secret: int = 5, curve: str = P384) -> bytes:
    public = ec.derive_private_key(secret, ec.SECP384R1()).public_key()
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return der(0x30, integer(1), der(4, number), der(0xA0, oid(curve)), der(0xA1, der(3, b"\0" + point)))


@pytest.mark.parametrize("number", [b"\5", bytes(48) + b"\5", bytes(10) + b"\5"])
def test_numbers_of_any_length(number: bytes) -> None:
    private = keys.load_private(pem("EC PRIVATE KEY", sec1(number)))
    public = ec.derive_private_key(5, ec.SECP384R1()).public_key()
    assert private.key.blob.endswith(public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        sec1(b"\5")[:-1],
        sec1(b"\6"),
        sec1(b"\0"),
        sec1(b"\5", curve="2b8104000a"),
        sec1(b"\5").replace(b"\x03\x62\x00\x04", b"\x03\x62\x00\x05"),
        b"\x30\x85" + bytes(9),
        b"\x30\x80" + bytes(9),
        b"\x30\x84\xff\xff\xff\xff" + bytes(9),
    ],
)
def test_numbers_that_are_no_key(body: bytes) -> None:
    with pytest.raises(KeyFormatError, match="damaged") as caught:
        keys.load_private(pem("EC PRIVATE KEY", body), "passphrase")
    assert not isinstance(caught.value, PassphraseError)


@pytest.mark.parametrize(
    ("headers", "error", "reason"),
    [
        ("Proc-Type: 4,ENCRYPTED\n\n", KeyFormatError, "not supported"),
        ("Proc-Type: 4,ENCRYPTED\nDEK-Info: DES-CBC,00\n\n", KeyFormatError, "not supported"),
        ("Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n", KeyFormatError, "wrong length"),
        ("Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,xy\n\n", KeyFormatError, "wrong length"),
        (
            f"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,{'00' * 16}\n\n",
            PassphraseError,
            "wrong passphrase",
        ),
        (
            f"Proc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE3-CBC,{'00' * 8}\n\n",
            PassphraseError,
            "wrong passphrase",
        ),
    ],
)
def test_encryption_from_before_pkcs8(headers: str, error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        decode_sec1(pem("EC PRIVATE KEY", bytes(160), headers), b"passphrase")


def test_bodies_that_are_none() -> None:
    for data, reason in (
        (b"-----BEGIN EC PRIVATE KEY-----\nAAAA", "cut short"),
        (b"-----BEGIN EC PRIVATE KEY-----\n****\n-----END ", "not base64"),
    ):
        with pytest.raises(KeyFormatError, match=reason):
            decode_sec1(data, None)


@given(
    st.binary(), st.sampled_from(["", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC," + "00" * 16 + "\n\n"])
)
def test_any_bytes(data: bytes, headers: str) -> None:
    for body in (data, sec1(b"\5")[: len(data)] + data):
        with contextlib.suppress(KeyFormatError):
            decode_sec1(pem("EC PRIVATE KEY", body, headers), b"passphrase")
        with contextlib.suppress(KeyFormatError):
            check_derivation(pem("ENCRYPTED PRIVATE KEY", body))
