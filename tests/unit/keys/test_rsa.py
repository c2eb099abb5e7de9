import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from pyssh.errors import KeyFormatError
from pyssh.keys.private import generate_private_key
from pyssh.keys.public import decode_public_key
from pyssh.keys.rsa import RsaPrivate, take_private
from pyssh.wire.types import Reader, put_mpint, put_text, take_mpint
from tests.unit.keys.building import DATA, strings

LIBRARY_KEY = rsa.generate_private_key(65537, 2048)
PRIVATE = RsaPrivate(LIBRARY_KEY)
KEY = PRIVATE.key
HASHES = {"rsa-sha2-512": hashes.SHA512(), "rsa-sha2-256": hashes.SHA256(), "ssh-rsa": hashes.SHA1()}


def blob(e: int, n: int) -> bytes:
    out = bytearray()
    put_text(out, "ssh-rsa")
    put_mpint(out, e)
    put_mpint(out, n)
    return bytes(out)


def private_fields() -> list[int]:
    out = bytearray()
    PRIVATE.put_private(out)
    reader = Reader(out)
    return [take_mpint(reader) for _ in range(6)]


def encode(numbers: list[int]) -> Reader:
    out = bytearray()
    for number in numbers:
        put_mpint(out, number)
    return Reader(out)


@pytest.mark.parametrize("algorithm", HASHES)
def test_each_name_stands_for_its_hash(algorithm: str) -> None:
    value = LIBRARY_KEY.sign(DATA, padding.PKCS1v15(), HASHES[algorithm])
    assert PRIVATE.sign(algorithm, DATA) == strings(algorithm, value)
    for other in HASHES:
        assert KEY.verify(other, strings(algorithm, value), DATA) is (other == algorithm)
        assert KEY.verify(other, strings(other, value), DATA) is (other == algorithm)
    assert not KEY.verify(algorithm, strings(algorithm, value), DATA + b".")


def test_the_blob_is_the_key() -> None:
    assert decode_public_key(KEY.blob) == KEY
    assert (KEY.key_type, KEY.bits) == ("ssh-rsa", 2048)
    assert KEY.signature_algorithms == ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")


def test_the_signature_has_the_size_of_the_modulus() -> None:
    value = LIBRARY_KEY.sign(DATA, padding.PKCS1v15(), hashes.SHA256())
    for wrong in (b"", value[1:], b"\0" + value, value + b"\0"):
        assert not KEY.verify("rsa-sha2-256", strings("rsa-sha2-256", wrong), DATA)
    # as large as the modulus, or larger
    assert not KEY.verify("rsa-sha2-256", strings("rsa-sha2-256", b"\xff" * 256), DATA)


def test_numbers_that_are_no_key() -> None:
    n = LIBRARY_KEY.public_key().public_numbers().n
    for e, modulus in (
        (65537, -n),
        (65537, 0),
        (65537, n >> 1025),
        (65537, (1 << 16384) + 1),
        (65537, n - 1),
        (65536, n),
        (-3, n),
        (1, n),
        (n, n),
    ):
        with pytest.raises(KeyFormatError, match="RSA"):
            decode_public_key(blob(e, modulus))


def test_what_the_caller_may_refuse_can_be_read() -> None:
    assert decode_public_key(blob(3, (1 << 1023) + 1)).bits == 1024
    assert decode_public_key(blob(65537, (1 << 16383) + 1)).bits == 16384


def test_padded_numbers_are_refused() -> None:
    n = LIBRARY_KEY.public_key().public_numbers().n
    with pytest.raises(KeyFormatError, match="shortest"):
        decode_public_key(strings("ssh-rsa", b"\0\1\0\1", b"\0" + n.to_bytes(256, "big")))


def test_private_fields_round_trip() -> None:
    private = take_private("ssh-rsa", encode(private_fields()))
    assert private.key == KEY
    assert KEY.verify("rsa-sha2-512", private.sign("rsa-sha2-512", DATA), DATA)


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("change", [2, -2])
def test_parts_that_do_not_belong_together_are_refused(place: int, change: int) -> None:
    numbers = private_fields()
    numbers[place] += change
    with pytest.raises(KeyFormatError):
        take_private("ssh-rsa", encode(numbers))


def test_trivial_factors_are_refused() -> None:
    n, e, d, iqmp, _p, _q = private_fields()
    for p, q in ((n, 1), (1, n), (-1, -n)):
        with pytest.raises(KeyFormatError, match="belong together"):
            take_private("ssh-rsa", encode([n, e, d, iqmp, p, q]))


def test_sizes() -> None:
    for bits in (0, 1024, 2047, 16385):
        with pytest.raises(KeyFormatError, match="2048 to 16384"):
            generate_private_key("rsa", bits)
    assert generate_private_key("rsa", 2048).key.bits == 2048
