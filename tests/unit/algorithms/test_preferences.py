import pytest

from pyssh.algorithms.ciphers import CIPHERS
from pyssh.algorithms.compression import COMPRESSION
from pyssh.algorithms.kex import KEX
from pyssh.algorithms.macs import MACS
from pyssh.algorithms.preferences import SIGNATURES, Algorithms, edit_list
from pyssh.algorithms.registry import Registry, Spec
from pyssh.errors import UsageError

REGISTRIES: tuple[Registry[Spec], ...] = (CIPHERS, COMPRESSION, KEX, MACS, SIGNATURES)  # type: ignore[assignment]  # a registry only reads

KNOWN = ("aes256-gcm", "aes128-gcm", "aes256-ctr", "3des-cbc")
DEFAULT = KNOWN[:3]


def test_the_best_come_first() -> None:
    algorithms = Algorithms()
    assert algorithms.kex[0] == "mlkem768x25519-sha256"
    assert algorithms.ciphers[:3] == (
        "aes256-gcm@openssh.com",
        "aes128-gcm@openssh.com",
        "chacha20-poly1305@openssh.com",
    )
    assert algorithms.macs[0] == "hmac-sha2-256-etm@openssh.com"
    assert algorithms.compression == ("none",)
    assert "ssh-ed25519" in algorithms.host_key
    assert "rsa-sha2-512" in algorithms.user_key


def test_nothing_weak_is_on() -> None:
    algorithms = Algorithms()
    for names in (
        algorithms.kex,
        algorithms.host_key,
        algorithms.ciphers,
        algorithms.macs,
        algorithms.user_key,
    ):
        assert not [name for name in names if "sha1" in name or "cbc" in name or name.startswith("ssh-rsa")]


def test_legacy_is_everything() -> None:
    algorithms = Algorithms.legacy()
    assert algorithms.kex == KEX.names
    assert "3des-cbc" in algorithms.ciphers
    assert "hmac-sha1" in algorithms.macs
    assert "ssh-rsa" in algorithms.host_key
    assert "ssh-rsa" in algorithms.user_key
    assert "zlib" in algorithms.compression


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_legacy_algorithms_come_last(registry: Registry[Spec]) -> None:
    legacy = [spec.legacy for spec in registry]
    assert legacy == sorted(legacy)
    assert registry.default_names == registry.names[: len(registry.default_names)]
    assert len(registry) == len(registry.names) == len(set(registry.names))
    assert all(spec.rfc for spec in registry)
    assert registry.names[0] in registry
    assert "rot13" not in registry


@pytest.mark.parametrize("kind", ["kex", "host_key", "ciphers", "macs", "compression", "user_key"])
def test_unknown_names_and_empty_lists_are_refused(kind: str) -> None:
    with pytest.raises(UsageError, match=r"unknown .* 'rot13' \(known: "):
        Algorithms(**{kind: ("rot13",)})
    with pytest.raises(UsageError, match="at least one"):
        Algorithms(**{kind: ()})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("3des-cbc", ("3des-cbc",)),
        ("aes128-gcm, aes256-gcm", ("aes128-gcm", "aes256-gcm")),
        ("aes128-gcm,aes128-gcm", ("aes128-gcm",)),
        ("+3des-cbc", (*DEFAULT, "3des-cbc")),
        ("+aes256-gcm", DEFAULT),
        ("-aes128-gcm", ("aes256-gcm", "aes256-ctr")),
        ("-*-gcm", ("aes256-ctr",)),
        ("-aes???-gcm,nothing-like-it", ("aes256-ctr",)),
        ("-aes[12]*", DEFAULT),
        ("-*", ()),
        ("^aes256-ctr", ("aes256-ctr", "aes256-gcm", "aes128-gcm")),
        ("^3des-cbc", ("3des-cbc", *DEFAULT)),
        ("aes256-*", ("aes256-gcm", "aes256-ctr")),
        ("+*", (*DEFAULT, "3des-cbc")),
        ("*gcm*,*", KNOWN),
    ],
)
def test_edits(text: str, names: tuple[str, ...]) -> None:
    assert edit_list(text, DEFAULT, KNOWN) == names


@pytest.mark.parametrize("text", ["rot13", "+rot13", "^rot13", "aes256-gcm,rot13", "rot*"])
def test_an_edit_names_what_is_unknown(text: str) -> None:
    with pytest.raises(UsageError, match="unknown algorithm 'rot"):
        edit_list(text, DEFAULT, KNOWN)


@pytest.mark.parametrize("text", ["", "+", "aes256-gcm,", "^aes256-gcm,,aes128-gcm"])
def test_an_empty_name_is_unknown_too(text: str) -> None:
    with pytest.raises(UsageError):
        edit_list(text, DEFAULT, KNOWN)
