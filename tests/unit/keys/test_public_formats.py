"""Public keys in RFC 4716, in PEM, and as SSHFP records."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.errors import KeyFormatError
from pyssh.keys.private import generate_private_key
from pyssh.keys.public import parse_public_line
from pyssh.keys.rfc4716 import decode_rfc4716, encode_rfc4716
from pyssh.keys.spki import decode_pem_public, encode_pem_public
from pyssh.keys.sshfp import parse_sshfp, sshfp_record

# the first example of RFC 4716 section 3.6, whose key has 1024 bits
EXAMPLE = """\
---- BEGIN SSH2 PUBLIC KEY ----
Comment: "1024-bit RSA, converted from OpenSSH by me@example.com"
x-command: /home/me/bin/lock-in-guest.sh
AAAAB3NzaC1yc2EAAAABIwAAAIEA1on8gxCGJJWSRT4uOrR13mUaUk0hRf4RzxSZ1zRb
YYFw8pfGesIFoEuVth4HKyF8k1y4mRUnYHP1XNMNMJl1JcEArC2asV8sHf6zSPVffozZ
5TT4SfsUu/iKy9lUcCfXzwre4WWZSXXcPff+EHtWshahu3WzBdnGxm5Xoi89zcE=
---- END SSH2 PUBLIC KEY ----
"""
KEYS = {
    kind: generate_private_key(kind, 2048 if kind == "rsa" else None).key
    for kind in ("ed25519", "ecdsa", "rsa", "mldsa44-ed25519")
}


def test_example_of_the_rfc() -> None:
    key, comment = decode_rfc4716(EXAMPLE)
    assert (key.key_type, key.bits) == ("ssh-rsa", 1024)
    assert comment == "1024-bit RSA, converted from OpenSSH by me@example.com"
    folded = EXAMPLE.replace("converted from", "converted\\\n from").replace("\n", "\r\n")
    assert decode_rfc4716(folded) == (key, comment)


@pytest.mark.parametrize("kind", KEYS)
def test_rfc4716_comes_back(kind: str) -> None:
    text = encode_rfc4716(KEYS[kind], "a comment: with a colon")
    assert max(map(len, text.split("\n"))) <= 72
    assert decode_rfc4716(f"something before\n{text}") == (KEYS[kind], "a comment: with a colon")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no line ---- BEGIN"),
        (EXAMPLE.replace("END", "FIN"), "cut short"),
        (EXAMPLE.replace("AAAAB3", "****"), "not base64"),
        (EXAMPLE.replace("AAAAB3", "AAAAB4"), "."),
        (EXAMPLE.replace("PUBLIC", "ENCRYPTED PRIVATE"), "no line ---- BEGIN"),
        (EXAMPLE.replace('"\n', "\\\n")[:120] + "\\", "cut short"),
        (EXAMPLE * 1000, "more than"),
    ],
)
def test_files_that_are_not_rfc4716(text: str, problem: str) -> None:
    with pytest.raises(KeyFormatError, match=problem):
        decode_rfc4716(text)


def test_comments_that_cannot_be_written() -> None:
    for comment in ('with "quotes"', "a\nb"):
        with pytest.raises(KeyFormatError):
            encode_rfc4716(KEYS["ed25519"], comment)


@given(st.text())
def test_arbitrary_rfc4716(text: str) -> None:
    for whole in (text, EXAMPLE[:40] + text, EXAMPLE.replace("x-command", text)):
        with contextlib.suppress(KeyFormatError):
            decode_rfc4716(whole)


@pytest.mark.parametrize("pkcs1", [False, True])
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_pem_comes_back(kind: str, *, pkcs1: bool) -> None:
    data = encode_pem_public(KEYS[kind], pkcs1=pkcs1)
    title = b"RSA PUBLIC KEY" if pkcs1 and kind == "rsa" else b"PUBLIC KEY"
    assert data.startswith(b"-----BEGIN " + title + b"-----\n")
    assert decode_pem_public(data) == KEYS[kind]


def test_pem_has_no_form_for_keys_of_ssh() -> None:
    with pytest.raises(KeyFormatError, match="no form outside of SSH"):
        encode_pem_public(KEYS["mldsa44-ed25519"])


X25519 = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VuAyEACQi3/GSv7iA0UhyVYEdoKJMtVrv7aDVGrVZ7YRFqWCI=
-----END PUBLIC KEY-----
"""


@pytest.mark.parametrize("data", [b"", b"text", X25519.encode(), X25519.encode() * 10_000])
def test_files_that_are_no_keys_in_pem(data: bytes) -> None:
    with pytest.raises(KeyFormatError):
        decode_pem_public(data)


# an example of RFC 7479 section 3: the key, and its record
ED25519_LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEsFuMQnQtTBIyt+f4/2Pb6rjN7GfdCqJMQvVyZ1uRAf"


def test_records() -> None:
    key, _ = parse_public_line(ED25519_LINE)
    record = sshfp_record(key, "sha256")
    digest = key.digest("sha256").hex()
    assert record.zone_line("host.example") == f"host.example IN SSHFP 4 2 {digest}"
    assert record.zone_line("h", generic=True) == rf"h IN TYPE44 \# 34 04 02 {digest}"
    assert sshfp_record(KEYS["rsa"], "sha1").zone_line("h").startswith("h IN SSHFP 1 1 ")
    assert sshfp_record(KEYS["ecdsa"], "sha1").zone_line("h").startswith("h IN SSHFP 3 1 ")


@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_records_come_back(kind: str, hash_name: str) -> None:
    record = sshfp_record(KEYS[kind], hash_name)
    for line in (
        record.zone_line("host.example."),
        record.zone_line("host.example.", generic=True),
        record.zone_line("host.example.").replace(" IN ", "\t3600 in "),
        f"{record.zone_line('host.example.')[:-4]} {record.fingerprint.hex()[-4:].upper()} ; a comment",
    ):
        assert parse_sshfp(line) == ("host.example.", record)
    for other, key in KEYS.items():
        assert record.matches(key) is (other == kind)
    assert not record.replace(fingerprint_type=3).matches(KEYS[kind])
    assert not record.replace(fingerprint=bytes(32)).matches(KEYS[kind])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("", "not an SSHFP"),
        ("host", "not an SSHFP"),
        ("host IN A 10.0.0.1", "not an SSHFP"),
        ("host IN SSHFP", "not an SSHFP"),
        ("host IN SSHFP 4 256 00", "not an SSHFP"),
        ("host IN SSHFP 4 x 00", "not an SSHFP"),
        ("host IN SSHFP 4 2 0g", "not an SSHFP"),
        ("host IN SSHFP 4 2", "no fingerprint"),
        ("host IN SSHFP 4 2 " + "00" * 65, "too long"),
        (r"host IN TYPE44 \# 4 040200", "length"),
        ("host IN TYPE44 # 3 040200", "length"),
        (r"host IN TYPE44 \# x 040200", "length"),
    ],
)
def test_lines_that_are_no_records(line: str, problem: str) -> None:
    with pytest.raises(KeyFormatError, match=problem):
        parse_sshfp(line)


@given(st.text())
def test_arbitrary_records(text: str) -> None:
    for line in (text, f"host IN SSHFP {text}", rf"host IN TYPE44 {text}"):
        with contextlib.suppress(KeyFormatError):
            parse_sshfp(line)


def test_records_that_the_dns_does_not_know() -> None:
    with pytest.raises(KeyFormatError, match="no SSHFP records for keys"):
        sshfp_record(KEYS["mldsa44-ed25519"], "sha256")
    with pytest.raises(KeyFormatError, match="no number for 'md5'"):
        sshfp_record(KEYS["rsa"], "md5")
