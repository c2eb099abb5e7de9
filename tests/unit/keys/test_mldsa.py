import hashlib
from base64 import b64decode
from pathlib import Path

import pytest

from pyssh.errors import KeyFormatError, UsageError
from pyssh.keys.mldsa import CompositePrivate, generate, take_private
from pyssh.keys.openssh import decode_private_key
from pyssh.keys.private import generate_private_key
from pyssh.keys.public import decode_public_key, parse_public_line
from pyssh.wire.types import Reader, take_string, take_uint32
from tests.unit.keys.building import DATA, sshsig_message, strings

# made by ssh-keygen of OpenSSH 10.6
FILES = Path(__file__).parent / "data"
NAME = "ssh-mldsa44-ed25519"
VENDOR_NAME = "ssh-mldsa44-ed25519@openssh.com"


def test_the_files_of_openssh() -> None:
    private, comment = decode_private_key((FILES / "mldsa44").read_bytes(), None)
    public, _ = parse_public_line((FILES / "mldsa44.pub").read_text())
    assert isinstance(private, CompositePrivate)
    assert private.key == public
    assert comment == "pq comment"
    assert public.fingerprint() == "SHA256:7AMYvSpf24WUG/s7R5UIpzo1ELED8jVdf/drRBNLN2U"
    assert (public.key_type, public.bits, public.signature_algorithms) == (NAME, 512, (NAME,))


def test_a_signature_of_openssh() -> None:
    public, _ = parse_public_line((FILES / "mldsa44.pub").read_text())
    armoured = (FILES / "mldsa44.sig").read_text()
    reader = Reader(b64decode("".join(armoured.splitlines()[1:-1])), len("SSHSIG"))
    assert take_uint32(reader) == 1
    blob, namespace, _reserved, hash_name, signature = (take_string(reader) for _ in range(5))
    assert decode_public_key(blob) == public
    message = sshsig_message(namespace.decode(), hash_name.decode(), hashlib.sha512(b"hello").digest())
    assert public.verify(NAME, signature, message)
    assert not public.verify(NAME, signature, message + b".")


@pytest.mark.parametrize("name", [NAME, VENDOR_NAME])
def test_round_trips(name: str) -> None:
    private = generate(name, None)
    assert decode_public_key(private.key.blob) == private.key
    assert private.key.verify(name, private.sign(name, DATA), DATA)
    out = bytearray()
    private.put_private(out)
    again = take_private(name, Reader(out))
    assert again.key == private.key
    assert private.key.verify(name, again.sign(name, DATA), DATA)


def test_the_names_do_not_mix() -> None:
    private = generate(NAME, None)
    signature = private.sign(NAME, DATA)
    vendor = decode_public_key(strings(VENDOR_NAME, private.key.blob[4 + len(NAME) + 4 :]))
    assert vendor != private.key
    assert not vendor.verify(VENDOR_NAME, signature, DATA)
    assert not vendor.verify(NAME, signature, DATA)
    with pytest.raises(UsageError):
        private.sign(VENDOR_NAME, DATA)


def test_both_halves_must_be_right() -> None:
    first, second = generate(NAME, None), generate(NAME, None)
    values = [key.sign_value(NAME, DATA) for key in (first, second)]
    assert first.key.verify(NAME, strings(NAME, values[0]), DATA)
    for wrong in (
        values[0][:2420] + values[1][2420:],
        values[1][:2420] + values[0][2420:],
        values[0][:-1],
        values[0] + b"\0",
        b"",
    ):
        assert not first.key.verify(NAME, strings(NAME, wrong), DATA)


def test_sizes() -> None:
    for size in (0, 32, 1312, 1343, 1345):
        with pytest.raises(KeyFormatError, match="1344 bytes"):
            decode_public_key(strings(NAME, bytes(size)))
    with pytest.raises(KeyFormatError, match="512 bits"):
        generate_private_key("mldsa44-ed25519", 256)
    assert generate_private_key("mldsa44-ed25519").key.key_type == NAME
    assert generate_private_key("mldsa44-ed25519@openssh.com", 256).key.key_type == VENDOR_NAME


def test_halves_that_do_not_belong_together_are_refused() -> None:
    public = generate(NAME, None).key.blob[-1344:]
    for seeds in (bytes(64), bytes(63), b""):
        with pytest.raises(KeyFormatError):
            take_private(NAME, Reader(strings(public, seeds)))
