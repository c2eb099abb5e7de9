"""Channel requests and global requests, declared: name, fields, which role may send it.

RFC 4254 sections 4, 6 and 7, RFC 4335 (break), OpenSSH's PROTOCOL.
"""

from collections.abc import Callable
from typing import Annotated, ClassVar, Final, TypeVar

from pyssh.connection.declarations import Declarations, Role
from pyssh.errors import DecodeError, UsageError
from pyssh.wire.message import Struct
from pyssh.wire.types import (
    Boolean,
    Codec,
    Reader,
    Rest,
    Secret,
    String,
    Text,
    UInt32,
    put_string,
    take_string,
)


class ChannelRequestKind(Struct):
    """A declared channel request. Its fields are what follows want_reply in CHANNEL_REQUEST."""

    request_type: ClassVar[str]
    sent_by: ClassVar[Role]


class GlobalRequestKind(Struct):
    """A declared global request. Its fields are what follows want_reply in GLOBAL_REQUEST."""

    request_name: ClassVar[str]
    sent_by: ClassVar[Role]


_C = TypeVar("_C", bound=type[ChannelRequestKind])
_G = TypeVar("_G", bound=type[GlobalRequestKind])

CHANNEL_REQUESTS: Final = Declarations[ChannelRequestKind]("channel request")
GLOBAL_REQUESTS: Final = Declarations[GlobalRequestKind]("global request")


def channel_request(request_type: str, *, sent_by: Role) -> Callable[[_C], _C]:
    """Declare a `ChannelRequestKind` class; `ValueError` if the request type is declared already."""

    def declare(cls: _C) -> _C:
        cls.request_type = request_type
        cls.sent_by = sent_by
        CHANNEL_REQUESTS.add(request_type, cls)
        return cls

    return declare


def global_request(request_name: str, *, sent_by: Role) -> Callable[[_G], _G]:
    """Declare a `GlobalRequestKind` class; `ValueError` if the request name is declared already."""

    def declare(cls: _G) -> _G:
        cls.request_name = request_name
        cls.sent_by = sent_by
        GLOBAL_REQUESTS.add(request_name, cls)
        return cls

    return declare


@channel_request("pty-req", sent_by=Role.CLIENT)
class PtyReq(ChannelRequestKind):
    """Allocate a terminal (RFC 4254 section 6.2). `terminal_modes` as in `terminal_modes.py`."""

    term: Text
    columns: UInt32
    rows: UInt32
    width_pixels: UInt32 = 0
    height_pixels: UInt32 = 0
    terminal_modes: String = b"\0"


@channel_request("x11-req", sent_by=Role.CLIENT)
class X11Req(ChannelRequestKind):
    """Forward X11 connections (RFC 4254 section 6.3.1)."""

    single_connection: Boolean
    authentication_protocol: Text
    authentication_cookie: Secret
    screen_number: UInt32


@channel_request("env", sent_by=Role.CLIENT)
class Env(ChannelRequestKind):
    """Set an environment variable (RFC 4254 section 6.4). Both in the client's encoding, whatever it is."""

    variable_name: String
    variable_value: String


@channel_request("shell", sent_by=Role.CLIENT)
class Shell(ChannelRequestKind):
    """Start the user's login shell (RFC 4254 section 6.5)."""


@channel_request("exec", sent_by=Role.CLIENT)
class Exec(ChannelRequestKind):
    """Start a command (RFC 4254 section 6.5)."""

    command: String


@channel_request("subsystem", sent_by=Role.CLIENT)
class Subsystem(ChannelRequestKind):
    """Start a subsystem (RFC 4254 section 6.5)."""

    subsystem_name: Text


@channel_request("window-change", sent_by=Role.CLIENT)
class WindowChange(ChannelRequestKind):
    """The terminal's size is now this (RFC 4254 section 6.7)."""

    columns: UInt32
    rows: UInt32
    width_pixels: UInt32 = 0
    height_pixels: UInt32 = 0


@channel_request("xon-xoff", sent_by=Role.SERVER)
class XonXoff(ChannelRequestKind):
    """Whether the client may do flow control by control-S and control-Q (RFC 4254 section 6.8)."""

    client_can_do: Boolean


@channel_request("signal", sent_by=Role.CLIENT)
class Signal(ChannelRequestKind):
    """Send a signal to the remote process (RFC 4254 section 6.9)."""

    signal_name: Text


@channel_request("break", sent_by=Role.CLIENT)
class Break(ChannelRequestKind):
    """Do what a break does (RFC 4335); the length in milliseconds, 0 for the receiver's own."""

    break_length: UInt32


@channel_request("exit-status", sent_by=Role.SERVER)
class ExitStatus(ChannelRequestKind):
    """The command ended with this status (RFC 4254 section 6.10)."""

    exit_status: UInt32


@channel_request("exit-signal", sent_by=Role.SERVER)
class ExitSignal(ChannelRequestKind):
    """The command died of a signal (RFC 4254 section 6.10); see `plain_signal_name`."""

    signal_name: Text
    core_dumped: Boolean = False
    error_message: Text = ""
    language_tag: Text = ""


def plain_signal_name(signal_name: str) -> str:
    """Return the name as RFC 4254 has it, without SIG: Dev Tunnels SSH sends `SIGABRT` for `ABRT`."""
    return signal_name.removeprefix("SIG")


@channel_request("auth-agent-req@openssh.com", sent_by=Role.CLIENT)
class AuthAgentReq(ChannelRequestKind):
    """Forward the authentication agent (OpenSSH's PROTOCOL.agent)."""


@channel_request("eow@openssh.com", sent_by=Role.EITHER)
class EndOfWrite(ChannelRequestKind):
    """The sender discards further data (OpenSSH's PROTOCOL section 2.1). Send it to OpenSSH only."""


@channel_request("keepalive@openssh.com", sent_by=Role.EITHER)
class ChannelKeepalive(ChannelRequestKind):
    """Is anybody there? OpenSSH's server asks on a channel if one is open. The layer itself answers."""


class UnknownRequest(Struct):
    """A channel request that nobody has declared, with its fields undecoded."""

    request_type: Text
    request_data: Rest


MAX_HOST_KEYS: Final = 256  # hosts have a handful, one or two for each of a dozen key types


def _put_strings(out: bytearray, value: tuple[bytes, ...]) -> None:
    for item in value:
        put_string(out, item)


def _take_strings(reader: Reader) -> tuple[bytes, ...]:
    found: list[bytes] = []
    while reader.remaining:
        if len(found) == MAX_HOST_KEYS:
            raise DecodeError(f"more than {MAX_HOST_KEYS} host keys", reader.offset)
        found.append(take_string(reader))
    return tuple(found)


Strings = Annotated[tuple[bytes, ...], Codec("strings to the end", _put_strings, _take_strings)]


@global_request("tcpip-forward", sent_by=Role.CLIENT)
class TcpipForward(GlobalRequestKind):
    """Forward a port of the server (RFC 4254 section 7.1). For port 0 the response is a `BoundPort`."""

    address_to_bind: Text
    port_to_bind: UInt32


@global_request("cancel-tcpip-forward", sent_by=Role.CLIENT)
class CancelTcpipForward(GlobalRequestKind):
    """Stop forwarding a port of the server (RFC 4254 section 7.1)."""

    address_to_bind: Text
    port_to_bind: UInt32


class BoundPort(Struct):
    """The response to a granted `TcpipForward` of port 0. Dev Tunnels SSH sends it for any port."""

    port_bound: UInt32


@global_request("streamlocal-forward@openssh.com", sent_by=Role.CLIENT)
class StreamlocalForward(GlobalRequestKind):
    """Forward a Unix socket of the server (OpenSSH's PROTOCOL section 2.4)."""

    socket_path: String


@global_request("cancel-streamlocal-forward@openssh.com", sent_by=Role.CLIENT)
class CancelStreamlocalForward(GlobalRequestKind):
    """Stop forwarding a Unix socket of the server (OpenSSH's PROTOCOL section 2.4)."""

    socket_path: String


@global_request("keepalive@openssh.com", sent_by=Role.EITHER)
class KeepaliveRequest(GlobalRequestKind):
    """Is anybody there? The layer itself answers, with a failure as OpenSSH does."""


@global_request("no-more-sessions@openssh.com", sent_by=Role.CLIENT)
class NoMoreSessions(GlobalRequestKind):
    """The client will open no more sessions (OpenSSH's PROTOCOL section 2.2). The layer itself obeys."""


@global_request("hostkeys-00@openssh.com", sent_by=Role.SERVER)
class HostKeys(GlobalRequestKind):
    """All host keys of the server, as blobs (OpenSSH's PROTOCOL section 2.5)."""

    host_keys: Strings


HOSTKEYS_PROVE: Final = "hostkeys-prove-00@openssh.com"


@global_request(HOSTKEYS_PROVE, sent_by=Role.CLIENT)
class HostKeysProve(GlobalRequestKind):
    """Prove that you have these host keys (OpenSSH's PROTOCOL section 2.5); answered by `HostKeyProofs`."""

    host_keys: Strings


class HostKeyProofs(Struct):
    """The response to `HostKeysProve`: a signature over `HostKeyProofData` for each key, in order."""

    signatures: Strings


class HostKeyProofData(Struct):
    """What a server signs to prove one host key; `purpose` is `HOSTKEYS_PROVE`."""

    purpose: Text
    session_identifier: String
    host_key: String


class UnknownGlobalRequest(Struct):
    """A global request that nobody has declared, with its fields undecoded."""

    request_name: Text
    request_data: Rest


def decode_channel_request(request_type: str, request_data: bytes) -> ChannelRequestKind | UnknownRequest:
    """Return the request with its fields; `DecodeError` if a declared one's do not decode."""
    cls = CHANNEL_REQUESTS.find(request_type)
    return cls.decode(request_data) if cls else UnknownRequest(request_type, request_data)


def encode_channel_request(request: Struct) -> tuple[str, bytes]:
    """Return name and encoded fields of a channel request; `UsageError` if it is none."""
    if isinstance(request, ChannelRequestKind):
        return request.request_type, request.encode()
    if isinstance(request, UnknownRequest):
        return request.request_type, request.request_data
    raise UsageError(f"{type(request).__name__} is not a channel request")


def decode_global_request(request_name: str, request_data: bytes) -> GlobalRequestKind | UnknownGlobalRequest:
    """Return the request with its fields; `DecodeError` if a declared one's do not decode."""
    cls = GLOBAL_REQUESTS.find(request_name)
    return cls.decode(request_data) if cls else UnknownGlobalRequest(request_name, request_data)


def encode_global_request(request: Struct) -> tuple[str, bytes]:
    """Return name and encoded fields of a global request; `UsageError` if it is none."""
    if isinstance(request, GlobalRequestKind):
        return request.request_name, request.encode()
    if isinstance(request, UnknownGlobalRequest):
        return request.request_name, request.request_data
    raise UsageError(f"{type(request).__name__} is not a global request")


def may_send(declared: type[ChannelRequestKind | GlobalRequestKind] | None, *, is_client: bool) -> bool:
    """Say whether the client (or the server) may send this; undeclared requests belong to either."""
    return declared is None or declared.sent_by.includes(is_client=is_client)
