import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from pyssh.errors import KeyFormatError
from pyssh.keys.ecdsa import EcdsaPrivate, generate, take_private
from pyssh.keys.private import generate_private_key
from pyssh.keys.public import decode_public_key
from pyssh.wire.types import Reader, put_mpint
from tests.unit.keys.building import DATA, strings

TYPES = ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"]

# RFC 6979 appendices A.2.5 to A.2.7: curve, private key, message, and r and s for the curve's SSH hash
VECTORS = [
    (
        ec.SECP256R1(),
        "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
        b"sample",
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
    ),
    (
        ec.SECP256R1(),
        "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
        b"test",
        "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
        "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
    ),
    (
        ec.SECP384R1(),
        "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
        b"sample",
        "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46",
        "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8",
    ),
    (
        ec.SECP521R1(),
        "0FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CAA896EB32F1F47C70855836A6D16FCC1466F6D8FBEC67DB89EC0C08B0E996B83538",
        b"sample",
        "0C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E377FA",
        "0617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A",
    ),
]


def mpints(*numbers: int) -> bytes:
    out = bytearray()
    for number in numbers:
        put_mpint(out, number)
    return bytes(out)


@pytest.mark.parametrize(("curve", "secret", "message", "r", "s"), VECTORS)
def test_published_vectors(curve: ec.EllipticCurve, secret: str, message: bytes, r: str, s: str) -> None:
    key = EcdsaPrivate(ec.derive_private_key(int(secret, 16), curve)).key
    signature = strings(key.key_type, mpints(int(r, 16), int(s, 16)))
    assert key.verify(key.key_type, signature, message)
    assert not key.verify(key.key_type, signature, message + b".")


@pytest.mark.parametrize("key_type", TYPES)
def test_round_trips(key_type: str) -> None:
    private = generate(key_type, None)
    key = decode_public_key(private.key.blob)
    assert key == private.key
    assert (key.key_type, key.bits, key.signature_algorithms) == (key_type, int(key_type[-3:]), (key_type,))
    assert key.verify(key_type, private.sign(key_type, DATA), DATA)
    out = bytearray()
    private.put_private(out)
    assert take_private(key_type, Reader(out)).key == key


def test_a_key_is_bound_to_its_curve() -> None:
    p256, p384 = (generate(key_type, None) for key_type in TYPES[:2])
    signature = p256.sign("ecdsa-sha2-nistp256", DATA)
    assert not p384.key.verify("ecdsa-sha2-nistp256", signature, DATA)
    assert not p384.key.verify("ecdsa-sha2-nistp384", signature, DATA)
    point = Reader(p256.key.blob, 4 + 19 + 4 + 8 + 4).take(65)
    for blob in (
        strings("ecdsa-sha2-nistp384", "nistp256", point),
        strings("ecdsa-sha2-nistp384", "nistp384", point),
        strings("ecdsa-sha2-nistp256", "nistp384", point),
    ):
        with pytest.raises(KeyFormatError, match="nistp"):
            decode_public_key(blob)


def test_points_that_are_none() -> None:
    point = generate(TYPES[0], None).key.blob[-65:]
    compressed = bytes((2 + point[-1] % 2,)) + point[1:33]
    hybrid = bytes((6 + point[-1] % 2,)) + point[1:]
    off_curve = point[:-1] + bytes((point[-1] ^ 1,))
    for wrong in (
        b"",
        b"\0",
        compressed,
        hybrid,
        off_curve,
        point + b"\0",
        b"\4" + bytes(64),
        b"\4" + b"\xff" * 64,
    ):
        with pytest.raises(KeyFormatError):
            decode_public_key(strings(TYPES[0], "nistp256", wrong))


def test_signatures_out_of_range() -> None:
    key = generate(TYPES[0], None).key
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    for value in (
        mpints(0, 1),
        mpints(1, 0),
        mpints(-1, 1),
        mpints(order, 1),
        mpints(1, order),
        mpints(1 << 256, 1),
        mpints(1 << 100_000, 1),
        mpints(1),
        mpints(1, 1) + b"\0",
        strings(b"\0\1", b"\1"),
        b"",
    ):
        assert not key.verify(TYPES[0], strings(TYPES[0], value), DATA)


def test_halves_that_do_not_belong_together_are_refused() -> None:
    point = strings("nistp256", generate(TYPES[0], None).key.blob[-65:])
    for secret in (0, -1, 5, 1 << 256):
        with pytest.raises(KeyFormatError, match="ECDSA"):
            take_private(TYPES[0], Reader(point + mpints(secret)))


def test_sizes() -> None:
    assert generate_private_key("ecdsa").key.bits == 256
    assert generate_private_key("ecdsa", 521).key.bits == 521
    with pytest.raises(KeyFormatError, match="256, 384 or 521"):
        generate_private_key("ecdsa", 255)
    with pytest.raises(KeyFormatError, match="256 bits"):
        generate(TYPES[0], 384)


def test_other_curves_are_refused() -> None:
    with pytest.raises(KeyFormatError, match="secp256k1"):
        EcdsaPrivate(ec.generate_private_key(ec.SECP256K1()))
