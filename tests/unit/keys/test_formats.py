"""The face of `pyssh.keys`: formats found out by content."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh import keys
from pyssh.errors import KeyFormatError, PassphraseError
from pyssh.keys.openssh import MAX_FILE_SIZE
from tests.unit.keys.building import certificate_blob
from tests.unit.keys.sshcom import sshcom_file

KEYS = {
    kind: keys.generate_private_key(kind, 2048 if kind == "rsa" else None)
    for kind in ("ed25519", "ecdsa", "rsa", "mldsa44-ed25519")
}
NOT_THERE = {("ed25519", "pem")} | {
    ("mldsa44-ed25519", name) for name in ("pem", "pkcs8", "ppk", "ppk2", "jwk", "spki", "pkcs1")
}
DATA = Path(__file__).parent / "data"
SECRET = "pässphrase"


@pytest.mark.parametrize("file_format", keys.PRIVATE_FORMATS)
@pytest.mark.parametrize("kind", KEYS)
def test_private_formats(kind: str, file_format: str) -> None:
    key = KEYS[kind]
    if (kind, file_format) in NOT_THERE:
        with pytest.raises(KeyFormatError):
            keys.dump_private(key, file_format)
        return
    data = keys.dump_private(key, file_format, comment="me@here")
    found = keys.load_key(data, "ignored")
    assert found.format == keys.detect_format(data) == file_format.removesuffix("2")
    assert found.comment == ("" if file_format in ("pem", "pkcs8") else "me@here")
    assert found.private is not None
    assert found.key == found.private.key == keys.load_public(data) == key.key
    assert keys.load_private(data).key == key.key
    if file_format == "jwk":
        with pytest.raises(KeyFormatError, match="never encrypted"):
            keys.dump_private(key, file_format, passphrase=SECRET)
        return
    quick = 1 if file_format in ("openssh", "ppk") else None
    sealed = keys.dump_private(key, file_format, passphrase=SECRET, rounds=quick)
    assert keys.load_private(sealed, SECRET).key == keys.load_private(sealed, SECRET.encode()).key == key.key
    for wrong in (None, "", "hunter2"):
        with pytest.raises(PassphraseError) as caught:
            keys.load_private(sealed, wrong)
        assert "hunter2" not in repr(caught.value)


@pytest.mark.parametrize("file_format", keys.PUBLIC_FORMATS)
@pytest.mark.parametrize("kind", KEYS)
def test_public_formats(kind: str, file_format: str) -> None:
    key = KEYS[kind].key
    if (kind, file_format) in NOT_THERE or (file_format == "pkcs1" and kind != "rsa"):
        with pytest.raises(KeyFormatError):
            keys.dump_public(key, file_format)
        return
    data = keys.dump_public(key, file_format, comment="me@here")
    comment = "" if file_format in ("spki", "pkcs1") else "me@here"
    assert keys.load_key(data) == keys.KeyFile(file_format, key, None, comment)
    assert keys.load_public(data) == key
    with pytest.raises(KeyFormatError, match="this is a public key"):
        keys.load_private(data)


def test_lines_of_other_files() -> None:
    line = keys.dump_public(KEYS["rsa"].key, comment="me@here")
    for before in (b"# comment\n\n", b'restrict,command="a \\"b\\" c" ', b"host,[other]:22 "):
        found = keys.load_key(before + line)
        assert (found.format, found.key, found.comment) == ("public", KEYS["rsa"].key, "me@here")
        assert found.others == 0
    several = line + b"not a key\n" + keys.dump_public(KEYS["ecdsa"].key)
    assert keys.load_key(several).others == 1
    assert [key for key, _ in keys.find_keys(several.decode())] == [KEYS["rsa"].key, KEYS["ecdsa"].key]


def test_certificates_give_their_key() -> None:
    from pyssh.keys.public import decode_public_key  # noqa: PLC0415  # beside the public face

    certificate = decode_public_key(certificate_blob(KEYS["ed25519"].key, KEYS["ecdsa"]))
    assert isinstance(certificate, keys.Certificate)
    assert keys.load_public(keys.dump_public(certificate, "rfc4716")) == certificate
    for name in ("spki", "jwk"):
        assert keys.load_public(keys.dump_public(certificate, name)) == KEYS["ed25519"].key


def test_ssh_com() -> None:
    found = keys.load_key(sshcom_file(KEYS["rsa"]), "ignored")
    assert (found.format, found.key, found.comment) == ("sshcom", KEYS["rsa"].key, "a comment")
    assert keys.detect_format(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n") == "pkcs8"


def test_keys_in_devices() -> None:
    data = (DATA / "sk-ssh-ed25519").read_bytes()
    found = keys.load_key(data)
    assert found.private is not None
    assert found.key.is_security_key
    assert keys.load_public(data) == found.key
    with pytest.raises(KeyFormatError, match="in a security key"):
        keys.load_private(data)


def test_parameters_in_front() -> None:
    """As `openssl ecparam -genkey` writes them."""
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    data = parameters + keys.dump_private(KEYS["ecdsa"], "pem")
    assert keys.load_private(data).key == KEYS["ecdsa"].key


@pytest.mark.parametrize("data", [b"", b"text", b"-----BEGIN CERTIFICATE-----\n", b"ssh-rsa AAAA", b"\0\xff"])
def test_no_format_that_is_known(data: bytes) -> None:
    for function in (keys.detect_format, keys.load_key, keys.load_public):
        with pytest.raises(KeyFormatError, match="not a key file"):
            function(data)


def test_limits_and_names() -> None:
    for function in (keys.load_key, keys.load_private, keys.load_public):
        with pytest.raises(KeyFormatError, match="more than"):
            function(bytes(MAX_FILE_SIZE + 1))
    with pytest.raises(
        KeyFormatError, match="private keys are not written as 'spki'; there are openssh, pem"
    ):
        keys.dump_private(KEYS["rsa"], "spki")
    with pytest.raises(KeyFormatError, match="public keys are not written as 'ppk'; there are public, rfc"):
        keys.dump_public(KEYS["rsa"].key, "ppk")
    with pytest.raises(AttributeError):
        keys.unheard_of  # noqa: B018


@given(
    st.binary(), st.sampled_from([b"", b"{", b"PuTTY-User-Key-File-3: ", b"-----BEGIN PRIVATE KEY-----\n"])
)
def test_any_bytes(data: bytes, beginning: bytes) -> None:
    for function in (keys.load_key, keys.load_private, keys.load_public):
        with contextlib.suppress(KeyFormatError):
            function(beginning + data)


def test_the_names_are_loaded_when_used() -> None:
    program = "import sys, pyssh.keys; print(*(name for name in sys.modules if name.startswith('pyssh')))"
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert set(ran.stdout.split()) == {"pyssh", "pyssh.about", "pyssh.keys"}
    assert all(getattr(keys, name) is not None for name in keys.__all__)
