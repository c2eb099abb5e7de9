"""`-l`, `-B`: fingerprints of key files, authorized_keys and known_hosts; `-y`: the public half."""

import os

from pyssh.errors import SSHError
from pyssh.keys.lines import find_keys
from pyssh.keys.names import short_name
from pyssh.keys.public import PublicKey, format_public_line

from .loading import load_identity, load_public, read_text, try_load_private
from .prompts import ask_path
from .report import KeygenError, reason, say, shown
from .request import Request

__all__ = ["fingerprint_words", "print_art", "print_public", "run", "show_fingerprint"]

_STDIN = "-"
_QUESTION = "Enter file in which the key is"


def run(request: Request) -> int:
    """Print the fingerprints of a file's keys."""
    path = request.path or ask_path(_QUESTION, request.key_type)
    try:
        text = read_text(path)
    except OSError as error:
        raise KeygenError(f"{shown(path)}: {reason(error)}") from None
    first = text.partition("\n")[0]
    if path != _STDIN and "PRIVATE KEY" in first:
        key, comment = _private(path)
        show_fingerprint(request, key, comment)
        return 0
    found = False
    for key, comment in find_keys(text):
        found = True
        show_fingerprint(request, key, comment)
    if not found and (foreign := _foreign(text)):
        show_fingerprint(request, foreign, "")
    elif not found:
        raise KeygenError(f"{shown('(stdin)' if path == _STDIN else path)} is not a public key file.")
    return 0


def _foreign(text: str) -> PublicKey | None:
    """Return the key of a file in the format of another program, as far as it is in clear."""
    from pyssh.keys.formats import load_public as load_foreign  # noqa: PLC0415  # rarely met

    try:
        return load_foreign(text.encode("utf-8", "surrogateescape"))
    except SSHError:
        return None


def _private(path: str) -> tuple[PublicKey, str]:
    """Return the public half of a private key file and the comment, without asking for a passphrase."""
    public = load_public(path)
    if public and public[1]:
        return public
    try:
        private, comment = try_load_private(path, None, handles=True)
    except (SSHError, OSError):
        if public is None:
            raise KeygenError(f"{shown(path)} is not a key file.") from None
        return public
    return public[0] if public else private.key, comment


def fingerprint_words(request: Request, key: PublicKey) -> str:
    """Return the fingerprint that was asked for: in words or by hash."""
    if request.print_bubblebabble:
        from pyssh.keys.bubblebabble import bubblebabble  # noqa: PLC0415  # rarely asked for

        return bubblebabble(key.digest("sha1"))
    return key.fingerprint(request.hash_name)


def show_fingerprint(request: Request, key: PublicKey, comment: str) -> None:
    """Print the line of `ssh-keygen -l`, and the picture with `-v`."""
    words = fingerprint_words(request, key)
    say(f"{key.bits} {words} {shown(comment) or 'no comment'} ({short_name(key)})")
    print_art(request, key)


def print_art(request: Request, key: PublicKey) -> None:
    """Print the picture of a key if `-v` asks for it."""
    if request.verbosity:
        from pyssh.keys.randomart import randomart  # noqa: PLC0415  # rarely asked for

        say(randomart(key, request.hash_name))


def print_public(request: Request) -> int:
    """Print the line of the `.pub` file that belongs to a private key file."""
    path = request.path or ask_path(_QUESTION, request.key_type)
    try:
        os.stat(path)  # noqa: PTH116  as in prompts.home
    except OSError as error:
        raise KeygenError(f"{shown(path)}: {reason(error)}") from None
    key, comment, _ = load_identity(path, request.passphrase, handles=True)
    say(format_public_line(key.key, comment))
    return 0
