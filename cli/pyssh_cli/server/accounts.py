"""Who a user name stands for: the system's accounts, and which of them may be logged in to.

Look-ups may ask the network (NSS), so they belong on a thread. Started as root a server knows every account;
started by anybody else it knows one, that user's own, and never more rights than theirs.
"""

import grp
import os
import pwd
from collections.abc import Collection
from pathlib import Path
from typing import Final

from pyssh.record import Record

__all__ = ["NOBODY", "Account", "Accounts", "find_account", "own_account"]

_DEFAULT_SHELL: Final = "/bin/sh"


class Account(Record):
    """An account of the system. `groups` are the numbers of all its groups, the primary one too."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str
    shell: str

    @property
    def is_own(self) -> bool:
        """Whether this process has this account's rights already, so that there is nothing to drop."""
        return self.uid == os.geteuid()

    @property
    def group_names(self) -> tuple[str, ...]:
        """The names of its groups, as far as they have any."""
        return tuple(name for name in map(_group_name, self.groups) if name)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""


NOBODY: Final = Account("nobody", 65534, 65534, (65534,), "/nonexistent", "/usr/sbin/nologin")
"""Stands in for users that do not exist, where others than our own may log in."""


def find_account(name: str) -> Account | None:
    """Look up an account of the system by name."""
    try:
        found = pwd.getpwnam(name)
    except (KeyError, ValueError, UnicodeError):
        return None
    # the system may fold case or cut names: the account must be the one that was asked for
    return _account_of(found) if found.pw_name == name else None


def _account_of(found: pwd.struct_passwd) -> Account:
    groups = tuple(os.getgrouplist(found.pw_name, found.pw_gid))
    return Account(
        found.pw_name,
        found.pw_uid,
        found.pw_gid,
        groups,
        found.pw_dir,
        found.pw_shell or _DEFAULT_SHELL,
    )


def own_account() -> Account:
    """Return the account of this process; a container may run it under a number that has no entry.

    Its home is `$HOME`, as for everything else the user starts, provided that it is theirs.
    """
    uid, gid = os.geteuid(), os.getegid()
    try:
        found = _account_of(pwd.getpwuid(uid))
    except KeyError:
        name = os.environ.get("USER") or os.environ.get("LOGNAME") or str(uid)
        found = Account(name, uid, gid, (), "/", os.environ.get("SHELL") or _DEFAULT_SHELL)
    home = os.environ.get("HOME", "")
    if not _is_home_of(home, uid):
        home = found.home
    return found.replace(home=home, gid=gid, groups=tuple({gid, *os.getgroups()}))


def _is_home_of(path: str, uid: int) -> bool:
    # sudo may leave another user's HOME in place
    try:
        return Path(path).is_absolute() and Path(path).stat().st_uid == uid
    except OSError:
        return False


class Accounts:
    """Finds the account behind a user name.

    `names` are those that have a password of ours (`--user`, `--password-file`); None is without. Then root
    knows all accounts of the system, and everybody else their own.
    """

    def __init__(self, own: Account, names: Collection[str] | None = None) -> None:
        self.own = own
        self._names = names

    @property
    def decoy(self) -> Account:
        """The account whose files are worked on for a user that does not exist; that takes as long."""
        return NOBODY if self.own.uid == 0 else self.own

    def find(self, name: str) -> Account | None:
        """Return the account that a user name logs in to; None if there is none."""
        if self._names is not None and name not in self._names:
            return None
        if self.own.uid != 0:
            # names of a password file are names of logins here: there is but one account
            return self.own if self._names is not None or name == self.own.name else None
        return self.own if name == self.own.name else find_account(name)
