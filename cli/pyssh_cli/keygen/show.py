"""`-l`, `-B`: fingerprints of key files, authorized_keys and known_hosts; `-y`: the public half."""

import os
from collections.abc import Iterator

from pyssh.errors import SSHError
from pyssh.keys.names import short_name
from pyssh.keys.public import PublicKey, format_public_line

from .loading import load_identity, load_public, parse_key, read_text, try_load_private
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
    for key, comment in _keys(text):
        found = True
        show_fingerprint(request, key, comment)
    if not found:
        raise KeygenError(f"{shown('(stdin)' if path == _STDIN else path)} is not a public key file.")
    return 0


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


def _keys(text: str) -> Iterator[tuple[PublicKey, str]]:
    """Find a key in each line: bare, behind options or host names, or behind a number."""
    comment = ""
    for line in text.split("\n"):
        stripped = line.lstrip(" \t")
        if not stripped or stripped.startswith("#"):
            continue
        try:
            key, rest = parse_key(stripped)
        except SSHError:
            # what ssh-keygen takes for the comment when the line has none at its end
            comment, behind = _skip_word(stripped)
            try:
                key, rest = parse_key(behind)
            except SSHError:
                continue
        if rest and not rest.startswith("#"):
            comment = rest
        yield key, comment


def _skip_word(text: str) -> tuple[str, str]:
    """Split at the first blank outside of quotes, as the options of authorized_keys need it."""
    quoted = False
    at = 0
    while at < len(text) and (quoted or text[at] not in " \t"):
        if text.startswith('\\"', at):
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        at += 1
    return text[:at], text[at:]


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
