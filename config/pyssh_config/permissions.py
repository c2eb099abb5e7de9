"""Ownership and modes of files that decide who gets in: `StrictModes`, and private keys.

What is checked is what was opened (fstat), so a file cannot be exchanged between the check and the reading.
"""

import os
import stat
from pathlib import Path

from .errors import ConfigError

_OTHERS_CAN_WRITE = 0o022
_READ_LIMIT = 16 * 1024 * 1024


def read_strictly(path: str, *, uid: int, home: str, limit: int = _READ_LIMIT, strict: bool = True) -> bytes:
    """Read a file that speaks for the user `uid`, such as authorized_keys.

    It must be a regular file, and with `strict` it and every directory above it, up to the home directory (or
    to / if it lies elsewhere), must belong to the user or to root and be writable by nobody else. Raises
    ConfigError that says which of them is wrong; FileNotFoundError passes through.
    """
    try:
        # a FIFO must not make the reader wait
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"cannot read it: {error.strerror}", path=path) from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError("it is not a regular file", path=path)
        if strict:
            _check(path, found, uid)
            _check_parents(path, uid, home)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise ConfigError(f"it is larger than {limit} bytes", path=path)
    return data


def _check_parents(path: str, uid: int, home: str) -> None:
    real_home = os.path.realpath(home)
    for parent in Path(os.path.realpath(path)).parents:
        _check(str(parent), parent.stat(), uid)
        if str(parent) == real_home:
            return


def _check(path: str, found: os.stat_result, uid: int) -> None:
    if found.st_uid not in (0, uid):
        raise ConfigError(
            f"bad ownership: it belongs to uid {found.st_uid}, not to uid {uid} or root", path=path
        )
    if found.st_mode & _OTHERS_CAN_WRITE and not _is_shared_safely(found):
        raise ConfigError(
            f"bad modes: {stat.S_IMODE(found.st_mode):04o} lets others write to it; try chmod go-w", path=path
        )


def _is_shared_safely(found: os.stat_result) -> bool:
    """Whether it is a directory like /tmp, where others can make names and not touch those of their owners.

    sshd does not make this exception; it keeps a file below /tmp usable whose every other part is ours.
    """
    return stat.S_ISDIR(found.st_mode) and bool(found.st_mode & stat.S_ISVTX)


def check_private(path: str, found: os.stat_result) -> None:
    """Refuse a private key of ours that others can read or change; somebody else's is theirs to protect."""
    if found.st_uid == os.getuid() and found.st_mode & 0o077:
        mode = f"{stat.S_IMODE(found.st_mode):04o}"
        raise ConfigError(
            f"UNPROTECTED PRIVATE KEY FILE: permissions {mode} are too open, others "
            "can read it, so the key is not used; try chmod 600",
            path=path,
        )
