"""Targets: public keys, certificates, signatures and private key files."""

from collections.abc import Iterator
from functools import cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pyssh.errors import KeyFormatError, UsageError
from pyssh.keys.certificate import Certificate
from pyssh.keys.formats import load_private_key
from pyssh.keys.openssh import encode_private_key, public_of_private
from pyssh.keys.private import PrivateKey, generate_private_key
from pyssh.keys.public import PublicKey, decode_public_key, format_public_line, parse_public_line
from tests.fuzz.targets import outcome, target
from tests.unit.keys.building import certificate_blob, strings

_KINDS: Final = (("ed25519", None), ("ecdsa", 256), ("ecdsa", 521), ("rsa", 2048), ("mldsa44-ed25519", None))
_SECURITY_KEYS: Final = (
    strings("sk-ssh-ed25519@openssh.com", bytes(range(32)), "ssh:"),
    # the generator of the curve
    strings(
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "nistp256",
        bytes.fromhex(
            "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
            "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
        ),
        "ssh:",
    ),
)


@cache
def _keys() -> tuple[PrivateKey, ...]:
    return tuple(generate_private_key(kind, bits) for kind, bits in _KINDS)


def _check(key: PublicKey, blob: bytes) -> None:
    """One key has one blob, and its methods hold whatever is inside."""
    assert key.blob == blob
    assert decode_public_key(key.blob) == key
    assert key.fingerprint()
    assert repr(key)
    for algorithm in (*key.signature_algorithms, "unheard-of"):
        for signature in (b"", strings(algorithm, b""), strings(algorithm, bytes(64)) + bytes(5)):
            assert not key.verify(algorithm, signature, b"data")


def _public_seeds() -> Iterator[bytes]:
    for key in _keys():
        yield key.key.blob
    yield from _SECURITY_KEYS


@target("public-key", _public_seeds)
def fuzz_public_key(data: bytes) -> str:
    key, problem = outcome(decode_public_key, data, errors=KeyFormatError)
    if key is None:
        return problem
    _check(key, data)
    line = format_public_line(key, "comment")
    assert parse_public_line(line) == (key, "comment")
    return key.key_type


def _certificate_seeds() -> Iterator[bytes]:
    authority = _keys()[0]
    for key in _keys():
        yield certificate_blob(key.key, authority)
    yield certificate_blob(
        _keys()[0].key,
        _keys()[3],
        kind=2,
        principals=("*.example.com", "a?c"),
        critical=(("force-command", strings("true")), ("source-address", strings("10.0.0.0/8"))),
    )


@target("certificate", _certificate_seeds)
def fuzz_certificate(data: bytes) -> str:
    key, problem = outcome(decode_public_key, data, errors=KeyFormatError)
    if not isinstance(key, Certificate):
        return problem
    _check(key, data)
    assert isinstance(key.force_command, str | None)
    assert isinstance(key.source_address, str | None)
    _, problem = outcome(key.validate, 1500.0, "user", key.kind, errors=KeyFormatError)
    return key.key_type + problem


@target("public-line", lambda: (format_public_line(key.key, "me@here").encode() for key in _keys()))
def fuzz_public_line(data: bytes) -> str:
    return outcome(parse_public_line, data.decode("utf-8", "surrogateescape"), errors=KeyFormatError)[1]


def _signature_seeds() -> Iterator[bytes]:
    for index, key in enumerate(_keys()):
        for algorithm in key.key.signature_algorithms:
            yield bytes([index]) + key.sign(algorithm, b"data")


@target("signature", _signature_seeds)
def fuzz_signature(data: bytes) -> str:
    """The keys differ from run to run, so that nothing but what they sign now can be right."""
    key = _keys()[(data[0] if data else 0) % len(_keys())]
    found = []
    for algorithm in key.key.signature_algorithms:
        found.append(key.key.verify(algorithm, data[1:], b"other data"))
    for blob in _SECURITY_KEYS:
        device = decode_public_key(blob)
        found.append(device.verify(device.key_type, data[1:], b"other data"))
    assert not any(found)
    return str(len(found))


def _private_seeds() -> Iterator[bytes]:
    for key in _keys():
        yield encode_private_key(key, "comment", None)
    yield encode_private_key(_keys()[0], "comment", b"secret", rounds=1)
    yield encode_private_key(_keys()[0], "", b"secret", rounds=1, cipher="chacha20-poly1305@openssh.com")
    for made in (ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)):
        for form in (PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8):
            yield made.private_bytes(Encoding.PEM, form, NoEncryption())


@target("private-key", _private_seeds)
def fuzz_private_key(data: bytes) -> str:
    outcome(public_of_private, data, errors=KeyFormatError)
    found, problem = outcome(load_private_key, data, None, errors=KeyFormatError)
    if found is None:
        return problem
    key, comment = found
    encoded = encode_private_key(key, comment, None)
    assert load_private_key(encoded, None)[0].key == key.key
    algorithm = key.key.signature_algorithms[0]
    signature, problem = outcome(key.sign, algorithm, b"data", errors=UsageError)
    assert signature is None or isinstance(key.key.verify(algorithm, signature, b"data"), bool)
    return key.key.key_type
