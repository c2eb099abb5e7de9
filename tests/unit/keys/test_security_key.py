from pathlib import Path

import pytest

from pyssh.errors import KeyFormatError
from pyssh.keys.ecdsa import EcdsaPrivate
from pyssh.keys.formats import load_private_key
from pyssh.keys.modules import key_module
from pyssh.keys.openssh import encode_private_key
from pyssh.keys.public import decode_public_key
from pyssh.keys.security_key import SignatureFlags, decode_flags
from tests.unit.keys.building import DATA, strings
from tests.unit.keys.device import ECDSA, ED25519, Device

types = pytest.mark.parametrize("key_type", [ED25519, ECDSA])


@types
def test_verification(key_type: str) -> None:
    device = Device(key_type)
    key = device.key
    assert (key.key_type, key.bits, key.signature_algorithms) == (key_type, 256, (key_type,))
    assert key.is_security_key
    for flags in (0, 1, 4, 5, 0xFF):
        signature = device.sign(DATA, flags, 2**32 - 1)
        assert key.verify(key_type, signature, DATA)
        assert decode_flags(signature) == SignatureFlags(bool(flags & 1), bool(flags & 4), 2**32 - 1)
    assert not key.verify(key_type, device.sign(DATA), DATA + b".")


@types
def test_every_byte_counts(key_type: str) -> None:
    device = Device(key_type)
    signature = device.sign(DATA)
    for at in range(len(signature)):
        tampered = bytearray(signature)
        tampered[at] ^= 1
        assert not device.key.verify(key_type, bytes(tampered), DATA)
        assert not device.key.verify(key_type, signature[:at], DATA)
    assert not device.key.verify(key_type, signature + b"\0", DATA)


@types
def test_the_application_is_signed(key_type: str) -> None:
    device = Device(key_type)
    signature = device.sign(DATA)
    device.application = "ssh:other"
    assert not device.key.verify(key_type, signature, DATA)


def test_an_ordinary_signature_is_none() -> None:
    device = Device(ED25519)
    plain = decode_public_key(strings("ssh-ed25519", device.ed25519.public_key().public_bytes_raw()))
    assert not plain.is_security_key
    value = device.ed25519.sign(DATA)
    assert plain.verify("ssh-ed25519", strings("ssh-ed25519", value), DATA)
    for name in ("ssh-ed25519", ED25519):
        for tail in (b"", b"\1\0\0\0\0"):
            assert not device.key.verify(ED25519, strings(name, value) + tail, DATA)
    assert not plain.verify("ssh-ed25519", device.sign(DATA), DATA)


def test_flags_of_something_else() -> None:
    for wrong in (b"", strings("a", "b"), strings("a", "b") + b"\1\0\0\0", strings("a", "b") + bytes(6)):
        with pytest.raises(KeyFormatError, match="signature"):
            decode_flags(wrong)


def test_keys_that_are_none() -> None:
    point = EcdsaPrivate(Device(ECDSA).ecdsa).key.blob[-65:]
    for blob in (
        strings(ED25519, bytes(31), "ssh:"),
        strings(ED25519, bytes(32)),
        strings(ED25519, bytes(32), b"\xff"),
        strings(ECDSA, "nistp384", point, "ssh:"),
        strings(ECDSA, "nistp256", point),
        strings(ECDSA, "nistp256", point[:-1], "ssh:"),
    ):
        with pytest.raises(KeyFormatError):
            decode_public_key(blob)


@types
def test_private_halves_are_not_here(key_type: str) -> None:
    data = (Path(__file__).parent / "data" / key_type.partition("@")[0]).read_bytes()
    with pytest.raises(KeyFormatError, match="ssh-agent"):
        load_private_key(data, None)
    handle, comment = load_private_key(data, None, handles=True)
    assert (handle.key.key_type, comment) == (key_type, "skc")
    with pytest.raises(KeyFormatError, match="ssh-agent"):
        handle.sign(key_type, b"data")
    again, _ = load_private_key(encode_private_key(handle, "", b"secret"), b"secret", handles=True)
    fields = bytearray(), bytearray()
    for private, out in zip((handle, again), fields, strict=True):
        private.put_private(out)
    assert fields[0] == fields[1]
    with pytest.raises(KeyFormatError, match="ssh-keygen"):
        key_module(key_type).generate(key_type, None)
