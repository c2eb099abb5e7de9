"""Making certificates (OpenSSH's PROTOCOL.certkeys); `certificate` reads and checks them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, cast

from pyssh.errors import KeyFormatError
from pyssh.keys.certificate import FOREVER, MAX_PRINCIPALS, Certificate
from pyssh.keys.modules import CERTIFIED_TYPES, certificate_name
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.record import Record
from pyssh.wire.types import Reader, put_string, put_text, put_uint32, put_uint64, take_string

__all__ = ["NONCE_SIZE", "Statement", "flag_option", "sign_certificate", "text_option"]

NONCE_SIZE: Final = 32
"""Random bytes that keep the signed data from being foreseen."""

_KINDS: Final = {"user": 1, "host": 2}
_MAX_UINT64: Final = 2**64 - 1

flag_option: Final = b""
"""The data of an option that says all by its name."""


def text_option(value: str) -> bytes:
    """Return the data of an option with a text."""
    out = bytearray()
    put_text(out, value)
    return bytes(out)


class Statement(Record):
    """What a CA says about a key. `kind` is "user" or "host"; times are seconds since 1970."""

    kind: str
    key_id: str
    principals: tuple[str, ...] = ()
    serial: int = 0
    valid_after: int = 0
    valid_before: int = FOREVER
    critical_options: Mapping[str, bytes] = {}
    extensions: Mapping[str, bytes] = {}

    def check(self) -> None:
        """Raise `KeyFormatError` for what a certificate cannot hold."""
        if self.kind not in _KINDS:
            raise KeyFormatError(f"a certificate is for a user or a host, not for a {self.kind!r}")
        if len(self.principals) > MAX_PRINCIPALS:
            raise KeyFormatError(f"a certificate has at most {MAX_PRINCIPALS} principals")
        if not all(
            0 <= number <= _MAX_UINT64 for number in (self.serial, self.valid_after, self.valid_before)
        ):
            raise KeyFormatError("a number in a certificate has 64 bits")
        if self.valid_before <= self.valid_after:
            raise KeyFormatError("the certificate would never be valid")


def sign_certificate(
    key: PublicKey,
    statement: Statement,
    authority: PublicKey,
    sign: Callable[[bytes], bytes],
    nonce: bytes,
) -> Certificate:
    """Return a certificate for `key`. `sign` makes `authority`'s signature blob over what it is given."""
    if key.key_type in CERTIFIED_TYPES or authority.key_type in CERTIFIED_TYPES:
        raise KeyFormatError("a certificate can neither be certified nor certify")
    out = bytearray()
    put_text(out, certificate_name(key.key_type))
    put_string(out, nonce)
    fields = Reader(key.blob)
    take_string(fields)
    out += key.blob[fields.offset :]
    put_uint64(out, statement.serial)
    put_uint32(out, _KINDS[statement.kind])
    put_text(out, statement.key_id)
    put_string(out, _texts(statement.principals))
    put_uint64(out, statement.valid_after)
    put_uint64(out, statement.valid_before)
    put_string(out, _options(statement.critical_options))
    put_string(out, _options(statement.extensions))
    put_string(out, b"")  # reserved
    put_string(out, authority.blob)
    put_string(out, sign(bytes(out)))
    # decoding makes sure that others can read it, too
    return cast(Certificate, decode_public_key(bytes(out)))


def _texts(texts: Iterable[str]) -> bytes:
    out = bytearray()
    for text in texts:
        put_text(out, text)
    return bytes(out)


def _options(options: Mapping[str, bytes]) -> bytes:
    """Encode options in the order that the format demands: that of their names' bytes."""
    out = bytearray()
    for name in sorted(options, key=str.encode):
        put_text(out, name)
        put_string(out, options[name])
    return bytes(out)
