"""`-e` and `-i`: public keys between OpenSSH's format, RFC 4716, PKCS8 (SubjectPublicKeyInfo) and PEM."""

import os

from pyssh.errors import KeyFormatError
from pyssh.keys.names import short_name
from pyssh.keys.public import PublicKey, format_public_line
from pyssh.keys.rfc4716 import decode_rfc4716, encode_rfc4716

from .generate import default_comment
from .loading import load_identity, load_public, read_bytes
from .prompts import ask_path
from .report import KeygenError, reason, say, say_raw, shown
from .request import Request

__all__ = ["export", "import_"]

_QUESTION = "Enter file in which the key is"
_SSHCOM_BEGIN = b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY"
_COMMENT_SIZE = 60
"""RFC 4716 has 72 characters in a line, some of which go to the header's name."""


def export(request: Request) -> int:
    """Print a file's public key in another format."""
    path = request.path or ask_path(_QUESTION, request.key_type)
    try:
        found = load_public(path)
    except OSError as error:
        raise KeygenError(f"{shown(path)}: {reason(error)}") from None
    key = found[0] if found else load_identity(path, request.passphrase)[0].key
    try:
        say_raw(_exported(request, key))
    except KeyFormatError as error:
        raise KeygenError(f"{shown(path)}: {error}") from None
    return 0


def _exported(request: Request, key: PublicKey) -> bytes:
    if request.key_format in (None, "rfc4716"):
        comment = f"{key.bits}-bit {short_name(key)}, converted by {default_comment()} from OpenSSH"
        return encode_rfc4716(key, comment[:_COMMENT_SIZE]).encode()
    from pyssh.keys.spki import encode_pem_public  # noqa: PLC0415  # brings in every type of key

    return encode_pem_public(key, pkcs1=request.key_format == "pem")


def import_(request: Request) -> int:
    """Print a key from another format as the line of a `.pub` file, a private one of ssh.com as PEM."""
    path = request.path or ask_path(_QUESTION, request.key_type)
    try:
        os.stat(path)  # noqa: PTH116  as in prompts.home
        data = read_bytes(path)
    except OSError as error:
        raise KeygenError(f"{shown(path)}: {reason(error)}") from None
    try:
        if request.key_format in (None, "rfc4716") and data.lstrip().startswith(_SSHCOM_BEGIN):
            say_raw(_private_in_pem(data))
        else:
            say(format_public_line(_imported(request, data), ""))
    except KeyFormatError as error:
        raise KeygenError(f"{shown(path)}: {shown(str(error))}") from None
    return 0


def _private_in_pem(data: bytes) -> bytes:
    """Return a private key of commercial SSH as ssh-keygen prints it."""
    from pyssh.keys.sshcom import decode_private_key  # noqa: PLC0415  # rarely met
    from pyssh.keys.traditional import encode_private_key  # noqa: PLC0415

    return encode_private_key(decode_private_key(data)[0], "pem", None)


def _imported(request: Request, data: bytes) -> PublicKey:
    if request.key_format in (None, "rfc4716"):
        return decode_rfc4716(data.decode("utf-8", "replace"))[0]
    from pyssh.keys.spki import decode_pem_public  # noqa: PLC0415  # as above

    return decode_pem_public(data)
