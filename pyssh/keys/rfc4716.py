"""Public keys in the SSH2 format of RFC 4716, in which commercial SSH and its relatives keep them."""

from base64 import b64decode, b64encode
from typing import Final

from pyssh.errors import KeyFormatError
from pyssh.keys.public import MAX_PUBLIC_KEY_SIZE, PublicKey, decode_public_key

__all__ = ["BEGIN", "decode_rfc4716", "encode_rfc4716", "take_armour"]

BEGIN: Final = "---- BEGIN SSH2 PUBLIC KEY ----"
_END: Final = "---- END SSH2 PUBLIC KEY ----"
_LINE_SIZE: Final = 70
"""ssh-keygen's; section 3.2 allows 72."""
_MAX_SIZE: Final = 2 * MAX_PUBLIC_KEY_SIZE


def encode_rfc4716(key: PublicKey, comment: str) -> str:
    """Return the file's text. `comment` stands in one line, without quotation marks of its own."""
    if '"' in comment or not comment.isprintable():
        raise KeyFormatError("the comment cannot stand in an RFC 4716 file")
    encoded = b64encode(key.blob).decode("ascii")
    lines = [encoded[at : at + _LINE_SIZE] for at in range(0, len(encoded), _LINE_SIZE)]
    return "\n".join([BEGIN, f'Comment: "{comment}"', *lines, _END, ""])


def decode_rfc4716(text: str) -> tuple[PublicKey, str]:
    """Return the key and its comment, which may be empty. Raises `KeyFormatError`."""
    if len(text) > _MAX_SIZE:
        raise KeyFormatError(f"an RFC 4716 file of more than {_MAX_SIZE} characters")
    encoded, comment = take_armour(text, BEGIN, _END)
    return _decode_base64(encoded), comment


def take_armour(text: str, begin: str, end: str) -> tuple[str, str]:
    """Return what stands between two lines: the base64 in one, and the header `Comment` without quotes.

    Whatever precedes `begin` and follows `end` is not looked at. Raises `KeyFormatError`.
    """
    lines = iter(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    if not any(line.strip() == begin for line in lines):
        raise KeyFormatError(f"not an SSH2 key file (RFC 4716): no line {begin}")
    comment = ""
    encoded: list[str] = []
    for line in lines:
        name, colon, value = line.partition(":")
        if line.strip() == end:
            return "".join(encoded), comment
        if not colon:
            encoded.append(line.strip())
            continue
        # a header goes on in the next line after a backslash (section 3.3)
        parts = [value]
        while parts[-1].endswith("\\"):
            parts[-1] = parts[-1][:-1]
            parts.append(next(lines, ""))
        if name.strip().lower() == "comment":
            comment = _without_quotes("".join(parts).strip())
    raise KeyFormatError(f"the SSH2 key file is cut short: no line {end}")


def _decode_base64(encoded: str) -> PublicKey:
    try:
        blob = b64decode(encoded.encode("ascii"), validate=True)
    except ValueError:
        raise KeyFormatError("the key in the SSH2 key file is not base64") from None
    return decode_public_key(blob)


def _without_quotes(text: str) -> str:
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] == '"' else text
