"""Private and public key files: read with the checks of ssh, written with the modes of ssh-keygen."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pyssh.errors import KeyFormatError
from pyssh.keys.formats import load_private_key, load_public
from pyssh.keys.openssh import DEFAULT_ROUNDS, encode_private_key
from pyssh.keys.public import PublicKey, format_public_line, parse_public_line

from .errors import ConfigError, escape
from .known_hosts_file import replace_file
from .permissions import check_private

if TYPE_CHECKING:
    from pyssh.keys.private import PrivateKey

PRIVATE_MODE = 0o600
PUBLIC_MODE = 0o644
_FILE_BYTES = 1024 * 1024  # OpenSSH's limit for a key file


def read_private_key(path: str, passphrase: bytes | None = None) -> "tuple[PrivateKey, str]":
    """Read a private key; return it and its comment.

    Raises ConfigError if it cannot be read or others can (`permissions.check_private`), and as
    `load_private_key` does: PassphraseError if the passphrase is missing or wrong, KeyFormatError otherwise.
    """
    data = read_key_file(path, private=True)
    key, comment = load_private_key(data, passphrase)
    return key, comment or _comment_of(public_path(path), key.key)


def read_key_file(path: str, *, private: bool) -> bytes:
    """Return the bytes of a key file; with `private` only if nobody else can read it."""
    try:
        with Path(path).open("rb") as file:
            if private:
                check_private(path, os.fstat(file.fileno()))
            data = file.read(_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read it: {error.strerror}", path=path) from None
    if len(data) > _FILE_BYTES:
        raise ConfigError("it is too large for a key file", path=path)
    return data


def public_path(path: str) -> str:
    """Return where the public half of a private key file lies."""
    return path + ".pub"


def _comment_of(path: str, key: PublicKey) -> str:
    try:
        public, comment = read_public_key(path)
    except (ConfigError, KeyFormatError):
        return ""
    return comment if public == key else ""


def read_public_key(path: str) -> tuple[PublicKey, str]:
    """Read a public key or certificate (`.pub`); return it and its comment.

    The first line that is neither empty nor a comment counts. Options before the key, as in authorized_keys,
    are not allowed. Raises ConfigError with the reason.
    """
    text = read_key_file(path, private=False).decode("utf-8", "surrogateescape")
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip(" \t\r")
        if stripped and not stripped.startswith("#"):
            try:
                return parse_public_line(stripped)
            except KeyFormatError as error:
                raise ConfigError(escape(str(error)), path=path, line=number) from None
    raise ConfigError("it holds no public key", path=path)


def read_public_half(path: str) -> tuple[PublicKey, str]:
    """Return the public key of the private key file `path`, which takes no passphrase, and the comment.

    It comes from `path` + ".pub", or else from the private file, where the formats of OpenSSH and PuTTY have
    it in clear, and others if they are not encrypted.
    """
    if Path(public_path(path)).exists():
        return read_public_key(public_path(path))
    try:
        return load_public(read_key_file(path, private=True)).plain, ""
    except KeyFormatError as error:
        raise ConfigError(escape(str(error)), path=path) from None


def write_private_key(
    path: str,
    key: "PrivateKey",
    comment: str = "",
    passphrase: bytes | None = None,
    rounds: int = DEFAULT_ROUNDS,
    *,
    replace: bool = False,
) -> None:
    """Write a private key file in OpenSSH's format, mode 0600.

    An existing file is an error, unless `replace`; then it is exchanged in one step. Raises ConfigError.
    """
    write_key_file(path, encode_private_key(key, comment, passphrase, rounds), PRIVATE_MODE, replace=replace)


def write_public_key(path: str, key: PublicKey, comment: str = "", *, replace: bool = False) -> None:
    """Write a public key file, mode 0644; otherwise as `write_private_key`."""
    line = format_public_line(key, comment)
    if not line.isprintable():
        raise ConfigError("the comment holds characters that cannot stand in a line", path=path)
    write_key_file(path, line.encode() + b"\n", PUBLIC_MODE, replace=replace)


def write_key_file(path: str, data: bytes, mode: int, *, replace: bool = False) -> None:
    """Write a key file with a mode, whatever the umask; no part of it is ever visible with another."""
    if replace:
        replace_file(path, data, mode=mode)
        return
    try:
        descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE_MODE
        )
    except FileExistsError:
        raise ConfigError("it exists already", path=path) from None
    except OSError as error:
        raise ConfigError(f"cannot write it: {error.strerror}", path=path) from None
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
