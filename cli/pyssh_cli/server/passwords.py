"""Passwords of our own: scrypt hashes, `--password-file`, and the password that is made for one run.

A name that has no password costs the same work as one that has: it is compared with a hash that nobody knows
the password of. The work is done on one thread of its own, so a flood of attempts takes one processor and the
memory of one hash, and never the loop.
"""

import asyncio
import getpass
import hashlib
import hmac
import re
import secrets
import sys
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol

from pyssh.record import Record
from pyssh_cli import exit_codes
from pyssh_cli.output import Output
from pyssh_config.errors import ConfigError, escape

__all__ = [
    "PasswordHash",
    "PasswordSource",
    "Passwords",
    "hash_password",
    "make_password",
    "parse_hash",
    "print_hash",
    "read_password_file",
]

_MAX_MEMORY: Final = 128 * 1024 * 1024
_SALT_SIZE: Final = 16
_HASH_SIZE: Final = 32
_HASH: Final = re.compile(
    r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,2}),p=([0-9]{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)"
)
_FILE_SIZE: Final = 1024 * 1024

# letters that are hard to mistake for one another; four groups of five are 99 bits
_LETTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_GROUPS: Final = 4
_GROUP_SIZE: Final = 5


class PasswordHash(Record):
    """A salted scrypt hash (RFC 7914); `ln` is the logarithm of N. 2^15 x 8 is 32 MiB and some 100 ms."""

    redacted_fields = frozenset({"salt", "value"})
    ln: int
    r: int
    p: int
    salt: bytes
    value: bytes

    def matches(self, password: str) -> bool:
        """Tell whether this is the password, in a time that says nothing."""
        return hmac.compare_digest(_scrypt(password, self.salt, self.ln, self.r, self.p), self.value)

    def __str__(self) -> str:
        salt, value = (b64encode(part).decode().rstrip("=") for part in (self.salt, self.value))
        return f"$scrypt$ln={self.ln},r={self.r},p={self.p}${salt}${value}"


def _scrypt(password: str, salt: bytes, ln: int, r: int, p: int) -> bytes:
    data = password.encode("utf-8", "surrogateescape")
    return hashlib.scrypt(data, salt=salt, n=1 << ln, r=r, p=p, maxmem=_MAX_MEMORY, dklen=_HASH_SIZE)


def hash_password(password: str, ln: int = 15) -> PasswordHash:
    """Hash a password with a fresh salt."""
    salt = secrets.token_bytes(_SALT_SIZE)
    return PasswordHash(ln, 8, 1, salt, _scrypt(password, salt, ln, 8, 1))


def parse_hash(text: str) -> PasswordHash:
    """Parse what `--hash-password` prints. Raises ConfigError."""
    match = _HASH.fullmatch(text)
    if match is None:
        raise ConfigError("this is not a hash as pyssh-server --hash-password prints it")
    ln, r, p = (int(match[i]) for i in (1, 2, 3))
    # 10 is what scrypt was new with; above the rest an attempt would cost the server too much
    if not (10 <= ln <= 20 and 1 <= r <= 32 and 1 <= p <= 16 and 128 * r << ln <= _MAX_MEMORY // 2):
        raise ConfigError("the hash asks for too little or too much work")
    salt, value = (b64decode(match[i] + "=" * (-len(match[i]) % 4)) for i in (4, 5))
    if len(value) != _HASH_SIZE or not salt:
        raise ConfigError("the hash is cut")
    return PasswordHash(ln, r, p, salt, value)


def read_password_file(path: str) -> dict[str, PasswordHash]:
    """Read lines `name:hash`; empty ones and those with # in front are passed over. Raises ConfigError."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(_FILE_SIZE).decode()
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"cannot read it: {reason}", path=path) from None
    found: dict[str, PasswordHash] = {}
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        try:
            name, hashed = _parse_line(stripped, found)
        except ConfigError as error:
            raise error.at(path, number) from None
        found[name] = hashed
    if not found:
        raise ConfigError("it names no user", path=path)
    return found


def _parse_line(line: str, before: Collection[str]) -> tuple[str, PasswordHash]:
    name, colon, hashed = line.partition(":")
    if not name or not colon:
        raise ConfigError("the line is not of the form name:hash")
    if name in before:
        raise ConfigError(f"the user {escape(name)} stands there twice")
    return name, parse_hash(hashed)


def make_password() -> str:
    """Make a password that can be read aloud and typed."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP_SIZE)) for _ in range(_GROUPS))


def print_hash(name: str, password: str | None, output: Output) -> int:
    """Print the hash of a password, after `name:` if there is a name; return the exit code.

    Without a password it is asked for on the terminal, or read from standard input.
    """
    if password is None:
        password = _ask_password() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not password:
        output.error("the password is empty, and an empty one never logs anybody in")
        return exit_codes.FAILED
    if ":" in name or not name.isprintable():
        output.error("a user name has no colon and no control characters")
        return exit_codes.FAILED
    hashed = hash_password(password)
    output.result(f"{name}:{hashed}" if name else str(hashed))
    return exit_codes.OK


def _ask_password() -> str:
    password = getpass.getpass("Password: ")
    if getpass.getpass("The same again: ") != password:
        raise ConfigError("the two passwords differ")
    return password


class PasswordSource(Protocol):
    """Where passwords are checked."""

    async def check(self, user: str, password: str) -> bool:
        """Tell whether this is the user's password, with the same work for users that have none."""


_hashing: Final = ThreadPoolExecutor(1, "password")


class Passwords:
    """Checks passwords against hashes by user name; names that have none are left to `others`, if any."""

    def __init__(self, hashes: Mapping[str, PasswordHash], others: PasswordSource | None = None) -> None:
        self._hashes = hashes
        self._others = others
        first = next(iter(hashes.values()))
        self._decoy = first.replace(
            salt=secrets.token_bytes(_SALT_SIZE), value=secrets.token_bytes(_HASH_SIZE)
        )

    async def check(self, user: str, password: str) -> bool:
        """Tell whether this is the user's password."""
        if user not in self._hashes and self._others is not None:
            return await self._others.check(user, password)
        expected = self._hashes.get(user, self._decoy)
        return await asyncio.get_running_loop().run_in_executor(_hashing, expected.matches, password)
