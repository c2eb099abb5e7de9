"""Files of a user that say who gets in, read with the user's own rights and the checks of StrictModes."""

import json
from collections.abc import Sequence
from typing import Final

from pyssh.record import Record
from pyssh_cli.server.accounts import Account
from pyssh_cli.server.as_user import read_as
from pyssh_config.errors import ConfigError, escape
from pyssh_config.permissions import read_strictly

__all__ = ["FILE_SIZE", "UserFile", "read_files"]

FILE_SIZE: Final = 4 * 1024 * 1024
"""Some ten thousand keys; the file of one user."""


class UserFile(Record):
    """A file that was asked for. `text` is None if it is not there; `problem` says what is wrong with it."""

    path: str
    text: str | None
    problem: str


def read_files(account: Account, paths: Sequence[str], *, strict: bool) -> list[UserFile]:
    """Read files in one go. Raises OSError if nothing can be done with the user's rights.

    Blocks; call it on a thread.
    """
    answer = read_as(account, lambda: _read_all(account, paths, strict), len(paths) * (FILE_SIZE + 1024))
    return [UserFile(path, *found) for path, found in zip(paths, json.loads(answer), strict=True)]


def _read_all(account: Account, paths: Sequence[str], strict: bool) -> bytes:
    return json.dumps([_read_one(account, path, strict) for path in paths]).encode()


def _read_one(account: Account, path: str, strict: bool) -> tuple[str | None, str]:
    """Return the text, None for a file that is not there, and what is wrong with one that is."""
    try:
        data = read_strictly(path, uid=account.uid, home=account.home, limit=FILE_SIZE, strict=strict)
    except FileNotFoundError:
        return None, ""
    except ConfigError as error:
        return "", str(error)
    except OSError as error:
        return "", f"{escape(path)}: {error.strerror}"
    return data.decode("utf-8", "replace"), ""
