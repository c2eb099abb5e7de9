"""`ssh-add -x`: an agent that answers nothing until it hears the passphrase again."""

from collections.abc import Callable
from hashlib import pbkdf2_hmac
from hmac import compare_digest
from typing import Final

__all__ = ["Lock"]

_SALT_SIZE: Final = 16
# 30 ms on a slow machine. What is kept is only in memory, beside the keys themselves.
_ROUNDS: Final = 50_000

_DELAY: Final = 0.1
_MAX_FAILURES: Final = 100
"""As OpenSSH's agent has it: each failure delays the next try by a tenth of a second more, up to ten."""


class Lock:
    """Whether the agent is locked, and with what. `random` gives bytes fit for a salt."""

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._salt = b""
        self._hash = b""
        self._failures = 0
        self.retry_at = 0.0
        """Before this moment no attempt to unlock is looked at."""

    @property
    def is_locked(self) -> bool:
        """Whether it is."""
        return bool(self._hash)

    def lock(self, passphrase: bytes) -> bool:
        """Lock; False, and nothing changes, if it is locked already or the passphrase is empty."""
        if self.is_locked or not passphrase:
            return False
        self._salt = self._random(_SALT_SIZE)
        self._hash = self._derive(passphrase)
        return True

    def unlock(self, passphrase: bytes, now: float) -> bool:
        """Unlock; False for a wrong passphrase, or if it is not locked. `retry_at` must have passed."""
        if not self.is_locked or not passphrase:
            return False
        if not compare_digest(self._derive(passphrase), self._hash):
            self._failures = min(self._failures + 1, _MAX_FAILURES)
            self.retry_at = now + _DELAY * self._failures
            return False
        self._salt = self._hash = b""
        self._failures = 0
        return True

    def _derive(self, passphrase: bytes) -> bytes:
        return pbkdf2_hmac("sha256", passphrase, self._salt, _ROUNDS)
