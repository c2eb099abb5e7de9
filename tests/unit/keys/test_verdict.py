"""The one place that judges certificates: each question, and the order of the answers."""

import pytest

from pyssh.errors import KeyFormatError
from pyssh.keys.certificate import FOREVER, Certificate
from pyssh.keys.private import generate_private_key
from pyssh.keys.public import decode_public_key
from pyssh.keys.verdict import Verdict, is_from, judge_certificate, show_utc
from tests.unit.keys.building import certificate_blob, strings

CA = generate_private_key("ed25519")
OTHER = generate_private_key("ed25519")
USER = generate_private_key("ed25519")
NOW = 1500.0


def certify(**changes: object) -> Certificate:
    certificate = decode_public_key(certificate_blob(USER.key, CA, **changes))  # type: ignore[arg-type] # any of them
    assert isinstance(certificate, Certificate)
    return certificate


def judge(certificate: Certificate, **asked: object) -> Verdict:
    asked = {"kind": "user", "now": NOW, "names": ("user",)} | asked
    return judge_certificate(certificate, **asked)  # type: ignore[arg-type] # as above


def failures(verdict: Verdict) -> set[str]:
    return {check.name for check in verdict.checks if not check.passed}


def test_a_good_one_is_asked_everything() -> None:
    certificate = certify(critical=(("source-address", strings("192.0.2.0/24")),))
    verdict = judge(certificate, authorities=[CA.key], address="192.0.2.7", is_revoked=lambda _: False)
    assert verdict.holds
    assert verdict.reason == ""
    asked = ["type", "authority", "revocation", "signature", "validity", "principals", "options", "source"]
    assert [check.name for check in verdict.checks] == asked
    assert all(check.text for check in verdict.checks)


@pytest.mark.parametrize(
    ("changes", "asked", "failed", "words"),
    [
        ({"kind": 2}, {}, {"type"}, "is for a host, not for a user"),
        ({}, {"authorities": [OTHER.key]}, {"authority"}, CA.key.fingerprint()),
        ({}, {"authorities": []}, {"authority"}, "is not trusted"),
        ({}, {"is_revoked": lambda _: True}, {"revocation"}, "is revoked"),
        ({"signature": strings("ssh-ed25519", bytes(64))}, {}, {"signature"}, "signature is wrong"),
        ({}, {"ca_algorithms": ["rsa-sha2-512"]}, {"signature"}, "'ssh-ed25519', which is not allowed"),
        ({}, {"now": 999}, {"validity"}, "begins 1 second from now, on 1970-01-01 00:16:40 UTC"),
        ({}, {"now": 2000 + 7201}, {"validity"}, "has expired 2 hours ago, on 1970-01-01 00:33:20 UTC"),
        ({"principals": ("a", "b")}, {}, {"principals"}, "is not for 'user', but for 'a', 'b'"),
        ({"principals": ("*",)}, {}, {"principals"}, "but for '*'"),
        ({"principals": ()}, {}, {"principals"}, "it names nobody"),
        ({}, {"names": ()}, {"principals"}, "is not for anybody"),
        ({"critical": (("verify-require", b""),)}, {}, {"options"}, "critical option 'verify-require'"),
    ],
    ids=map(str, range(13)),
)
def test_what_speaks_against_one(
    changes: dict[str, object], asked: dict[str, object], failed: set[str], words: str
) -> None:
    verdict = judge(certify(**changes), **asked)
    assert failures(verdict) == failed
    assert not verdict.holds
    assert words in verdict.reason


def test_everything_wrong_is_told() -> None:
    verdict = judge(certify(kind=2, critical=(("x", b""),)), now=5000, names=("other",))
    assert failures(verdict) == {"type", "validity", "principals", "options"}


def test_a_revocation_that_cannot_be_looked_up_counts() -> None:
    def broken(_: object) -> bool:
        raise KeyFormatError("the list is damaged")

    verdict = judge(certify(), is_revoked=broken)
    assert failures(verdict) == {"revocation"}
    assert "the list is damaged" in verdict.reason


def test_patterns_are_for_hosts() -> None:
    host = certify(kind=2, principals=("*.example.org",))
    assert judge(host, kind="host", names=("A.example.org",)).holds
    assert not judge(host, kind="host", names=("example.org",)).holds


def test_any_of_several_names_does() -> None:
    assert judge(certify(principals=("b", "c")), names=("a", "c")).holds


@pytest.mark.parametrize(
    ("address", "networks", "inside"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.8", "192.0.2.7", False),
        ("192.0.2.8", "198.51.100.0/24,192.0.2.0/24", True),
        ("::ffff:192.0.2.8", "192.0.2.0/24", True),
        ("2001:db8::1", "2001:db8::/32", True),
        ("fe80::1%eth0", "fe80::/64", True),
        ("UNKNOWN", "0.0.0.0/0", False),
    ],
)
def test_source_addresses(address: str, networks: str, inside: bool) -> None:
    assert is_from(address, networks) is inside


@pytest.mark.parametrize("networks", ["", "192.0.2.7,", "192.0.2.7,*", "192.0.2.1/24", "!192.0.2.7"])
def test_a_broken_list_of_sources_is_good_for_nobody(networks: str) -> None:
    with pytest.raises(KeyFormatError, match="source-address"):
        is_from("192.0.2.7", networks)
    certificate = certify(critical=(("source-address", strings(networks)),))
    assert failures(judge(certificate, address="192.0.2.7")) == {"source"}


def test_times_far_away() -> None:
    assert judge(certify(valid=(0, FOREVER))).holds
    assert "4000000000000000000 seconds" in show_utc(4 * 10**18)
    assert not judge(certify(valid=(FOREVER - 1, FOREVER))).holds
