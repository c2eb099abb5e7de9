"""The parts of this package that are loaded when first needed, and the one place that loads them.

The modules behind this table pull in a part of `cryptography` each (RSA also `random`, encrypted files
`bcrypt`): together they cost more start-up time than the one key that a connection usually meets.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

from pyssh.errors import KeyFormatError
from pyssh.wire.types import Reader

if TYPE_CHECKING:
    from pyssh.keys.private import PrivateKey
    from pyssh.keys.public import PublicKey

__all__ = ["CERTIFIED_TYPES", "KEY_MODULES", "KeyModule", "certificate_name", "key_module", "load"]

_SUFFIX: Final = "@openssh.com"
_BARE_CERTIFICATES: Final = {"ssh-mldsa44-ed25519"}


def certificate_name(name: str) -> str:
    """Return the certificate form of the name of a key type or signature algorithm."""
    if name in _BARE_CERTIFICATES:  # newer than the names with a version in them (OpenSSH 10.6)
        return f"{name}-cert"
    return f"{name.removesuffix(_SUFFIX)}-cert-v01{_SUFFIX}"


_PLAIN_MODULES: Final = {
    "ssh-ed25519": "pyssh.keys.ed25519",
    "ecdsa-sha2-nistp256": "pyssh.keys.ecdsa",
    "ecdsa-sha2-nistp384": "pyssh.keys.ecdsa",
    "ecdsa-sha2-nistp521": "pyssh.keys.ecdsa",
    "ssh-mldsa44-ed25519": "pyssh.keys.mldsa",
    "ssh-mldsa44-ed25519@openssh.com": "pyssh.keys.mldsa",
    "sk-ssh-ed25519@openssh.com": "pyssh.keys.security_key",
    "sk-ecdsa-sha2-nistp256@openssh.com": "pyssh.keys.security_key",
    "ssh-rsa": "pyssh.keys.rsa",
}

CERTIFIED_TYPES: Final[Mapping[str, str]] = {certificate_name(name): name for name in _PLAIN_MODULES}
"""The type of the certified key by the type of the certificate."""

KEY_MODULES: Final[Mapping[str, str]] = _PLAIN_MODULES | dict.fromkeys(
    CERTIFIED_TYPES, "pyssh.keys.certificate"
)
"""The module of each key type, by the name inside the blob."""


class KeyModule(Protocol):
    """What the module of a key type offers."""

    def take_public(self, key_type: str, reader: Reader) -> "PublicKey":
        """Take the fields that follow the type name in a public key blob."""

    def take_private(self, key_type: str, reader: Reader) -> "PrivateKey":
        """Take the fields that follow the type name in OpenSSH's private key container."""

    def generate(self, key_type: str, bits: int | None) -> "PrivateKey":
        """Make a new key; `KeyFormatError` for a size that the type does not have."""


def load(module: str) -> object:
    """Import one of the modules of this package."""
    return import_module(module)


def key_module(key_type: str) -> KeyModule:
    """Return the module of a key type; `KeyFormatError` if there is none."""
    module = KEY_MODULES.get(key_type)
    if module is None:
        # The name may come from the peer: quoted it is harmless, cut it cannot flood a log.
        raise KeyFormatError(f"unknown key type {key_type[:64]!r}")
    return cast(KeyModule, load(module))
