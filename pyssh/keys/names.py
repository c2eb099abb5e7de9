"""The short names of key types, as OpenSSH shows them to people: `ED25519`, `RSA-CERT`."""

from collections.abc import Mapping
from typing import Final

from pyssh.keys.modules import CERTIFIED_TYPES
from pyssh.keys.public import PublicKey

__all__ = ["SHORT_NAMES", "is_certificate", "short_name"]

_PLAIN: Final = {
    "ssh-ed25519": "ED25519",
    "ecdsa-sha2-nistp256": "ECDSA",
    "ecdsa-sha2-nistp384": "ECDSA",
    "ecdsa-sha2-nistp521": "ECDSA",
    "ssh-mldsa44-ed25519": "MLDSA44-ED25519",
    "ssh-mldsa44-ed25519@openssh.com": "MLDSA44-ED25519",
    "sk-ssh-ed25519@openssh.com": "ED25519-SK",
    "sk-ecdsa-sha2-nistp256@openssh.com": "ECDSA-SK",
    "ssh-rsa": "RSA",
}

SHORT_NAMES: Final[Mapping[str, str]] = _PLAIN | {
    certified: f"{_PLAIN[plain]}-CERT" for certified, plain in CERTIFIED_TYPES.items()
}
"""By the name inside the key's blob."""


def is_certificate(key: PublicKey) -> bool:
    """Whether the key is a certificate."""
    return key.key_type in CERTIFIED_TYPES


def short_name(key: PublicKey) -> str:
    """Return the name that `ssh-keygen -l` shows in brackets."""
    return SHORT_NAMES.get(key.key_type, key.key_type)
