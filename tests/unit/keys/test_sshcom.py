"""Private keys of commercial SSH. Whole files that puttygen wrote are read in tests/interop."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.errors import KeyFormatError
from pyssh.keys.private import generate_private_key
from pyssh.keys.sshcom import decode_private_key
from tests.unit.keys.sshcom import armoured, blob, key_fields, number, sshcom_file

KEY = generate_private_key("rsa", 2048)
FIELDS = key_fields(KEY)
FILE = sshcom_file(KEY)
E = number(65537)


def test_a_key() -> None:
    private, comment = decode_private_key(FILE)
    assert (private.key, comment) == (KEY.key, "a comment")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no line ---- BEGIN"),
        (FILE[:-10], "cut short"),
        (FILE.replace(b"P2/5", b"****"), "not base64"),
        (armoured(b""), "damaged"),
        (armoured(b"\0" + blob(FIELDS)), "unknown version"),
        (armoured(blob(FIELDS) + b"more"), "cut short, or something follows"),
        (armoured(blob(FIELDS)[:-4]), "cut short, or something follows"),
        (armoured(blob(FIELDS, cipher="3des-cbc")), "encrypted with '3des-cbc' is not supported"),
        (armoured(blob(FIELDS, kind="dl-modp{sign{dsa-nist-sha1},dh{plain}}")), "not RSA"),
        (armoured(blob(FIELDS, length=5)), "wrong length"),
        (armoured(blob(FIELDS + b"more")), "too many"),
        (armoured(blob(number(65537, 2**31))), "too long"),
        (armoured(blob(FIELDS[:-5])), "bytes wanted"),
        (armoured(blob(number(3) + FIELDS[len(E) :])), "do not belong together"),
        (bytes((1 << 20) + 1), "more than"),
    ],
)
def test_what_cannot_be_used(data: bytes, reason: str) -> None:
    with pytest.raises(KeyFormatError, match=reason):
        decode_private_key(data)


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    for content in (data, blob(FIELDS)[: len(data)], blob(data)):
        with contextlib.suppress(KeyFormatError):
            decode_private_key(armoured(content))
