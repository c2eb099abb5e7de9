"""Lists of revoked keys: `RevokedHostKeys` of ssh_config(5), `RevokedKeys` of sshd_config(5).

A file is a KRL, or text with a public key on each line. A list that cannot be read revokes everything, so
each problem is an error here and never an empty list.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from pyssh.errors import KeyFormatError
from pyssh.keys.modules import CERTIFIED_TYPES
from pyssh.keys.public import PublicKey, parse_public_line

from .errors import ConfigError, escape

if TYPE_CHECKING:
    from pyssh.keys.certificate import Certificate
    from pyssh.keys.krl import RevocationList

__all__ = ["RevokedKeys", "read_key_list"]

_MAGIC: Final = b"SSHKRL\n\0"
_FILE_BYTES: Final = 16 * 1024 * 1024
"""`pyssh.keys.krl.MAX_KRL_SIZE`; the module is loaded only for a KRL."""


class RevokedKeys:
    """One file that was read."""

    def __init__(self, path: str, keys: tuple[PublicKey, ...], krl: "RevocationList | None") -> None:
        self.path: Final = path
        self._blobs = frozenset(key.plain.blob for key in keys)
        self._krl = krl

    @classmethod
    def load(cls, path: str) -> "RevokedKeys":
        """Read a file. Raises ConfigError, also when it is not there."""
        data = _read(path)
        if not data.startswith(_MAGIC):
            return cls(path, _parse_keys(data, path), None)
        from pyssh.keys.krl import decode_krl  # noqa: PLC0415  # few configurations have one

        try:
            return cls(path, (), decode_krl(data))
        except KeyFormatError as error:
            raise ConfigError(escape(str(error)), path=path) from None

    def is_revoked(self, key: PublicKey) -> bool:
        """Tell whether a key is listed; of a certificate also its key, its CA, and in a KRL its statement."""
        if self._krl is not None:
            return self._krl.is_revoked(key)
        if key.plain.blob in self._blobs:
            return True
        if key.key_type not in CERTIFIED_TYPES:
            return False
        return cast("Certificate", key).signature_key.blob in self._blobs


def read_key_list(path: str) -> tuple[PublicKey, ...]:
    """Read the public keys of a file, one on each line, as `TrustedUserCAKeys` has it. Raises ConfigError."""
    return _parse_keys(_read(path), path)


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            data = file.read(_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read it: {error.strerror}", path=path) from None
    if len(data) > _FILE_BYTES:
        raise ConfigError(f"it is larger than {_FILE_BYTES} bytes", path=path)
    return data


def _parse_keys(data: bytes, path: str) -> tuple[PublicKey, ...]:
    keys: list[PublicKey] = []
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), 1):
        text = line.strip(" \t\r")
        if text and not text.startswith("#"):
            try:
                keys.append(parse_public_line(text)[0])
            except KeyFormatError as error:
                raise ConfigError(escape(str(error)), path=path, line=number) from None
    return tuple(keys)
