"""What ssh-keygen does with hardware, and we do not: each says what is missing and what helps."""

from typing import NoReturn

from .report import KeygenError
from .request import Request

__all__ = ["fetch_resident", "moduli", "pkcs11", "refuse_security_key"]


def pkcs11(_request: Request) -> NoReturn:
    """Refuse `-D`."""
    raise KeygenError(
        "-D: keys in PKCS#11 tokens are not supported (there is no PKCS#11 library in pyssh); "
        "load the token into ssh-agent with ssh-add -s, and use the agent"
    )


def fetch_resident(_request: Request) -> NoReturn:
    """Refuse `-K`."""
    raise KeygenError(
        "-K: fetching keys from a security key is not supported (there is no FIDO library in pyssh); "
        "ssh-keygen -K writes files that pyssh can show and, through the agent, use"
    )


def moduli(_request: Request) -> NoReturn:
    """Refuse `-M`."""
    raise KeygenError(
        "-M: making groups for Diffie-Hellman is not supported; pyssh has those of RFC 3526, and "
        "ssh-keygen -M makes others"
    )


def refuse_security_key(key_type: str) -> NoReturn:
    """Refuse `-t ecdsa-sk` and `-t ed25519-sk`."""
    raise KeygenError(
        f"-t {key_type}: making keys in a security key is not supported (there is no FIDO library in "
        "pyssh); ssh-keygen makes them, and pyssh shows them and uses them through the agent"
    )
