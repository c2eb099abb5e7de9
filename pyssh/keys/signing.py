"""The signature algorithms, and the `Signer` protocol.

A signature algorithm's name (in KEXINIT, in a publickey request) names a key type and a signature format;
the three differ for RSA (RFC 8332) and for certificates (OpenSSH's PROTOCOL.certkeys).
"""

from collections.abc import Iterator
from typing import Final, Protocol

from pyssh.keys.modules import certificate_name
from pyssh.keys.public import PublicKey
from pyssh.record import Record

__all__ = ["SIGNATURE_ALGORITHMS", "SignatureAlgorithm", "Signer", "signature_algorithm"]


class SignatureAlgorithm(Record):
    """One way to sign. `key_type` is the name in the key's blob, `signature_format` that in the signature."""

    name: str
    key_type: str
    signature_format: str
    rfc: str
    legacy: bool = False
    is_certificate: bool = False
    verify_only: bool = False


class Signer(Protocol):
    """Something that signs: a private key, an agent, a device."""

    @property
    def key(self) -> PublicKey:
        """The key that verifies the signatures; its `signature_algorithms` are those to ask for."""

    def sign(self, algorithm: str, data: bytes) -> bytes:
        """Return a whole signature blob over `data`."""


_U2F: Final = "OpenSSH PROTOCOL.u2f"

_PLAIN: Final = (
    SignatureAlgorithm("ssh-ed25519", "ssh-ed25519", "ssh-ed25519", "8709"),
    *(
        SignatureAlgorithm(name, name, name, "5656")
        for name in (
            "ecdsa-sha2-nistp256",
            "ecdsa-sha2-nistp384",
            "ecdsa-sha2-nistp521",
        )
    ),
    *(
        SignatureAlgorithm(name, name, name, "draft-miller-sshm-composite-sigs")
        for name in ("ssh-mldsa44-ed25519", "ssh-mldsa44-ed25519@openssh.com")
    ),
    *(
        SignatureAlgorithm(name, name, name, _U2F, verify_only=True)
        for name in (
            "sk-ssh-ed25519@openssh.com",
            "sk-ecdsa-sha2-nistp256@openssh.com",
        )
    ),
    SignatureAlgorithm("rsa-sha2-512", "ssh-rsa", "rsa-sha2-512", "8332"),
    SignatureAlgorithm("rsa-sha2-256", "ssh-rsa", "rsa-sha2-256", "8332"),
    SignatureAlgorithm("ssh-rsa", "ssh-rsa", "ssh-rsa", "4253", legacy=True),
)


def _with_certificates() -> Iterator[SignatureAlgorithm]:
    """Put certificates before plain keys, as OpenSSH does, and everything legacy last."""
    certified = tuple(
        plain.replace(
            name=certificate_name(plain.name), key_type=certificate_name(plain.key_type), is_certificate=True
        )
        for plain in _PLAIN
    )
    for legacy in (False, True):
        for group in (certified, _PLAIN):
            yield from (algorithm for algorithm in group if algorithm.legacy is legacy)


SIGNATURE_ALGORITHMS: Final = tuple(_with_certificates())
"""In order of preference."""

_BY_NAME: Final = {algorithm.name: algorithm for algorithm in SIGNATURE_ALGORITHMS}


def signature_algorithm(name: str) -> SignatureAlgorithm | None:
    """Return the algorithm of that name, if there is one."""
    return _BY_NAME.get(name)
