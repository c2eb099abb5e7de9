"""The server alone: keys and their signatures."""

import pytest

from pyssh.algorithms.preferences import Algorithms
from pyssh.errors import DecodeError, ProtocolError
from pyssh.events import (
    Accept,
    Authenticated,
    AuthenticationRequested,
    PublicKeyAttempt,
)
from pyssh.keys.certificate import CertifiedSigner
from pyssh.keys.private import generate_private_key
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.keys.rsa import RsaPublic
from pyssh.messages.userauth import (
    PublicKeyFields,
    UserauthRequest,
    UserauthSuccess,
)
from pyssh.userauth.signed_data import signature_request, signed_data
from pyssh.wire.types import put_string
from tests.unit.keys.building import certificate_blob
from tests.unit.keys.device import ED25519, Device
from tests.unit.userauth.bench import Bench, signed
from tests.unit.userauth.joined import HOST_KEY, OTHER_KEY, SESSION, USER_KEY, server_options


@pytest.mark.parametrize("host_key", [None, HOST_KEY.key], ids=["plain", "hostbound"])
def test_a_signature_needs_no_probe(host_key: PublicKey | None) -> None:
    bench = Bench()
    assert bench.server.receive(memoryview(signed(USER_KEY, "ssh-ed25519", host_key)))
    assert bench.question().attempt == PublicKeyAttempt(USER_KEY.key, "ssh-ed25519", signed=True)
    bench.answer(Accept())
    assert bench.sent == [UserauthSuccess()]
    assert bench.events[-1] == Authenticated("alice", "publickey")
    assert bench.server.succeeded
    assert not bench.server.waiting


def test_every_byte_of_a_signed_request_counts() -> None:
    payload = signed(USER_KEY, "ssh-ed25519", HOST_KEY.key)
    for at in range(1, len(payload)):
        if at == payload.index(b"v00@openssh.com") + len(b"v00@openssh.com"):
            continue  # the boolean: any non-zero byte is true (RFC 4251 section 5)
        bench = Bench()
        tampered = bytearray(payload)
        tampered[at] ^= 0x02
        try:
            assert bench.server.receive(memoryview(tampered))
        except ProtocolError:
            continue
        assert not any(isinstance(event, AuthenticationRequested) for event in bench.events), at


def test_a_signature_for_another_user() -> None:
    bench = Bench()
    stolen = UserauthRequest.decode(signed(USER_KEY, "ssh-ed25519", user="bob"))
    bench.receive(stolen.replace(user_name="alice"))
    assert bench.refused() == "the signature is wrong"


def test_a_signature_bound_to_another_host() -> None:
    bench = Bench()
    assert bench.server.receive(memoryview(signed(USER_KEY, "ssh-ed25519", OTHER_KEY.key)))
    assert bench.refused() == "bound to another host key"


def test_a_signature_bound_and_sent_as_unbound() -> None:
    bench = Bench()
    bound = UserauthRequest.decode(signed(USER_KEY, "ssh-ed25519", HOST_KEY.key))
    with pytest.raises(DecodeError):
        bench.receive(bound.replace(method_name="publickey"))


@pytest.mark.parametrize(
    ("blob", "algorithm", "reason"),
    [
        (USER_KEY.key.blob, "ssh-rsa", "signature algorithm 'ssh-rsa' is not allowed"),
        (USER_KEY.key.blob, "x" * 5000, f"signature algorithm '{'x' * 64}' is not allowed"),
        (USER_KEY.key.blob, "rsa-sha2-512", "rsa-sha2-512 is not for a key of type ssh-ed25519"),
        (b"", "ssh-ed25519", "not a public key"),
        (USER_KEY.key.blob + b"\0", "ssh-ed25519", "not a public key"),
        (b"\0\0\0\x07ssh-dss", "ssh-ed25519", "unknown key type"),
        (bytes(32 * 1024 + 1), "ssh-ed25519", "the key is too long"),
        (RsaPublic.from_numbers(65537, (1 << 2046) + 1).blob, "rsa-sha2-256", "2047 bits is too short"),
    ],
)
def test_keys_that_are_refused_unasked(blob: bytes, algorithm: str, reason: str) -> None:
    bench = Bench()
    bench.request("publickey", PublicKeyFields(False, algorithm, blob, b"").encode())
    assert reason in bench.refused()
    assert bench.server.attempts == 1


@pytest.mark.parametrize("algorithm", ["rsa-sha2-512", "rsa-sha2-256"])
def test_rsa_keys(algorithm: str) -> None:
    key = generate_private_key("rsa", 2048)
    bench = Bench()
    assert bench.server.receive(memoryview(signed(key, algorithm)))
    assert bench.question().attempt == PublicKeyAttempt(key.key, algorithm, signed=True)

    other = {"rsa-sha2-512": "rsa-sha2-256", "rsa-sha2-256": "rsa-sha2-512"}[algorithm]
    request = signature_request("alice", key.key, algorithm, None)
    disagreeing = bytearray(request)
    put_string(disagreeing, key.sign(other, signed_data(SESSION, request)))
    bench = Bench()
    assert bench.server.receive(memoryview(disagreeing))
    assert bench.refused() == "the signature is wrong"


def test_sha_1_where_it_is_switched_on() -> None:
    key = generate_private_key("rsa", 2048)
    bench = Bench(server_options(algorithms=Algorithms.legacy()))
    assert bench.server.receive(memoryview(signed(key, "ssh-rsa")))
    assert bench.question().attempt == PublicKeyAttempt(key.key, "ssh-rsa", signed=True)


def test_a_certificate_is_shown_to_the_owner() -> None:
    certificate = decode_public_key(certificate_blob(USER_KEY.key, OTHER_KEY))
    algorithm = "ssh-ed25519-cert-v01@openssh.com"
    bench = Bench()
    assert bench.server.receive(memoryview(signed(CertifiedSigner(USER_KEY, certificate), algorithm)))  # type: ignore[arg-type]  # it is one
    attempt = bench.question().attempt
    assert isinstance(attempt, PublicKeyAttempt)
    assert attempt.signed
    assert type(attempt.key) is type(certificate)
    assert attempt.key.plain == USER_KEY.key


def test_a_security_key_tells_its_flags_and_counter() -> None:
    device = Device(ED25519)
    request = signature_request("alice", device.key, ED25519, None)
    payload = bytearray(request)
    put_string(payload, device.sign(signed_data(SESSION, request), 5, 77))
    bench = Bench()
    assert bench.server.receive(memoryview(payload))
    assert bench.question().attempt == PublicKeyAttempt(device.key, ED25519, True, 5, 77)
