"""Lines that hold a public key: `.pub` files, authorized_keys, known_hosts."""

from collections.abc import Iterator

from pyssh.errors import KeyFormatError, SSHError
from pyssh.keys.modules import KEY_MODULES
from pyssh.keys.public import PublicKey, parse_public_line

__all__ = ["end_of_options", "find_keys", "parse_key"]


def end_of_options(text: str) -> tuple[int, bool]:
    """Find the first blank outside of quotes, where the options of authorized_keys end.

    Without one it is the end of the text. The second value tells whether every quote is closed.
    """
    quoted = False
    at = 0
    while at < len(text) and (quoted or text[at] not in " \t"):
        if text.startswith('\\"', at):
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        at += 1
    return min(at, len(text)), not quoted


def parse_key(text: str) -> tuple[PublicKey, str]:
    """Parse a key at the beginning of `text`: type, blob, and what follows, which is returned too."""
    words = text.split(None, 2)
    if len(words) < 2 or words[0] not in KEY_MODULES:
        raise KeyFormatError("not a public key")
    key, _ = parse_public_line(f"{words[0]} {words[1]}")
    return key, words[2].strip("\r\n") if len(words) > 2 else ""


def find_keys(text: str) -> Iterator[tuple[PublicKey, str]]:
    """Find a key in each line, bare or behind options, host names or a number, and its comment.

    Lines without one are passed over. A line that ends with its key has for comment what stands before it, as
    ssh-keygen shows it.
    """
    comment = ""
    for line in text.split("\n"):
        stripped = line.lstrip(" \t")
        if not stripped or stripped.startswith("#"):
            continue
        try:
            key, rest = parse_key(stripped)
        except SSHError:
            end, _ = end_of_options(stripped)
            comment = stripped[:end]
            try:
                key, rest = parse_key(stripped[end:])
            except SSHError:
                continue
        if rest and not rest.startswith("#"):
            comment = rest
        yield key, comment
