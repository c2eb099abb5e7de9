import pytest

from pyssh_cli.server.accounts import Account
from pyssh_cli.server.environment import accepts, is_dangerous, session_environment

USER = Account("alice", 4242, 4242, (4242,), "/home/alice", "/bin/sh")
ROOT = USER.replace(name="root", uid=0)
PEER, LOCAL = ("192.0.2.1", 40000), ("192.0.2.2", 22)


@pytest.mark.parametrize(
    "name",
    [
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "BASH_ENV",
        "ENV",
        "IFS",
        "PERL5LIB",
        "PATH",
    ],
)
def test_some_are_never_accepted(name: str) -> None:
    assert is_dangerous(name)
    assert not accepts(name, ["*"])


@pytest.mark.parametrize(
    ("name", "patterns", "accepted"),
    [
        ("LANG", ["LANG", "LC_*"], True),
        ("LC_ALL", ["LANG", "LC_*"], True),
        ("LANGUAGE", ["LANG", "LC_*"], False),
        ("X", [], False),
        ("", ["*"], False),
        ("A=B", ["*"], False),
        ("A\nB", ["*"], False),
        ("Ä", ["*"], False),
    ],
)
def test_the_list_decides(name: str, patterns: list[str], accepted: bool) -> None:
    assert accepts(name, patterns) is accepted


def test_what_is_granted_wins_and_what_is_wished_does_not() -> None:
    wished = {"LANG": "C", "HOME": "/elsewhere"}
    made = session_environment(USER, peer=PEER, local=LOCAL, wished=wished, granted={"SHELL": "/bin/x"})
    assert made["LANG"] == "C"
    assert made["HOME"] == "/home/alice"
    assert made["SHELL"] == "/bin/x"
    assert made["SSH_CLIENT"] == "192.0.2.1 40000 22"
    assert made["SSH_CONNECTION"] == "192.0.2.1 40000 192.0.2.2 22"


def test_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    def path(account: Account) -> str:
        return session_environment(account, peer=PEER, local=LOCAL, wished={}, granted={})["PATH"]

    monkeypatch.setenv("PATH", "/my/own")
    assert "/usr/sbin" in path(ROOT)
    assert path(USER).startswith("/usr/local/bin:/usr/bin:/bin")
    monkeypatch.setattr("os.geteuid", lambda: 4242)
    assert path(USER) == "/my/own"
