"""Private keys of commercial SSH (ssh.com): RSA keys in clear, as `ssh-keygen -i` reads them.

Nobody documented it; the layout is that of ssh-keygen's reader and of what puttygen writes.
"""

from base64 import b64decode
from typing import Final

from pyssh.errors import DecodeError, KeyFormatError
from pyssh.keys.openssh import MAX_FILE_SIZE
from pyssh.keys.private import PrivateKey
from pyssh.keys.rfc4716 import take_armour
from pyssh.keys.rsa import MAX_MODULUS_BITS, RsaPrivate
from pyssh.wire.types import Reader, take_text, take_uint32

__all__ = ["BEGIN", "decode_private_key"]

BEGIN: Final = "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"
"""The title of all of them, encrypted or not."""
_END: Final = "---- END SSH2 ENCRYPTED PRIVATE KEY ----"
_MAGIC: Final = 0x3F6FF9EB


def decode_private_key(data: bytes) -> tuple[PrivateKey, str]:
    """Decode a file; return key and comment. Raises `KeyFormatError`, also for one that is encrypted."""
    if len(data) > MAX_FILE_SIZE:
        raise KeyFormatError(f"a private key file of more than {MAX_FILE_SIZE} bytes")
    encoded, comment = take_armour(data.decode("utf-8", "replace"), BEGIN, _END)
    try:
        blob = b64decode(encoded.encode("ascii"), validate=True)
    except ValueError:
        raise KeyFormatError("the private key file is damaged: not base64") from None
    try:
        return _decode(Reader(blob)), comment
    except DecodeError as error:
        raise KeyFormatError(f"the private key file is damaged: {error.problem}") from None


def _decode(reader: Reader) -> PrivateKey:
    if take_uint32(reader) != _MAGIC:
        raise KeyFormatError("the private key file is of an unknown version")
    total = take_uint32(reader)
    if total != reader.remaining + 8:
        raise KeyFormatError("the private key file is cut short, or something follows its end")
    kind, cipher = take_text(reader), take_text(reader)
    if cipher != "none":
        raise KeyFormatError(
            f"an ssh.com private key encrypted with {cipher[:32]!r} is not supported; "
            "puttygen can take the passphrase off"
        )
    # the length of what would be encrypted, and inside of that the length of the key
    if take_uint32(reader) != reader.remaining or take_uint32(reader) > reader.remaining:
        raise KeyFormatError("the private key file is damaged: wrong length")
    if not kind.startswith("if-modn") or "rsa" not in kind:
        raise KeyFormatError("an ssh.com private key that is not RSA, which SSH has no use for any more")
    e, d, n, _iqmp, q, p = (_number(reader) for _ in range(6))
    reader.finish()
    return RsaPrivate.from_numbers(e, n, d, p, q)


def _number(reader: Reader) -> int:
    bits = take_uint32(reader)
    if bits > MAX_MODULUS_BITS:
        raise KeyFormatError("the private key file is damaged: a number is too long")
    return int.from_bytes(reader.take((bits + 7) // 8), "big")
