"""Key files as ssh-keygen finds them: the public half beside or inside a private file, prompts if need be."""

import os

from pyssh.errors import PassphraseError, SSHError
from pyssh.keys.lines import parse_key
from pyssh.keys.private import PrivateKey
from pyssh.keys.public import PublicKey

from .prompts import read_passphrase
from .report import KeygenError, shown

__all__ = [
    "describe",
    "expand",
    "load_identity",
    "load_public",
    "parse_key",
    "read_bytes",
    "try_load_private",
]

MAX_FILE_BYTES = 64 * 1024 * 1024
"""As much as a KRL or a list of keys may have; key files have a limit of their own, far below."""

_CHUNK = 65536
_BEGIN = "-----BEGIN"


def expand(path: str) -> str:
    """Replace a `~` at the beginning, as ssh-keygen does for files it is handed by name."""
    return os.path.expanduser(path)  # noqa: PTH111  as in prompts.home


def read_bytes(path: str, limit: int = MAX_FILE_BYTES) -> bytes:
    """Read a whole file, `-` being standard input. Raises OSError; `KeygenError` if it is too large."""
    descriptor = 0 if path == "-" else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    data = bytearray()
    try:
        while chunk := os.read(descriptor, _CHUNK):
            data += chunk
            if len(data) > limit:
                raise KeygenError(f"{shown(path)}: larger than {limit} bytes")
    finally:
        if descriptor:
            os.close(descriptor)
    return bytes(data)


def read_text(path: str, limit: int = MAX_FILE_BYTES) -> str:
    """Read a whole file as text; bytes that are not UTF-8 survive as surrogates."""
    return read_bytes(path, limit).decode("utf-8", "surrogateescape")


def find_key(text: str) -> tuple[PublicKey, str] | None:
    """Return the first key in the text of a `.pub` file, and its comment."""
    if text.startswith(_BEGIN):
        return None
    for line in text.split("\n"):
        stripped = line.lstrip(" \t")
        if stripped and not stripped.startswith("#"):
            try:
                return parse_key(stripped)
            except SSHError:
                continue
    return None


def load_public(path: str) -> tuple[PublicKey, str] | None:
    """Return a file's public key: its own, that in the `.pub` beside it, or that inside a private key.

    None if there is no such key; OSError if the file itself cannot be read.
    """
    text = read_text(path)
    if found := find_key(text):
        return found
    try:
        if found := find_key(read_text(f"{path}.pub")):
            return found
    except OSError:
        pass
    return _public_of_private(text)


def _public_of_private(text: str) -> tuple[PublicKey, str] | None:
    from pyssh.keys.openssh import BEGIN, public_of_private  # noqa: PLC0415  # few come this far

    data = text.encode("utf-8", "surrogateescape")
    if not data.lstrip().startswith(BEGIN):
        return None
    try:
        return public_of_private(data), ""
    except SSHError:
        return None


def require_public(path: str, problem: str) -> tuple[PublicKey, str]:
    """Return what `load_public` finds; `problem` begins the error if that is nothing."""
    try:
        found = load_public(path)
    except OSError as error:
        raise KeygenError(f"{problem}: {os.strerror(error.errno or 0)}") from None
    if found is None:
        raise KeygenError(f"{problem}: invalid format, no public key in it")
    return found


def try_load_private(path: str, passphrase: bytes | None, *, handles: bool = False) -> tuple[PrivateKey, str]:
    """Read a private key file; `PassphraseError` if the passphrase is missing or wrong.

    Raises OSError, and `SSHError` for a file with wrong content, or a mode that lets others read it.
    With `handles` the key may be one that only a security key signs with.
    """
    from pyssh.keys.formats import load_private_key  # noqa: PLC0415  # fingerprints do without
    from pyssh_config.permissions import check_private  # noqa: PLC0415

    data = read_bytes(path)
    check_private(path, os.stat(path))  # noqa: PTH116  as in prompts.home
    return load_private_key(data, passphrase, handles=handles)


def describe(error: Exception) -> str:
    """Return why a key could not be loaded, in a few words; a wrong passphrase in those of ssh."""
    if isinstance(error, PassphraseError):
        return "incorrect passphrase supplied to decrypt private key"
    if isinstance(error, OSError):
        return os.strerror(error.errno) if error.errno else shown(str(error))
    return shown(str(getattr(error, "problem", error)))


def load_identity(
    path: str, passphrase: str | None, *, problem: str = "", prompt: str = "", handles: bool = False
) -> tuple[PrivateKey, str, bytes]:
    """Read a private key, asking for its passphrase if it has one; return also what it was.

    `problem` begins the error, which otherwise reads as ssh-keygen's; `handles` as in `try_load_private`.
    """
    problem = problem or f'Load key "{shown(path)}"'
    given = b""
    try:
        try:
            return *try_load_private(path, None, handles=handles), b""
        except PassphraseError:
            prompt = prompt or f'Enter passphrase for "{shown(path)}": '
            given = read_passphrase(prompt) if passphrase is None else os.fsencode(passphrase)
            return *try_load_private(path, given, handles=handles), given
    except (SSHError, OSError) as error:
        raise KeygenError(f"{problem}: {describe(error)}") from None
