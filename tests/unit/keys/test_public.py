import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.errors import KeyFormatError, UsageError
from pyssh.keys.modules import KEY_MODULES
from pyssh.keys.private import PrivateKey, generate_private_key
from pyssh.keys.public import (
    MAX_PUBLIC_KEY_SIZE,
    PublicKey,
    decode_public_key,
    format_public_line,
    parse_public_line,
)
from tests.unit.keys.building import DATA, certificate_blob, strings

PRIVATE = [
    generate_private_key("ed25519"),
    generate_private_key("ecdsa", 256),
    generate_private_key("ecdsa", 384),
    generate_private_key("ecdsa", 521),
    generate_private_key("mldsa44-ed25519"),
    generate_private_key("mldsa44-ed25519@openssh.com"),
    generate_private_key("rsa", 2048),
]
SECURITY_KEYS = [
    decode_public_key(strings("sk-ssh-ed25519@openssh.com", PRIVATE[0].key.blob[-32:], "ssh:")),
    decode_public_key(
        strings("sk-ecdsa-sha2-nistp256@openssh.com", "nistp256", PRIVATE[1].key.blob[-65:], "ssh:")
    ),
]
PLAIN = [*(private.key for private in PRIVATE), *SECURITY_KEYS]
CERTIFICATES = [decode_public_key(certificate_blob(key, PRIVATE[0])) for key in PLAIN]
KEYS = PLAIN + CERTIFICATES

# printed by ssh-keygen -l -E of OpenSSH 9.2
FINGERPRINTS = {
    "md5": "MD5:cf:07:be:9d:68:ae:65:54:6d:a0:93:c3:6f:bd:0d:82",
    "sha1": "SHA1:5MGJJq+l2/0QwOBqYLrGmOH7J5M",
    "sha256": "SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8",
    "sha384": "SHA384:Jek0Tfk0H6SrKaLoHGwuKmQ+w/oJ5Z1cGh3Wpk3zN7QnjkurVNAhfOUF0ZIixpcY",
    "sha512": "SHA512:MRC2m6Ib7juJlYR+/kFpIeeimkLRAY0LdoaLL4/1/vUQL4aCcy6nr0t+H9QV35a6UfOovo7IzOh6JVCkSlj0sw",
}

keys = pytest.mark.parametrize("key", KEYS, ids=lambda key: key.key_type)


def test_every_type_is_here() -> None:
    assert {key.key_type for key in KEYS} == set(KEY_MODULES)


@keys
def test_the_blob_is_the_key(key: PublicKey) -> None:
    again = decode_public_key(key.blob)
    assert again == key
    assert again.blob == key.blob
    assert hash(again) == hash(key)
    assert pickle.loads(pickle.dumps(key)) == key
    assert key != object()
    assert repr(key) == f"<{key.key_type} {key.fingerprint()}>"
    assert len({other for other in KEYS if other == key}) == 1


@keys
def test_cut_or_longer_blobs_are_refused(key: PublicKey) -> None:
    step = max(1, len(key.blob) // 200)
    for size in range(0, len(key.blob), step):
        with pytest.raises(KeyFormatError):
            decode_public_key(key.blob[:size])
    with pytest.raises(KeyFormatError):
        decode_public_key(key.blob + b"\0")


@keys
def test_lines(key: PublicKey) -> None:
    for comment in ("", "me@here", "two words"):
        line = format_public_line(key, comment)
        assert parse_public_line(line + "\n") == (key, comment)
    assert not format_public_line(key, "").endswith(" ")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 A",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 AA=A",
        "ssh-ed25519 \u00e9",
        "\0 \0",
    ],
)
def test_lines_that_are_none(line: str) -> None:
    with pytest.raises(KeyFormatError):
        parse_public_line(line)


def test_a_line_and_its_key_must_agree() -> None:
    line = format_public_line(PLAIN[0], "")
    with pytest.raises(KeyFormatError, match="the line says 'ssh-rsa', its key says 'ssh-ed25519'"):
        parse_public_line(line.replace("ssh-ed25519", "ssh-rsa"))


@pytest.mark.parametrize("private", PRIVATE, ids=lambda private: private.key.key_type)
def test_only_the_right_signature_verifies(private: PrivateKey) -> None:
    key = private.key
    for algorithm in key.signature_algorithms:
        signature = private.sign(algorithm, DATA)
        assert key.verify(algorithm, signature, DATA)
        assert not key.verify(algorithm, signature, DATA + b"\0")
        assert not key.verify(algorithm, signature, b"")
        assert not key.verify(algorithm, signature + b"\0", DATA)
        step = max(1, len(signature) // 100)
        for at in range(0, len(signature), step):
            assert not key.verify(algorithm, signature[:at], DATA)
            tampered = bytearray(signature)
            tampered[at] ^= 0x10
            assert not key.verify(algorithm, bytes(tampered), DATA)
        for other in PLAIN:
            assert other == key or not other.verify(algorithm, signature, DATA)


@pytest.mark.parametrize("private", PRIVATE, ids=lambda private: private.key.key_type)
def test_the_names_must_agree(private: PrivateKey) -> None:
    key = private.key
    algorithm = key.signature_algorithms[0]
    signature = private.sign(algorithm, DATA)
    value = private.sign_value(algorithm, DATA)
    every = {name for other in KEYS for name in other.signature_algorithms} | {"", "none", algorithm.upper()}
    for name in every - {algorithm}:
        assert not key.verify(name, signature, DATA)
        assert not key.verify(algorithm, strings(name, value), DATA)
    assert not key.verify(algorithm, strings(b"\xff", value), DATA)
    assert not key.verify("\udcff", signature, DATA)


@keys
@given(st.binary())
def test_no_signature_makes_verification_fail_with_an_exception(key: PublicKey, value: bytes) -> None:
    for algorithm in key.signature_algorithms:
        assert not key.verify(algorithm, value, DATA)
        assert not key.verify(algorithm, strings(algorithm, value), DATA)


def test_a_key_of_no_type_verifies_nothing() -> None:
    with pytest.raises(NotImplementedError):
        PublicKey("none", strings("none"), 0, ("none",)).verify("none", strings("none", b""), DATA)


def test_types_that_cannot_be_made() -> None:
    for name in ("dsa", "ssh-ed25519", "ed25519-sk", ""):
        with pytest.raises(KeyFormatError, match="cannot be made"):
            generate_private_key(name)


def test_fingerprints() -> None:
    key, _ = parse_public_line(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
    )
    for name, fingerprint in FINGERPRINTS.items():
        assert key.fingerprint(name) == fingerprint
    assert key.fingerprint() == FINGERPRINTS["sha256"]
    with pytest.raises(UsageError, match="crc32"):
        key.fingerprint("crc32")


@pytest.mark.parametrize(("key", "certificate"), list(zip(PLAIN, CERTIFICATES, strict=True)))
def test_a_certificate_has_the_fingerprint_of_its_key(key: PublicKey, certificate: PublicKey) -> None:
    assert certificate.fingerprint() == key.fingerprint()
    assert certificate.plain == key


def test_unknown_types_are_named_harmlessly() -> None:
    with pytest.raises(KeyFormatError, match=r"'ssh-\\x1b\[2J'"):
        decode_public_key(strings("ssh-\x1b[2J"))
    with pytest.raises(KeyFormatError) as caught:
        decode_public_key(strings("x" * 10_000))
    assert len(str(caught.value)) < 100
    for name in ("rsa-sha2-256", "ssh-dss", "SSH-ED25519", "ssh-ed25519\0"):
        with pytest.raises(KeyFormatError, match="unknown key type"):
            decode_public_key(strings(name, bytes(32)))


def test_large_blobs_are_not_looked_at() -> None:
    with pytest.raises(KeyFormatError, match="larger"):
        decode_public_key(bytes(MAX_PUBLIC_KEY_SIZE + 1))


@given(st.binary())
def test_any_bytes(blob: bytes) -> None:
    _is_key_or_refused(blob)


@given(
    st.sampled_from(sorted(KEY_MODULES)), st.lists(st.binary(max_size=70), max_size=12), st.binary(max_size=4)
)
def test_any_fields(key_type: str, fields: list[bytes], tail: bytes) -> None:
    _is_key_or_refused(strings(key_type, *fields) + tail)


@given(st.sampled_from(KEYS), st.data())
def test_any_change(key: PublicKey, data: st.DataObject) -> None:
    blob = bytearray(key.blob)
    for at in data.draw(st.lists(st.integers(0, len(blob) - 1), min_size=1, max_size=3)):
        blob[at] = data.draw(st.integers(0, 255))
    _is_key_or_refused(bytes(blob))


def _is_key_or_refused(blob: bytes) -> None:
    try:
        key = decode_public_key(blob)
    except KeyFormatError:
        return
    assert key.blob == blob
    assert decode_public_key(key.plain.blob) == key.plain
    for algorithm in key.signature_algorithms:
        assert not key.verify(algorithm, strings(algorithm, bytes(64)), DATA)


def test_only_what_is_needed_is_imported() -> None:
    """Start-up time: an ed25519 connection pays for no other key type."""
    program = (
        "import sys; from pyssh.keys.public import decode_public_key; import pyssh.keys.signing;"
        "import pyssh.keys.formats; decode_public_key(b'\\0\\0\\0\\x0bssh-ed25519\\0\\0\\0 ' + bytes(32));"
        "print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    loaded = set(ran.stdout.split())
    assert "pyssh.keys.ed25519" in loaded
    for costly in (
        "rsa",
        "ecdsa",
        "mldsa",
        "certificate",
        "security_key",
        "encryption",
        "traditional",
        "ppk",
        "jwk",
        "spki",
    ):
        assert f"pyssh.keys.{costly}" not in loaded
    for costly in (
        "random",
        "bcrypt",
        "hashlib",
        "dataclasses",
        "cryptography.hazmat.primitives.serialization",
    ):
        assert costly not in loaded
    assert "cryptography.hazmat.primitives.serialization" not in loaded
