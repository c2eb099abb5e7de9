"""Signatures over files."""

import contextlib
import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.errors import KeyFormatError
from pyssh.keys.private import generate_private_key
from pyssh.keys.sshsig import (
    HASHES,
    FileSignature,
    decode_signature,
    encode_signature,
    sign_file,
    signed_data,
)
from tests.unit.keys.building import sshsig_message

KEYS = {
    kind: generate_private_key(kind, 2048 if kind == "rsa" else None)
    for kind in ("ed25519", "ecdsa", "rsa", "mldsa44-ed25519")
}


def sign(kind: str = "ed25519", hash_name: str = "sha512", data: bytes = b"data") -> FileSignature:
    key = KEYS[kind]
    digest = hashlib.new(hash_name, data).digest()
    value = key.sign(key.key.signature_algorithms[0], signed_data("file", hash_name, digest))
    return FileSignature(key.key, "file", hash_name, value)


@pytest.mark.parametrize("hash_name", HASHES)
@pytest.mark.parametrize("kind", KEYS)
def test_whole_files(kind: str, hash_name: str) -> None:
    made = sign_file(KEYS[kind], b"data", "file", hash_name)
    assert made.verify(hashlib.new(hash_name, b"data").digest())
    assert made.verify_file(b"data")
    assert not made.verify_file(b"tada")
    with pytest.raises(KeyFormatError, match="no hash 'md5'"):
        sign_file(KEYS[kind], b"data", "file", "md5")
    with pytest.raises(KeyFormatError, match="a namespace"):
        sign_file(KEYS[kind], b"data", "")


@pytest.mark.parametrize("hash_name", HASHES)
@pytest.mark.parametrize("kind", KEYS)
def test_comes_back_and_is_right(kind: str, hash_name: str) -> None:
    signature = decode_signature(encode_signature(sign(kind, hash_name)))
    assert signature == sign(kind, hash_name) or kind in ("ecdsa", "mldsa44-ed25519")
    digest = hashlib.new(hash_name, b"data").digest()
    assert signature.verify(digest)
    assert not signature.verify(hashlib.new(hash_name, b"tada").digest())
    assert not signature.replace(namespace="git").verify(digest)
    assert not signature.replace(signature=b"").verify(digest)
    assert not signature.replace(key=generate_private_key("ed25519").key).verify(digest)


def test_sha1_signatures_are_none() -> None:
    key = KEYS["rsa"]
    digest = hashlib.sha512(b"data").digest()
    value = key.sign("ssh-rsa", signed_data("file", "sha512", digest))
    assert not FileSignature(key.key, "file", "sha512", value).verify(digest)


def test_signed_data_is_that_of_the_specification() -> None:
    assert signed_data("file", "sha256", b"digest") == sshsig_message("file", "sha256", b"digest")
    for namespace, hash_name in (("", "sha256"), ("file", "md5")):
        with pytest.raises(KeyFormatError):
            signed_data(namespace, hash_name, b"")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda text: text[1:], "missing header"),
        (lambda text: text.replace("END", "FIN"), "missing footer"),
        (lambda text: text.replace("\nU", "\n*"), "not base64"),
        (lambda text: text.replace("\nU1NIU0lH", "\nU1NIU0lI"), "not a file signature"),
        (lambda text: text.replace("\nU1NIU0lHAAAAAQ", "\nU1NIU0lHAAAAAg"), "version 2"),
        (lambda text: text.replace("\nU1NIU0lHAAAAAQAAAD", "\nU1NIU0lHAAAAAQAAzD"), "damaged"),
        (lambda text: text * 10_000, "more than"),
        (lambda _: encode_signature(sign().replace(hash_name="md5")), "unknown hash 'md5'"),
    ],
)
def test_damaged_files(change: Callable[[str], str], problem: str) -> None:
    text = encode_signature(sign())
    with pytest.raises(KeyFormatError, match=problem):
        decode_signature(change(text))


@given(st.text(), st.binary())
def test_arbitrary_files(text: str, data: bytes) -> None:
    armour = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
    for inside in (text, data.hex()):
        with contextlib.suppress(KeyFormatError):
            decode_signature(f"{armour[0]}\n{inside}\n{armour[1]}\n")
