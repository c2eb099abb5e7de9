"""What completion offers for each place of a command line."""

from pathlib import Path

import pytest

from pyssh_cli.commands import COMMANDS
from pyssh_cli.completion.hosts import host_names
from pyssh_cli.completion.words import FILES, candidates

CONFIG = """Host alpha beta.example
 User x
Host *.wild !not-this q?
Match host gamma
 User y
Include more
host delta
"""
KNOWN_HOSTS = """one.example,192.0.2.1 ssh-ed25519 AAAA
[two.example]:2222 ssh-ed25519 AAAA
@cert-authority *.ca.example ssh-ed25519 AAAA
@revoked three.example ssh-ed25519 AAAA
|1|abc=|def= ssh-ed25519 AAAA
# comment
evil;rm ssh-ed25519 AAAA
$(id) ssh-ed25519 AAAA
-oProxyCommand=x ssh-ed25519 AAAA
2001:db8::1 ssh-ed25519 AAAA

"""


@pytest.fixture
def home(tmp_path: Path) -> str:
    folder = tmp_path / ".ssh"
    folder.mkdir(mode=0o700)
    (folder / "config").write_text(CONFIG)
    (folder / "more").write_text("Host epsilon\nInclude config\n")
    (folder / "known_hosts").write_text(KNOWN_HOSTS)
    return str(tmp_path)


NAMES = {"alpha", "beta.example", "delta", "epsilon", "one.example", "192.0.2.1", "two.example"}
NAMES |= {"three.example", "2001:db8::1"}


def _words(home: str, *words: str) -> set[str]:
    return {candidate.text for candidate in candidates(words, len(words) - 1, home)}


def test_hosts_are_those_of_files(home: str) -> None:
    # the machine may have some of its own
    assert set(host_names(home)) - set(host_names("/nonexistent")) == NAMES


def test_no_file_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / ".ssh"
    folder.mkdir()
    (folder / "config").write_bytes(b'Host "open\n\xff\xfe\nHost fine\n')
    (folder / "known_hosts").mkdir()
    assert isinstance(host_names(str(tmp_path)), tuple)
    assert host_names(str(tmp_path), "none") == host_names("/nonexistent", "none")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["alp"], {"alpha"}),
        (["conn"], {"connect"}),
        (["a"], {"alpha", "add", "agent"}),
        (["root@al"], {"root@alpha"}),
        (["connect", "al"], {"alpha"}),
        (["-p", "22", "al"], {"alpha"}),
        (["-p22", "-v", "al"], {"alpha"}),
        (["alpha", "al"], set()),
        (["-J", "x@alpha,de"], {"x@alpha,delta"}),
        (["-J", "alpha", "de"], {"delta"}),
        (["-o", "ForwardX11T"], {"ForwardX11Timeout=", "ForwardX11Trusted="}),
        (["-o", "Nonsense"], set()),
        (["-i", "so"], {FILES}),
        (["-vi", "so"], {FILES}),
        (["-l", "al"], set()),
        (["forward", "--he"], {"--help"}),
        (["keyscan", "alpha", "be"], {"beta.example"}),
        (["completion", "z"], {"zsh"}),
        (["completion", "zsh", "b"], set()),
        (["add", "x"], {FILES}),
        (["serve", "--port", "x"], set()),
    ],
)
def test_candidates(home: str, words: list[str], expected: set[str]) -> None:
    assert _words(home, *words) == expected


def test_another_configuration_has_other_hosts(home: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("Host zeta\n")
    assert _words(home, "-F", str(other), "zet") == {"zeta"}
    assert "alpha" not in _words(home, "-F", str(other), "al")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_flags(home: str, command: str) -> None:
    found = candidates([command, "-"], 1, home)
    assert found
    assert all(candidate.text.startswith("-") and candidate.meaning for candidate in found)
