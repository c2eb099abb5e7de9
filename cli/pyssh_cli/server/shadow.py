"""The system's passwords: /etc/shadow and the C library's crypt(3), for a server that root started."""

import asyncio
import ctypes
import hmac
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Self

__all__ = ["SystemPasswords"]

_SHADOW: Final = "/etc/shadow"
_LIBRARY: Final = "libcrypt.so.1"
_DAY: Final = 86400
# name, hash, last change, minimum, maximum, warning, inactive, expires (days since 1970)
_HASH, _LAST_CHANGE, _MAXIMUM, _EXPIRES = 1, 2, 4, 7
_FALLBACK: Final = "$6$pyssh-server-decoy$"

# crypt(3) keeps its result in one place; and a flood of attempts takes no more than one processor
_one: Final = ThreadPoolExecutor(1, "crypt")


class SystemPasswords:
    """Checks passwords of the system's accounts."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._crypt = library.crypt
        self._crypt.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
        self._crypt.restype = ctypes.c_char_p

    @classmethod
    def open(cls) -> Self | None:
        """Return one if this machine has shadow passwords that we may read."""
        try:
            with Path(_SHADOW).open("rb"):
                return cls(ctypes.CDLL(_LIBRARY))
        except OSError:
            return None

    async def check(self, user: str, password: str) -> bool:
        """Tell whether this is the user's password, which has not expired."""
        return await asyncio.get_running_loop().run_in_executor(_one, self._matches, user, password)

    def _matches(self, user: str, password: str) -> bool:
        lines = [line.split(":") for line in Path(_SHADOW).read_text(errors="replace").splitlines()]
        # a user without a password is compared with one of another's kind: the same work for all
        decoy = next((line[_HASH] for line in lines if line[_HASH].startswith("$")), _FALLBACK)
        found = next((line for line in lines if line[0] == user), None)
        usable = found is not None and found[_HASH].startswith("$") and not _has_expired(found)
        expected = found[_HASH] if found is not None and usable else decoy
        data = password.encode("utf-8", "surrogateescape")
        if b"\0" in data:
            return False
        computed = self._crypt(data, expected.encode()) or b"*"
        return hmac.compare_digest(computed, expected.encode()) and usable


def _has_expired(line: list[str]) -> bool:
    """Whether the account has expired, or its password is older than it may be."""
    fields = [int(field) if field.isdigit() else None for field in line] + [None] * 9
    today = int(time.time()) // _DAY
    expires, changed, maximum = fields[_EXPIRES], fields[_LAST_CHANGE], fields[_MAXIMUM]
    if expires is not None and today >= expires:
        return True
    return changed == 0 or (changed is not None and maximum is not None and today > changed + maximum)
