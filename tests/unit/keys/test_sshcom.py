"""Private keys of commercial SSH. Whole files that puttygen wrote are read in tests/interop."""

import contextlib
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.errors import KeyFormatError
from pyssh.keys.private import generate_private_key
from pyssh.keys.rsa import RsaPrivate
from pyssh.keys.sshcom import BEGIN, decode_private_key
from tests.unit.keys.building import strings

KEY = generate_private_key("rsa", 2048)
assert isinstance(KEY, RsaPrivate)
NUMBERS = KEY.library_key().private_numbers()
PUBLIC = NUMBERS.public_numbers
KIND = "if-modn{sign{rsa-pkcs1-sha1},encrypt{rsa-pkcs1v2-oaep}}"


def number(value: int, bits: int | None = None) -> bytes:
    size = value.bit_length() if bits is None else bits
    return size.to_bytes(4, "big") + value.to_bytes((value.bit_length() + 7) // 8, "big")


FIELDS = b"".join(
    number(value) for value in (PUBLIC.e, NUMBERS.d, PUBLIC.n, NUMBERS.iqmp, NUMBERS.q, NUMBERS.p)
)


def blob(kind: str = KIND, cipher: str = "none", fields: bytes = FIELDS, length: int | None = None) -> bytes:
    inner = strings(fields)
    rest = strings(kind, cipher) + (len(inner) if length is None else length).to_bytes(4, "big") + inner
    return b"\x3f\x6f\xf9\xeb" + (8 + len(rest)).to_bytes(4, "big") + rest


def file(content: bytes) -> bytes:
    end = BEGIN.replace("BEGIN", "END")
    return f'{BEGIN}\nComment: "a \\\ncomment"\n{b64encode(content).decode()}\n{end}\n'.encode()


def test_a_key() -> None:
    private, comment = decode_private_key(file(blob()))
    assert (private.key, comment) == (KEY.key, "a comment")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no line ---- BEGIN"),
        (file(blob())[:-10], "cut short"),
        (file(blob()).replace(b"P2/5", b"****"), "not base64"),
        (file(b""), "damaged"),
        (file(b"\0" + blob()), "unknown version"),
        (file(blob() + b"more"), "cut short, or something follows"),
        (file(blob()[:-4]), "cut short, or something follows"),
        (file(blob(cipher="3des-cbc")), "encrypted with '3des-cbc' is not supported"),
        (file(blob(kind="dl-modp{sign{dsa-nist-sha1},dh{plain}}")), "not RSA"),
        (file(blob(length=5)), "wrong length"),
        (file(blob(fields=FIELDS + b"more")), "too many"),
        (file(blob(fields=number(PUBLIC.e, 2**31))), "too long"),
        (file(blob(fields=FIELDS[:-5])), "bytes wanted"),
        (file(blob(fields=number(3) + FIELDS[7:])), "do not belong together"),
        (bytes((1 << 20) + 1), "more than"),
    ],
)
def test_what_cannot_be_used(data: bytes, reason: str) -> None:
    with pytest.raises(KeyFormatError, match=reason):
        decode_private_key(data)


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    for content in (data, blob()[: len(data)], blob(fields=data)):
        with contextlib.suppress(KeyFormatError):
            decode_private_key(file(content))
