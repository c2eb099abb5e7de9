"""Private key files in whatever format: found out by the first line.

OpenSSH's own is `openssh`; PKCS#1, SEC 1 and PKCS#8 are `traditional`, which is loaded only for them.
"""

from typing import Protocol, cast

from pyssh.errors import KeyFormatError
from pyssh.keys import openssh
from pyssh.keys.modules import load
from pyssh.keys.private import PrivateKey

__all__ = ["load_private_key"]


class _Traditional(Protocol):
    """`pyssh.keys.traditional`."""

    def decode_private_key(self, data: bytes, passphrase: bytes | None) -> PrivateKey: ...


def load_private_key(
    data: bytes, passphrase: bytes | None, *, handles: bool = False
) -> tuple[PrivateKey, str]:
    """Decode a private key file; return the key and its comment, which only OpenSSH's format has.

    With `handles` it may be one whose secret is in a security key and which does not sign. Errors are those
    of `openssh.decode_private_key`.
    """
    if len(data) > openssh.MAX_FILE_SIZE:
        raise KeyFormatError(f"a private key file of more than {openssh.MAX_FILE_SIZE} bytes")
    text = data.strip()
    if text.startswith(openssh.BEGIN):
        key, comment = openssh.decode_private_key(text, passphrase)
        if key.key.is_security_key and not handles:
            raise KeyFormatError("the private key is in a security key; use it through ssh-agent")
        return key, comment
    if text.startswith(b"-----BEGIN ") and b"PRIVATE KEY-----" in text.partition(b"\n")[0]:
        traditional = cast(_Traditional, load("pyssh.keys.traditional"))
        return traditional.decode_private_key(text, passphrase), ""
    if text.startswith((b"ssh-", b"ecdsa-", b"sk-")):
        raise KeyFormatError("this is a public key; the private key's file has no .pub at its end")
    raise KeyFormatError("not a private key file")
