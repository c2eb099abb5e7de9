import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh_config.addresses import matches_addresses, matches_host_or_address
from pyssh_config.errors import ConfigError
from pyssh_config.patterns import matches_host, matches_list, matches_pattern


@given(st.text(alphabet="ab.", max_size=10), st.text(alphabet="ab.*?", max_size=10))
def test_patterns_match_as_globs_do(text: str, pattern: str) -> None:
    assert matches_pattern(text, pattern) == bool(re.match(fnmatch.translate(pattern), text))


def test_hostile_patterns_take_no_time() -> None:
    assert not matches_pattern("a" * 3000, "*a" * 50 + "b")


def test_lists_and_exceptions() -> None:
    assert matches_list("a", "b,a")
    assert not matches_list("a", "!a,*")
    assert not matches_list("a", "!b")
    assert matches_list("c", "!b,*")
    assert matches_host("HOST.Example", "host.EXAMPLE")


@pytest.mark.parametrize(
    ("address", "networks", "result"),
    [
        ("192.0.2.5", "192.0.2.0/24", True),
        ("192.0.3.5", "192.0.2.0/24", False),
        ("192.0.2.5", "192.0.2.*", True),
        ("2001:db8::5", "2001:db8::/32", True),
        ("::ffff:192.0.2.5", "192.0.2.0/24", True),
        ("192.0.2.5", "192.0.2.0/24,!192.0.2.5", None),
        ("192.0.2.5", "2001:db8::/32", False),
        ("UNKNOWN", "0.0.0.0/0", False),
    ],
)
def test_addresses(address: str, networks: str, result: bool | None) -> None:
    assert matches_addresses(address, networks) is result


@pytest.mark.parametrize("networks", ["192.0.2.1/24", "x/8", "", "1.2.3.4/33"])
def test_bad_networks(networks: str) -> None:
    with pytest.raises(ConfigError):
        matches_addresses("192.0.2.1", networks)


def test_host_or_address() -> None:
    assert matches_host_or_address("a.example", "192.0.2.1", "*.example")
    assert matches_host_or_address("a.example", "192.0.2.1", "192.0.2.0/24")
    assert not matches_host_or_address("a.example", "192.0.2.1", "192.0.2.0/24,!a.*")
    assert not matches_host_or_address("a.example", "192.0.2.1", "*.example,!192.0.2.1")
