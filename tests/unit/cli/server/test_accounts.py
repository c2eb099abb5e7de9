import os
from pathlib import Path

import pytest

from pyssh_cli.server.accounts import NOBODY, Account, Accounts, find_account, own_account

USER = Account("alice", 4242, 4242, (4242,), "/home/alice", "/bin/sh")
ROOT = Account("root", 0, 0, (0,), "/root", "/bin/sh")


def test_a_user_is_the_only_one_of_their_server() -> None:
    accounts = Accounts(USER)
    assert accounts.find("alice") == USER
    assert accounts.find("root") is None
    assert accounts.find("") is None
    assert accounts.decoy == USER


def test_names_with_passwords_are_logins_of_who_started_it() -> None:
    accounts = Accounts(USER, ["guest", "other"])
    assert accounts.find("guest") == USER
    assert accounts.find("alice") is None


def test_root_knows_the_accounts_of_the_system() -> None:
    accounts = Accounts(ROOT)
    found = accounts.find("daemon")
    assert found is not None
    assert found.uid != 0
    assert accounts.find("no-such-user-here") is None
    assert accounts.find("nul\0") is None
    assert accounts.find("root") == ROOT
    assert accounts.decoy == NOBODY


def test_names_with_passwords_limit_root_too() -> None:
    accounts = Accounts(ROOT, ["daemon"])
    assert accounts.find("daemon") == find_account("daemon")
    assert accounts.find("root") is None


def test_the_home_is_that_of_the_environment_if_it_is_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert own_account().home == str(tmp_path)
    for other in ("relative", "/no/such/folder", "/proc/1/root/nothing"):
        monkeypatch.setenv("HOME", other)
        assert own_account().home not in (other, "")


def test_a_number_without_an_entry_is_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setenv("USER", "container")
    monkeypatch.setenv("SHELL", "/bin/bash")
    own = own_account()
    assert (own.name, own.uid, own.shell) == ("container", os.geteuid(), "/bin/bash")
