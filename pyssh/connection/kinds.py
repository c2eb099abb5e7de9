"""Channel types, declared: name, extra fields of CHANNEL_OPEN, which role may open it (RFC 4254, OpenSSH)."""

from collections.abc import Callable
from typing import ClassVar, Final, TypeVar

from pyssh.connection.declarations import Declarations, Role
from pyssh.errors import UsageError
from pyssh.wire.message import Struct
from pyssh.wire.types import Rest, String, Text, UInt32


class ChannelKind(Struct):
    """A declared channel type. Its fields are what follows the packet size in CHANNEL_OPEN."""

    channel_type: ClassVar[str]
    opened_by: ClassVar[Role]


_K = TypeVar("_K", bound=type[ChannelKind])

CHANNEL_KINDS: Final = Declarations[ChannelKind]("channel type")


def channel_kind(channel_type: str, *, opened_by: Role) -> Callable[[_K], _K]:
    """Declare a `ChannelKind` class; `ValueError` if the channel type is declared already."""

    def declare(cls: _K) -> _K:
        cls.channel_type = channel_type
        cls.opened_by = opened_by
        CHANNEL_KINDS.add(channel_type, cls)
        return cls

    return declare


@channel_kind("session", opened_by=Role.CLIENT)
class Session(ChannelKind):
    """A program to be run remotely (RFC 4254 section 6.1)."""


@channel_kind("x11", opened_by=Role.SERVER)
class X11(ChannelKind):
    """A connection to the client's X server (RFC 4254 section 6.3.2)."""

    originator_address: Text
    originator_port: UInt32


@channel_kind("forwarded-tcpip", opened_by=Role.SERVER)
class ForwardedTcpip(ChannelKind):
    """A connection to a port that the client asked to be forwarded (RFC 4254 section 7.2)."""

    address_connected: Text
    port_connected: UInt32
    originator_address: Text
    originator_port: UInt32


@channel_kind("direct-tcpip", opened_by=Role.CLIENT)
class DirectTcpip(ChannelKind):
    """A connection that the server is to make (RFC 4254 section 7.2)."""

    host_to_connect: Text
    port_to_connect: UInt32
    originator_address: Text
    originator_port: UInt32


@channel_kind("direct-streamlocal@openssh.com", opened_by=Role.CLIENT)
class DirectStreamlocal(ChannelKind):
    """A connection to a Unix socket that the server is to make (OpenSSH's PROTOCOL section 2.4)."""

    socket_path: String
    reserved_string: String = b""
    reserved_number: UInt32 = 0


@channel_kind("forwarded-streamlocal@openssh.com", opened_by=Role.SERVER)
class ForwardedStreamlocal(ChannelKind):
    """A connection to a Unix socket that the client had forwarded (OpenSSH's PROTOCOL section 2.4)."""

    socket_path: String
    reserved_string: String = b""


@channel_kind("auth-agent@openssh.com", opened_by=Role.SERVER)
class AuthAgent(ChannelKind):
    """A connection to the client's authentication agent (OpenSSH's PROTOCOL.agent)."""


class UnknownKind(Struct):
    """A channel type that nobody has declared, with its fields undecoded."""

    channel_type: Text
    type_data: Rest


def decode_kind(channel_type: str, type_data: bytes) -> ChannelKind | UnknownKind:
    """Return the channel type with its fields; `DecodeError` if a declared one's do not decode."""
    cls = CHANNEL_KINDS.find(channel_type)
    return cls.decode(type_data) if cls else UnknownKind(channel_type, type_data)


def encode_kind(kind: Struct) -> tuple[str, bytes]:
    """Return name and encoded fields of a `ChannelKind` or `UnknownKind`; `UsageError` for others."""
    if isinstance(kind, ChannelKind):
        return kind.channel_type, kind.encode()
    if isinstance(kind, UnknownKind):
        return kind.channel_type, kind.type_data
    raise UsageError(f"{type(kind).__name__} is not a kind of channel")


def may_open(channel_type: str, *, is_client: bool) -> bool:
    """Say whether the client (or the server) may open such channels; undeclared types belong to either."""
    cls = CHANNEL_KINDS.find(channel_type)
    return cls is None or cls.opened_by.includes(is_client=is_client)
