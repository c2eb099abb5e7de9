"""Making certificates."""

from typing import Any

import pytest

from pyssh.errors import KeyFormatError
from pyssh.keys.certificate import FOREVER, Certificate
from pyssh.keys.certify import Statement, flag_option, sign_certificate, text_option
from pyssh.keys.private import generate_private_key
from pyssh.keys.public import decode_public_key

TYPES = ("ed25519", "ecdsa", "rsa", "mldsa44-ed25519", "mldsa44-ed25519@openssh.com")
KEYS = {kind: generate_private_key(kind, 2048 if kind == "rsa" else None) for kind in TYPES}


def certify(certified: str = "ed25519", authority: str = "ed25519", **changes: Any) -> Certificate:
    ca = KEYS[authority]
    fields = {"kind": "user", "key_id": "me", "principals": ("a", "b")} | changes
    algorithm = ca.key.signature_algorithms[0]
    return sign_certificate(
        KEYS[certified].key, Statement(**fields), ca.key, lambda data: ca.sign(algorithm, data), b"nonce" * 4
    )


@pytest.mark.parametrize("authority", TYPES)
@pytest.mark.parametrize("kind", TYPES)
def test_holds(kind: str, authority: str) -> None:
    certificate = certify(kind, authority, serial=9, valid_after=1000, valid_before=2000)
    certificate.validate(1500, "a", "user")
    assert certificate.certified == KEYS[kind].key
    assert certificate.signature_key == KEYS[authority].key
    assert (certificate.serial, certificate.key_id, certificate.principals) == (9, "me", ("a", "b"))
    assert decode_public_key(certificate.blob) == certificate


def test_options_come_in_order() -> None:
    certificate = certify(
        critical_options={"source-address": text_option("::1/128"), "force-command": text_option("true")},
        extensions={"permit-pty": flag_option, "permit-X11-forwarding": flag_option},
    )
    assert list(certificate.critical_options) == ["force-command", "source-address"]
    assert list(certificate.extensions) == ["permit-X11-forwarding", "permit-pty"]
    assert certificate.force_command == "true"
    assert certificate.valid_before == FOREVER


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "robot"},
        {"principals": ("x",) * 257},
        {"serial": 2**64},
        {"valid_after": -1},
        {"valid_after": 5, "valid_before": 5},
        {"key_id": "a\0b"},
        {"critical_options": {"force-command": b"x"}},
    ],
)
def test_what_no_certificate_says(changes: dict[str, Any]) -> None:
    with pytest.raises(KeyFormatError):
        certify(**changes)


def test_certificates_are_not_certified() -> None:
    made = certify()
    ca = KEYS["ed25519"]
    for key, authority in ((made, ca.key), (ca.key, made)):
        with pytest.raises(KeyFormatError, match="neither be certified nor certify"):
            sign_certificate(key, Statement("user", "me"), authority, lambda _: b"", b"")
