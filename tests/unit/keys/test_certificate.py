from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.errors import KeyFormatError, UsageError
from pyssh.keys.certificate import (
    DEFAULT_CA_ALGORITHMS,
    FOREVER,
    MAX_PRINCIPALS,
    Certificate,
    CertifiedSigner,
)
from pyssh.keys.modules import key_module
from pyssh.keys.private import generate_private_key
from pyssh.keys.public import decode_public_key, parse_public_line
from pyssh.wire.types import Reader
from tests.unit.keys.building import DATA, certificate_blob, strings
from tests.unit.keys.device import ED25519, Device

CA = generate_private_key("ed25519")
RSA_CA = generate_private_key("rsa", 2048)
USER = generate_private_key("ed25519")
NOW = 1500.0


def certify(**changes: object) -> Certificate:
    certificate = decode_public_key(certificate_blob(USER.key, CA, **changes))  # type: ignore[arg-type] # any of them
    assert isinstance(certificate, Certificate)
    return certificate


def refused(
    certificate: Certificate, reason: str, principal: str | None = "user", kind: str = "user"
) -> None:
    with pytest.raises(KeyFormatError, match=reason):
        certificate.validate(NOW, principal, kind)


def test_fields() -> None:
    certificate = certify(
        principals=("user", "other"),
        critical=(("force-command", strings("true")), ("source-address", strings("10.0.0.0/8"))),
        extensions=(("permit-pty", b""), ("x@y", b"z")),
    )
    assert certificate.key_type == "ssh-ed25519-cert-v01@openssh.com"
    assert certificate.signature_algorithms == ("ssh-ed25519-cert-v01@openssh.com",)
    assert certificate.plain == certificate.certified == USER.key
    assert (certificate.serial, certificate.kind, certificate.key_id) == (7, "user", "id")
    assert certificate.principals == ("user", "other")
    assert (certificate.valid_after, certificate.valid_before) == (1000, 2000)
    assert certificate.force_command == "true"
    assert certificate.source_address == "10.0.0.0/8"
    assert certificate.extensions == {"permit-pty": b"", "x@y": b"z"}
    assert certificate.signature_key == CA.key
    assert certificate.bits == 256
    assert not certificate.is_security_key
    certificate.validate(NOW, "other", "user")


def test_absent_options() -> None:
    certificate = certify(extensions=())
    assert certificate.force_command is None
    assert certificate.source_address is None
    assert certificate.extensions == {}


def test_a_certificate_of_openssh() -> None:
    text = (Path(__file__).parent / "data" / "mldsa44-cert.pub").read_text()
    certificate, _ = parse_public_line(text)
    assert isinstance(certificate, Certificate)
    assert certificate.key_id == "kid"
    assert certificate.force_command is None
    assert sorted(certificate.extensions) == [
        "permit-X11-forwarding",
        "permit-agent-forwarding",
        "permit-port-forwarding",
        "permit-pty",
        "permit-user-rc",
    ]
    certificate.validate(certificate.valid_before - 1, "b", "user")
    with pytest.raises(KeyFormatError, match="expired"):
        certificate.validate(certificate.valid_before, "b", "user")


def test_validity() -> None:
    certificate = certify(valid=(1000, 2000))
    certificate.validate(1000, "user", "user")
    certificate.validate(1999.9, "user", "user")
    for moment, reason in ((999.9, "not yet valid"), (2000, "expired")):
        with pytest.raises(KeyFormatError, match=reason):
            certificate.validate(moment, "user", "user")
    certify(valid=(0, FOREVER)).validate(1e12, "user", "user")


def test_principals() -> None:
    certificate = certify(principals=("user", "us*"))
    certificate.validate(NOW, "user", "user")
    certificate.validate(NOW, None, "user")
    for principal in ("User", "usx", "use", "", "*"):
        refused(certificate, "not for", principal)
    refused(certify(principals=()), "not for")


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("host", "host", True),
        ("host", "HOST", True),
        ("Host", "host", True),
        ("host", "hosts", False),
        ("hosts", "host", False),
        ("*", "host", True),
        ("*.example.org", "a.example.org", True),
        ("*.example.org", "a.b.example.org", True),
        ("*.example.org", "example.org", False),
        ("h?st", "host", True),
        ("h?st", "hst", False),
        ("a*b*c", "aXbbXbc", True),
        ("a*b*c", "aXbbXbcd", False),
        ("host*", "host", True),
        ("[h]ost", "host", False),
        ("*a" * 40, "a" * 5000 + "b", False),
    ],
)
def test_principals_of_hosts_are_patterns(pattern: str, name: str, *, expected: bool) -> None:
    certificate = certify(kind=2, principals=("other", pattern))
    if expected:
        certificate.validate(NOW, name, "host")
    else:
        refused(certificate, "not for", name, "host")


def test_kinds_do_not_mix() -> None:
    refused(certify(kind=1), "for a user, not for a host", kind="host")
    refused(certify(kind=2), "for a host, not for a user")
    for kind in (0, 3):
        with pytest.raises(KeyFormatError, match="neither user nor host"):
            certify(kind=kind)


def test_critical_options() -> None:
    certify(critical=(("verify-required", b""),)).validate(NOW, "user", "user")
    refused(certify(critical=(("new\n", b""),)), r"unknown critical option 'new\\n'")
    refused(certify(kind=2, critical=(("force-command", strings("x")),)), "unknown", kind="host")
    certify(extensions=(("force-command", b"whatever"),)).validate(NOW, "user", "user")


@pytest.mark.parametrize(
    "changes",
    [
        {"critical": (("force-command", b"x"),)},
        {"critical": (("force-command", strings("a", "b")),)},
        {"critical": (("force-command", strings("a\0b")),)},
        {"critical": (("source-address", b""),)},
        {"critical": (("b", b""), ("a", b""))},
        {"extensions": (("a", b""), ("a", b""))},
        {"extensions": (("", b""), ("", b""))},
        {"principals": ("a\0b",)},
        {"principals": ("x",) * (MAX_PRINCIPALS + 1)},
        {"key_id": b"\xff"},
        {"key_id": b"a\0b"},
        {"signature_key": b"x"},
        {"signature_key": strings("none")},
    ],
)
def test_malformed_certificates(changes: dict[str, object]) -> None:
    with pytest.raises(KeyFormatError):
        certify(**changes)


def test_as_many_principals_as_openssh_has() -> None:
    assert len(certify(principals=("x",) * MAX_PRINCIPALS).principals) == MAX_PRINCIPALS


def test_a_certificate_cannot_sign() -> None:
    inner = certify().blob
    with pytest.raises(KeyFormatError, match="cannot sign"):
        certify(signature_key=inner)


def test_nested_certificates_do_not_recurse() -> None:
    blob = CA.key.blob
    for _ in range(200):
        blob = certificate_blob(USER.key, CA, signature_key=blob, signature=b"x")
    with pytest.raises(KeyFormatError, match="cannot sign"):
        decode_public_key(blob)


def test_the_signature_is_checked() -> None:
    for signature, reason in (
        (b"", "malformed"),
        (strings("ssh-ed25519", bytes(64)), "wrong"),
        (strings("ssh-ed25519"), "wrong"),
        (strings("none\x1b", b""), r"'none\\x1b', which is not allowed"),
        (CA.sign("ssh-ed25519", DATA), "wrong"),
    ):
        refused(certify(signature=signature or b"\0"), reason)


def test_every_byte_of_a_certificate_counts() -> None:
    blob = certify().blob
    for at in range(len(blob)):
        tampered = bytearray(blob)
        tampered[at] ^= 1
        with pytest.raises(KeyFormatError):  # noqa: PT012 - where it is refused does not matter
            certificate = decode_public_key(bytes(tampered))
            assert isinstance(certificate, Certificate)
            certificate.validate(NOW, "user", "user")


def test_algorithms_of_authorities() -> None:
    assert not [name for name in DEFAULT_CA_ALGORITHMS if "cert" in name or name == "ssh-rsa"]
    for algorithm in ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"):
        certificate = decode_public_key(certificate_blob(USER.key, RSA_CA, algorithm=algorithm))
        assert isinstance(certificate, Certificate)
        certificate.validate(NOW, "user", "user", {algorithm})
        with pytest.raises(KeyFormatError, match="not allowed"):
            certificate.validate(NOW, "user", "user", {"ssh-ed25519"})
        if algorithm == "ssh-rsa":
            refused(certificate, "not allowed")
        else:
            certificate.validate(NOW, "user", "user")


def test_signing_with_a_certificate() -> None:
    certificate = decode_public_key(certificate_blob(RSA_CA.key, CA))
    assert isinstance(certificate, Certificate)
    assert certificate.signature_algorithms == (
        "rsa-sha2-512-cert-v01@openssh.com",
        "rsa-sha2-256-cert-v01@openssh.com",
        "ssh-rsa-cert-v01@openssh.com",
    )
    signer = CertifiedSigner(RSA_CA, certificate)
    assert signer.key == certificate
    assert repr(signer) == f"<private ssh-rsa-cert-v01@openssh.com {RSA_CA.key.fingerprint()}>"
    for algorithm in certificate.signature_algorithms:
        signature = signer.sign(algorithm, DATA)
        assert signature == RSA_CA.sign(algorithm.replace("-cert-v01@openssh.com", ""), DATA)
        for other in certificate.signature_algorithms:
            assert certificate.verify(other, signature, DATA) is (other == algorithm)
        assert not certificate.verify("rsa-sha2-512", signature, DATA)
        assert not certificate.verify("nothing", signature, DATA)
    for algorithm in ("rsa-sha2-512", "ssh-ed25519-cert-v01@openssh.com", "nothing"):
        with pytest.raises(UsageError, match="does not sign"):
            signer.sign(algorithm, DATA)
    with pytest.raises(KeyFormatError, match="another key"):
        CertifiedSigner(USER, certificate)


def test_certificates_of_security_keys() -> None:
    device = Device(ED25519)
    certificate = decode_public_key(certificate_blob(device.key, CA))
    assert certificate.is_security_key
    assert certificate.key_type == "sk-ssh-ed25519-cert-v01@openssh.com"
    assert certificate.verify("sk-ssh-ed25519-cert-v01@openssh.com", device.sign(DATA), DATA)


def test_certificates_are_neither_read_nor_made_as_private_keys() -> None:
    name = "ssh-ed25519-cert-v01@openssh.com"
    with pytest.raises(KeyFormatError):
        key_module(name).take_private(name, Reader(b""))
    with pytest.raises(KeyFormatError):
        key_module(name).generate(name, None)


@given(st.binary(max_size=300), st.sampled_from(["principals", "critical_options"]))
def test_any_list(data: bytes, field: str) -> None:
    blob = certify(principals=(), extensions=()).blob
    empty = bytes(4)
    head, tail = blob.split(b"id" + empty) if field == "principals" else (blob, b"")
    if field == "principals":
        blob = head + b"id" + strings(data) + tail
    else:
        blob = blob.replace((2000).to_bytes(8, "big") + empty, (2000).to_bytes(8, "big") + strings(data))
    try:
        certificate = decode_public_key(blob)
    except KeyFormatError:
        return
    assert certificate.blob == blob
