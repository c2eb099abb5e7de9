"""`-p` and `-c`: a new passphrase or comment for a private key file."""

import os
from contextlib import suppress

from pyssh.errors import KeyFormatError
from pyssh.keys.formats import detect_format
from pyssh_config.errors import ConfigError

from .loading import load_identity, read_bytes
from .prompts import ask_line, ask_new_passphrase, ask_path
from .report import KeygenError, reason, say, shown
from .request import Request
from .saving import check_encryption, checked_comment, encode, save_private, save_public

__all__ = ["change_comment", "change_passphrase"]

_QUESTION = "Enter file in which the key is"


def _existing(request: Request) -> str:
    path = request.path or ask_path(_QUESTION, request.key_type)
    try:
        data = read_bytes(path)
    except OSError as error:
        raise KeygenError(f"{shown(path)}: {reason(error)}") from None
    with suppress(KeyFormatError):
        if (name := detect_format(data)) in ("ppk", "jwk", "sshcom"):
            raise KeygenError(
                f"{shown(path)}: a file in the format {name} is not changed; --import and --export do"
            )
    return path


def change_passphrase(request: Request) -> int:
    """Encrypt a private key file with another passphrase, or with none."""
    path = _existing(request)
    check_encryption(request)
    key, comment, _ = load_identity(
        path,
        request.passphrase,
        problem=f"Failed to load key {shown(path)}",
        prompt="Enter old passphrase: ",
        handles=True,
    )
    say(f"Key has comment '{shown(comment)}'")
    if request.new_passphrase is not None:
        passphrase = os.fsencode(request.new_passphrase)
    else:
        answer = ask_new_passphrase(
            "Enter new passphrase (empty for no passphrase): ", "Enter same passphrase again: "
        )
        if answer is None:
            say("Pass phrases do not match.  Try again.")
            return 1
        passphrase = answer
    save_private(path, encode(request, key, comment, passphrase))
    say("Your identification has been saved with the new passphrase.")
    return 0


def change_comment(request: Request) -> int:
    """Write another comment into a private key file and its public half."""
    path = _existing(request)
    check_encryption(request)
    given = request.passphrase if request.passphrase is not None else request.new_passphrase
    key, comment, passphrase = load_identity(
        path,
        given,
        problem=f'Cannot load private key "{shown(path)}"',
        prompt="Enter passphrase: ",
        handles=True,
    )
    if request.key_format in ("pem", "pkcs8") and not key.key.key_type.startswith("ssh-ed25519"):
        raise KeygenError("Comments are only supported for keys stored in the new format (-o).", 1)
    say(f"Old comment: {shown(comment)}")
    new = request.comment if request.comment is not None else ask_line("New comment: ")
    if new is None:
        raise KeygenError("", 1)
    new = checked_comment(new)
    if new == comment:
        say("No change to comment")
        return 0
    save_private(path, encode(request, key, new, passphrase))
    try:
        save_public(path, key.key, new)
    except ConfigError as error:
        raise KeygenError(f"Unable to save public key to {shown(path)}: {error}") from None
    say(f"Comment '{shown(new)}' applied" if new else "Comment removed")
    return 0
