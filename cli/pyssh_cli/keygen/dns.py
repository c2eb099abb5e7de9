"""`-r`: SSHFP records for host keys; with `-g` in the form that any name server knows."""

import os

from pyssh.errors import KeyFormatError
from pyssh.keys.sshfp import FINGERPRINT_TYPES, sshfp_record

from .loading import require_public
from .report import KeygenError, reason, say, shown, warn
from .request import Request

__all__ = ["run"]

_HOST_KEYS = ("rsa", "ecdsa", "ed25519")
_FOLDER = "/etc/ssh"


def run(request: Request) -> int:
    """Print the records of one key, or of the host keys in /etc/ssh."""
    hashes = _hashes(request)
    if request.path is not None:
        if not _print(request, request.path, hashes):
            raise KeygenError(f"{shown(request.path)}: No such file or directory")
        return 0
    found = [_print(request, f"{_FOLDER}/ssh_host_{name}_key.pub", hashes) for name in _HOST_KEYS]
    if not any(found):
        raise KeygenError(f"no keys found in {_FOLDER}; name one with -f")
    return 0


def _hashes(request: Request) -> tuple[str, ...]:
    chosen: tuple[str, ...] = tuple(FINGERPRINT_TYPES)
    for option in request.options:
        name, _, value = option.partition("=")
        if name.lower() != "hashalg":
            raise KeygenError(f'Invalid option "{shown(option)}"; there is hashalg=sha1 or sha256')
        chosen = (value.lower(),)
    return chosen


def _print(request: Request, path: str, hashes: tuple[str, ...]) -> bool:
    """Print the records of a key; tell whether the file exists."""
    try:
        os.stat(path)  # noqa: PTH116  as in prompts.home
    except FileNotFoundError:
        return False
    except OSError as error:
        raise KeygenError(f"{shown(path)}: {reason(error)}") from None
    key, _ = require_public(path, f'Failed to read v2 public key from "{shown(path)}"')
    for name in hashes:
        try:
            say(sshfp_record(key, name).zone_line(request.host or "", generic=request.generic))
        except KeyFormatError as error:
            # ssh-keygen says so too, and goes on as if all was well
            warn(f"{shown(path)}: {error}")
    return True
