"""-Q: every list that ssh has, without the names that a type had before it got its own."""

import pytest

from pyssh_cli.client.queries import UnknownQueryError, answer


@pytest.mark.parametrize("query", answer("help"))
def test_every_query_has_an_answer(query: str) -> None:
    assert answer(query)


def test_lists_stand_for_what_they_are_called_after() -> None:
    assert answer("Ciphers") == answer("cipher")
    assert answer("casignaturealgorithms") == answer("sig")
    assert set(answer("cipher-auth")) < set(answer("cipher"))
    assert "ssh-ed25519-cert-v01@openssh.com" in answer("HostKeyAlgorithms")


def test_keys_are_plain_or_certificates() -> None:
    assert sorted(answer("key")) == sorted(answer("key-plain") + answer("key-cert"))
    assert "ssh-ed25519-cert-v01@openssh.com" in answer("key-cert")


@pytest.mark.parametrize("query", ["key", "key-sig", "sig"])
def test_a_type_is_not_listed_under_its_former_name(query: str) -> None:
    assert "ssh-mldsa44-ed25519" in answer(query)
    assert not [name for name in answer(query) if "mldsa44" in name and name.endswith("@openssh.com")]


def test_an_unknown_query_names_the_known_ones() -> None:
    with pytest.raises(UnknownQueryError, match="-Q nonsense: not one of cipher, "):
        answer("nonsense")
