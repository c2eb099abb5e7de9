"""Key files as ssh-add reads them: private ones with one passphrase for several, and certificates beside."""

import os
import stat
from typing import Final

from pyssh.errors import KeyFormatError, PassphraseError, SSHError
from pyssh.keys.certificate import Certificate
from pyssh.keys.formats import load_private_key
from pyssh.keys.private import PrivateKey
from pyssh.keys.public import PublicKey
from pyssh_cli.add.report import warn
from pyssh_cli.add.request import Request
from pyssh_cli.client.prompt import Prompter
from pyssh_cli.keygen.loading import load_public, read_bytes
from pyssh_cli.keygen.report import KeygenError
from pyssh_config.errors import escape

__all__ = ["STDIN", "Loader", "shown_path"]

STDIN: Final = "-"
_FILE_BYTES: Final = 1024 * 1024
_OTHERS: Final = 0o077
_WARNING: Final = """\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
Permissions {mode:04o} for '{path}' are too open.
It is required that your private key files are NOT accessible by others.
This private key will be ignored."""


def shown_path(path: str) -> str:
    """Return a file's name as messages have it."""
    return "(stdin)" if path == STDIN else escape(path)


class Loader:
    """Reads files for one run; the last passphrase that was right is tried for the next file."""

    def __init__(self, request: Request, prompter: Prompter) -> None:
        self._request = request
        self._prompter = prompter
        self._passphrase: bytes | None = None

    def load_private(self, path: str) -> tuple[PrivateKey, str] | None:
        """Return a private key and its comment, which is the file's name if it has none; or say why not."""
        shown = shown_path(path)
        try:
            data = read_bytes(path, _FILE_BYTES)
            if path != STDIN and not self._is_private(path):
                return None
        except OSError as error:
            warn(f"{shown}: {error.strerror}")
            return None
        except KeygenError as error:
            warn(str(error))
            return None
        try:
            found = self._decrypt(data, shown)
        except KeyFormatError:
            warn(f'Error loading key "{shown}": invalid format')
            return None
        if found is None:
            return None
        private, comment = found
        return private, comment or ("(stdin)" if path == STDIN else path)

    @staticmethod
    def _is_private(path: str) -> bool:
        found = os.stat(path)  # noqa: PTH116  # the name as it was given
        if found.st_uid != os.getuid() or not found.st_mode & _OTHERS:
            return True
        warn(_WARNING.format(mode=stat.S_IMODE(found.st_mode), path=escape(path)))
        return False

    def _decrypt(self, data: bytes, shown: str) -> tuple[PrivateKey, str] | None:
        for known in dict.fromkeys((None, self._passphrase)):
            try:
                return load_private_key(data, known, handles=True)
            except PassphraseError:
                continue
        self._passphrase = None
        subject = f"{shown}{' (will confirm each use)' if self._request.confirm else ''}"
        question = f"Enter passphrase for {subject}: "
        while answer := self._prompter.ask(question):
            passphrase = answer.encode(errors="surrogateescape")
            try:
                found = load_private_key(data, passphrase, handles=True)
            except PassphraseError:
                question = f"Bad passphrase, try again for {subject}: "
                continue
            self._passphrase = passphrase
            return found
        return None

    @staticmethod
    def load_certificate(path: str, key: PublicKey) -> Certificate | None:
        """Return the certificate of a key in a file; None if there is no such file, or it is of no use."""
        try:
            found = load_public(path)
        except FileNotFoundError:
            return None
        except (OSError, SSHError) as error:
            warn(f'Failed to load certificate "{escape(path)}": {_problem(error)}')
            return None
        if found is None or not isinstance(found[0], Certificate):
            warn(f'Failed to load certificate "{escape(path)}": invalid format')
            return None
        if found[0].certified != key:
            warn(f"Certificate {escape(path)} does not match private key {escape(path[: -len('-cert.pub')])}")
            return None
        return found[0]

    @staticmethod
    def load_public(path: str) -> tuple[PublicKey, str]:
        """Return a file's public key and its comment; `KeygenError` with the reason.

        Of the private file only the name is needed: it may have gone since it was added.
        """
        try:
            found = load_public(path) if os.path.exists(path) else load_public(f"{path}.pub")  # noqa: PTH110
        except OSError as error:
            raise KeygenError(error.strerror or "it cannot be read") from None
        except SSHError:
            found = None
        if found is None:
            raise KeygenError("invalid format")
        return found


def _problem(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "invalid format"
