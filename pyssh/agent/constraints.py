"""Limits to the use of a key, as the request to add it has them (RFC 9987 section 5.2.7, PROTOCOL.agent)."""

from collections.abc import Callable
from typing import Any, Final

from pyssh.errors import DecodeError
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.record import Record
from pyssh.wire.message import Struct
from pyssh.wire.types import (
    Boolean,
    Reader,
    Rest,
    String,
    Text,
    put_boolean,
    put_byte,
    put_string,
    put_text,
    put_uint32,
    take_boolean,
    take_byte,
    take_string,
    take_text,
    take_uint32,
)

__all__ = [
    "ASSOCIATED_CERTIFICATES",
    "MAX_DESTINATIONS",
    "NO_CONSTRAINTS",
    "RESTRICT_DESTINATION",
    "SK_PROVIDER",
    "Constraints",
    "Destination",
    "Hop",
    "HopKey",
    "decode_constraints",
    "encode_constraints",
]

_LIFETIME: Final = 1
_CONFIRM: Final = 2
_EXTENSION: Final = 255

RESTRICT_DESTINATION: Final = "restrict-destination-v00@openssh.com"
SK_PROVIDER: Final = "sk-provider@openssh.com"
ASSOCIATED_CERTIFICATES: Final = "associated-certs-v00@openssh.com"

MAX_DESTINATIONS: Final = 1024
"""OpenSSH's AGENT_MAX_DEST_CONSTRAINTS."""
_MAX_HOP_KEYS: Final = 1024
_MAX_CERTIFICATES: Final = 1024


class HopKey(Record):
    """A host key by which a hop is known; with `is_ca`, the key that signs the certificates of such."""

    key: PublicKey
    is_ca: bool = False


class Hop(Record):
    """One end of a permitted step. `user` is a pattern; empty it means anybody.

    With neither `hostname` nor `keys` it is the host on which the agent runs.
    """

    user: str
    hostname: str
    keys: tuple[HopKey, ...]


class Destination(Record):
    """One step that a key may be used for: from one host to another one."""

    origin: Hop
    target: Hop

    def check(self) -> None:
        """Raise `DecodeError` for what OpenSSH's agent calls inconsistent or incomplete."""
        if self.origin.user:
            raise DecodeError("a destination constraint with a user at its origin")
        if bool(self.origin.hostname) != bool(self.origin.keys):
            raise DecodeError("a destination constraint whose origin has a name or keys, not both")
        if not self.target.hostname or not self.target.keys:
            raise DecodeError("a destination constraint without a target")


class Constraints(Record):
    """The limits of one key. `lifetime` is in seconds; no `destinations` means everywhere.

    `sk_provider` is the library that talks to a security key. `certificates` are for keys in tokens: they
    are to be added for the keys they certify, with `certificates_only` in place of these.
    """

    lifetime: int | None = None
    confirm: bool = False
    destinations: tuple[Destination, ...] = ()
    sk_provider: str | None = None
    certificates: tuple[PublicKey, ...] = ()
    certificates_only: bool = False


NO_CONSTRAINTS: Final = Constraints()


class _Destination(Struct):
    origin: String
    target: String
    reserved: String


class _Hop(Struct):
    user: Text
    hostname: Text
    reserved: String
    keys: Rest


class _HopKey(Struct):
    key_blob: String
    is_ca: Boolean


def encode_constraints(constraints: Constraints) -> bytes:
    """Return what follows the key in `AddIdConstrained`, and ends `AddSmartcardKeyConstrained`."""
    out = bytearray()
    if constraints.lifetime is not None:
        put_byte(out, _LIFETIME)
        put_uint32(out, constraints.lifetime)
    if constraints.confirm:
        put_byte(out, _CONFIRM)
    if constraints.sk_provider is not None:
        _put_extension(out, SK_PROVIDER)
        put_text(out, constraints.sk_provider)
    if constraints.destinations:
        _put_extension(out, RESTRICT_DESTINATION)
        encoded = bytearray()
        for destination in constraints.destinations:
            both = _Destination(_encode_hop(destination.origin), _encode_hop(destination.target), b"")
            put_string(encoded, both.encode())
        put_string(out, encoded)
    if constraints.certificates:
        _put_extension(out, ASSOCIATED_CERTIFICATES)
        put_boolean(out, constraints.certificates_only)
        blobs = bytearray()
        for certificate in constraints.certificates:
            put_string(blobs, certificate.blob)
        put_string(out, blobs)
    return bytes(out)


def _put_extension(out: bytearray, name: str) -> None:
    put_byte(out, _EXTENSION)
    put_text(out, name)


def _encode_hop(hop: Hop) -> bytes:
    keys = b"".join(_HopKey(found.key.blob, found.is_ca).encode() for found in hop.keys)
    return _Hop(hop.user, hop.hostname, b"", keys).encode()


def decode_constraints(data: bytes) -> Constraints:
    """Decode all of `data`.

    `DecodeError` or `KeyFormatError` for anything unknown, given twice or out of bounds: a key whose limits
    are not understood must not be added without them.
    """
    reader = Reader(data)
    fields: dict[str, Any] = {}
    while reader.remaining:
        found = _take_constraint(reader)
        if found.keys() & fields.keys():
            raise DecodeError(f"the constraint {', '.join(found)} twice", reader.offset)
        fields |= found
    return Constraints(**fields)


def _take_constraint(reader: Reader) -> dict[str, Any]:
    match take_byte(reader):
        case 1:
            return {"lifetime": take_uint32(reader)}
        case 2:
            return {"confirm": True}
        case 255:
            name = take_text(reader)
            take = _EXTENSIONS.get(name)
            if take is None:
                raise DecodeError(f"an unknown constraint, {name[:64]!r}", reader.offset)
            return take(reader)
        case number:
            raise DecodeError(f"an unknown constraint, {number}", reader.offset)


def _take_destinations(reader: Reader) -> dict[str, Any]:
    inner = Reader(take_string(reader))
    destinations: list[Destination] = []
    while inner.remaining:
        if len(destinations) == MAX_DESTINATIONS:
            raise DecodeError(f"more than {MAX_DESTINATIONS} destinations", inner.offset)
        both = _Destination.decode(take_string(inner))
        if both.reserved:
            raise DecodeError("a destination constraint with extensions", inner.offset)
        destinations.append(Destination(_decode_hop(both.origin), _decode_hop(both.target)))
    if not destinations:
        # OpenSSH's agent takes none for everywhere, which is hardly what somebody meant
        raise DecodeError("a destination constraint with no destinations", reader.offset)
    return {"destinations": tuple(destinations)}


def _decode_hop(data: bytes) -> Hop:
    hop = _Hop.decode(data)
    if hop.reserved:
        raise DecodeError("a hop with extensions")
    if "\0" in hop.user + hop.hostname:
        raise DecodeError("a NUL in the name of a hop")
    reader = Reader(hop.keys)
    keys: list[HopKey] = []
    while reader.remaining:
        if len(keys) == _MAX_HOP_KEYS:
            raise DecodeError(f"a hop with more than {_MAX_HOP_KEYS} keys", reader.offset)
        found = _HopKey.take(reader)
        keys.append(HopKey(decode_public_key(found.key_blob), found.is_ca))
    return Hop(hop.user, hop.hostname, tuple(keys))


def _take_provider(reader: Reader) -> dict[str, Any]:
    return {"sk_provider": take_text(reader)}


def _take_certificates(reader: Reader) -> dict[str, Any]:
    only = take_boolean(reader)
    inner = Reader(take_string(reader))
    certificates: list[PublicKey] = []
    while inner.remaining:
        if len(certificates) == _MAX_CERTIFICATES:
            raise DecodeError(f"more than {_MAX_CERTIFICATES} certificates", inner.offset)
        certificates.append(decode_public_key(take_string(inner)))
    return {"certificates": tuple(certificates), "certificates_only": only}


_EXTENSIONS: Final[dict[str, Callable[[Reader], dict[str, Any]]]] = {
    RESTRICT_DESTINATION: _take_destinations,
    SK_PROVIDER: _take_provider,
    ASSOCIATED_CERTIFICATES: _take_certificates,
}
