"""Key files as ssh-keygen writes them: private ones 0600 in the format asked for, public ones 0644."""

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from pyssh.errors import KeyFormatError
from pyssh.keys.openssh import DEFAULT_CIPHER, DEFAULT_ROUNDS, encode_private_key
from pyssh.keys.public import PublicKey, format_public_line
from pyssh_config.errors import ConfigError
from pyssh_config.key_files import PRIVATE_MODE, PUBLIC_MODE, public_path, write_key_file
from pyssh_config.known_hosts_file import is_special

from .report import KeygenError, shown
from .request import Request

if TYPE_CHECKING:
    from pyssh.keys.private import PrivateKey

__all__ = ["check_encryption", "checked_comment", "encode", "save_file", "save_private", "save_public"]

_COMMENT_BYTES = 1023
"""As much as ssh-keygen keeps."""


def check_encryption(request: Request) -> None:
    """Refuse a cipher or number of rounds that the file could not be read with."""
    from pyssh.keys.encryption import CIPHERS, MAX_KDF_ROUNDS  # noqa: PLC0415  # loads bcrypt

    if request.cipher is not None and request.cipher not in CIPHERS:
        known = ", ".join(CIPHERS)
        raise KeygenError(f"Invalid OpenSSH-format cipher '{shown(request.cipher)}'; there are {known}")
    if request.rounds is not None and request.rounds > MAX_KDF_ROUNDS:
        raise KeygenError(f"Invalid number: {request.rounds} (too large; at most {MAX_KDF_ROUNDS} rounds)")


def checked_comment(comment: str) -> str:
    """Return a comment fit for the line of a `.pub` file."""
    if any(c in comment for c in "\n\r\0"):
        raise KeygenError("the comment holds a line break, which cannot stand in a key file")
    return os.fsencode(comment)[:_COMMENT_BYTES].decode("utf-8", "replace")


def encode(request: Request, key: "PrivateKey", comment: str, passphrase: bytes) -> bytes:
    """Return a private key file in the format `-m`, encrypted if there is a passphrase."""
    if request.key_format in ("pem", "pkcs8"):
        from pyssh.keys.traditional import encode_private_key as encode_traditional  # noqa: PLC0415

        # ssh-keygen writes its own format too where the other has no form for such a key, with this exception
        if key.key.key_type == "ssh-ed25519" and request.key_format == "pem":
            raise KeygenError("an ed25519 key cannot be written as PEM; try -m PKCS8, or no -m", 1)
        with suppress(KeyFormatError):
            return encode_traditional(key, request.key_format, passphrase or None)
    rounds = DEFAULT_ROUNDS if request.rounds is None else request.rounds
    return encode_private_key(key, comment, passphrase or None, rounds, request.cipher or DEFAULT_CIPHER)


def save_private(path: str, data: bytes) -> None:
    """Write a private key file; whoever may be asked was asked already, so one that exists is replaced."""
    save_file(path, data, PRIVATE_MODE)


def save_public(path: str, key: PublicKey, comment: str) -> str:
    """Write the public half beside the private one; return where."""
    public = public_path(path)
    save_line(public, key, comment)
    return public


def save_line(path: str, key: PublicKey, comment: str) -> None:
    """Write a public key or certificate file."""
    line = format_public_line(key, comment).encode("utf-8", "surrogateescape")
    save_file(path, line + b"\n", PUBLIC_MODE)


def save_file(path: str, data: bytes, mode: int) -> None:
    """Write a file with a mode; whoever may be asked was asked already, so one that exists is replaced."""
    # through a link to the file behind it, as ssh-keygen does; that of /dev/stdout names nothing to be opened
    target = path if is_special(path) else os.path.realpath(path)
    try:
        write_key_file(target, data, mode, replace=os.path.exists(target))  # noqa: PTH110
    except ConfigError as error:
        problem = error.problem.removeprefix("cannot write it: ")
        raise KeygenError(f'Saving key "{shown(path)}" failed: {problem}', 1) from None
