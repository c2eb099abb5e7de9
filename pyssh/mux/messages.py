"""The messages of PROTOCOL.mux, and mux.c where it says more: numbers, fields, their frame.

Texts are bytes: commands, paths and environments have no encoding of their own.
"""

from collections.abc import Callable
from typing import Annotated, ClassVar, Final, TypeVar

from pyssh.errors import DecodeError
from pyssh.wire.message import Struct
from pyssh.wire.types import (
    Codec,
    Reader,
    String,
    UInt32,
    put_string,
    put_uint32,
    take_string,
    take_uint32,
)

__all__ = [
    "FORWARD_DYNAMIC",
    "FORWARD_LOCAL",
    "FORWARD_REMOTE",
    "INFO_EXTENSION",
    "MAX_ENVIRONMENT",
    "NO_ESCAPE",
    "STREAMLOCAL",
    "VERSION",
    "AliveCheck",
    "CloseForward",
    "ExitMessage",
    "Failure",
    "Hello",
    "Info",
    "InfoRequest",
    "MasterAlive",
    "MuxMessage",
    "MuxReply",
    "MuxRequest",
    "NewSession",
    "NewStdioForward",
    "Ok",
    "OpenForward",
    "PermissionDenied",
    "Proxy",
    "ProxyGranted",
    "RemotePort",
    "SessionOpened",
    "StopListening",
    "Terminate",
    "TtyAllocFailed",
    "decode_from_client",
    "decode_from_master",
    "encode_packet",
]

VERSION: Final = 4
NO_ESCAPE: Final = 0xFFFFFFFF
"""`NewSession.escape_character` of a session without one."""
STREAMLOCAL: Final = 0xFFFFFFFE
"""The port that says that the host beside it is the path of a socket."""
FORWARD_LOCAL, FORWARD_REMOTE, FORWARD_DYNAMIC = 1, 2, 3
INFO_EXTENSION: Final = b"info"
"""The extension of a master's hello that allows `InfoRequest`."""
MAX_ENVIRONMENT: Final = 4096  # as mux.c
_MAX_EXTENSIONS: Final = 64  # there is one


class MuxMessage(Struct):
    """A message: its type, and the fields that follow it."""

    type: ClassVar[int]


class MuxRequest(MuxMessage):
    """What a client asks; `handles` is how many descriptors follow it."""

    handles: ClassVar[int] = 0
    request_id: UInt32


class MuxReply(MuxMessage):
    """What a master says to a request."""

    client_request_id: UInt32


_T = TypeVar("_T", bound=type[MuxMessage])
_FROM_CLIENT: Final[dict[int, type[MuxMessage]]] = {}
_FROM_MASTER: Final[dict[int, type[MuxMessage]]] = {}


def _declare(number: int, *tables: dict[int, type[MuxMessage]]) -> Callable[[_T], _T]:
    def declare(cls: _T) -> _T:
        cls.type = number
        for table in tables:
            table[number] = cls
        return cls

    return declare


def _put_strings(out: bytearray, value: tuple[bytes, ...]) -> None:
    for item in value:
        put_string(out, item)


def _take_strings(reader: Reader) -> tuple[bytes, ...]:
    found: list[bytes] = []
    while reader.remaining:
        if len(found) == MAX_ENVIRONMENT:
            raise DecodeError(f"more than {MAX_ENVIRONMENT} environment variables", reader.offset)
        found.append(take_string(reader))
    return tuple(found)


def _put_pairs(out: bytearray, value: tuple[tuple[bytes, bytes], ...]) -> None:
    for pair in value:
        _put_strings(out, pair)


def _take_pairs(reader: Reader) -> tuple[tuple[bytes, bytes], ...]:
    found: list[tuple[bytes, bytes]] = []
    while reader.remaining:
        if len(found) == _MAX_EXTENSIONS:
            raise DecodeError(f"more than {_MAX_EXTENSIONS} extensions", reader.offset)
        found.append((take_string(reader), take_string(reader)))
    return tuple(found)


_Strings = Annotated[tuple[bytes, ...], Codec("strings to the end", _put_strings, _take_strings)]
_Pairs = Annotated[tuple[tuple[bytes, bytes], ...], Codec("pairs to the end", _put_pairs, _take_pairs)]


@_declare(0x00000001, _FROM_CLIENT, _FROM_MASTER)
class Hello(MuxMessage):
    """The first message of each side, with the extensions that it knows."""

    version: UInt32 = VERSION
    extensions: _Pairs = ()


# --- from the client


@_declare(0x10000002, _FROM_CLIENT)
class NewSession(MuxRequest):
    """Open a session; its standard input, output and error follow. The booleans are numbers in mux.c."""

    handles: ClassVar[int] = 3
    reserved: String
    want_tty: UInt32
    want_x11_forwarding: UInt32
    want_agent: UInt32
    is_subsystem: UInt32
    escape_character: UInt32
    terminal_type: String
    command: String
    environment: _Strings = ()


@_declare(0x10000004, _FROM_CLIENT)
class AliveCheck(MuxRequest):
    """Say that you are there."""


@_declare(0x10000005, _FROM_CLIENT)
class Terminate(MuxRequest):
    """End the connection and everything on it."""


class _Forward(MuxRequest):
    forwarding_type: UInt32
    listen_host: String
    listen_port: UInt32
    connect_host: String
    connect_port: UInt32


@_declare(0x10000006, _FROM_CLIENT)
class OpenForward(_Forward):
    """Forward; a host may be a path (see `STREAMLOCAL`), an empty listen host is the default one."""


@_declare(0x10000007, _FROM_CLIENT)
class CloseForward(_Forward):
    """Stop a forward that was asked for in the same words."""


@_declare(0x10000008, _FROM_CLIENT)
class NewStdioForward(MuxRequest):
    """Join standard input and output, which follow, to an address that the server reaches."""

    handles: ClassVar[int] = 2
    reserved: String
    connect_host: String
    connect_port: UInt32


@_declare(0x10000009, _FROM_CLIENT)
class StopListening(MuxRequest):
    """Remove the control socket; what goes on goes on."""


@_declare(0x1000000F, _FROM_CLIENT)
class Proxy(MuxRequest):
    """From now on, pass messages of the connection protocol on (see `proxy.py`)."""


@_declare(0x20000001, _FROM_CLIENT)
class InfoRequest(MuxRequest):
    """Say something for people: `connection` or `channels` (OpenSSH 10; not in PROTOCOL.mux)."""

    info_type: String


# --- from the master


@_declare(0x80000001, _FROM_MASTER)
class Ok(MuxReply):
    """Done."""


@_declare(0x80000002, _FROM_MASTER)
class PermissionDenied(MuxReply):
    """The user at the master said no."""

    reason: String


@_declare(0x80000003, _FROM_MASTER)
class Failure(MuxReply):
    """It cannot be done."""

    reason: String


@_declare(0x80000004, _FROM_MASTER)
class ExitMessage(MuxMessage):
    """The session's command has ended."""

    session_id: UInt32
    exit_value: UInt32


@_declare(0x80000005, _FROM_MASTER)
class MasterAlive(MuxReply):
    """The master is there."""

    server_pid: UInt32


@_declare(0x80000006, _FROM_MASTER)
class SessionOpened(MuxReply):
    """The session is open, and the master has its descriptors."""

    session_id: UInt32


@_declare(0x80000007, _FROM_MASTER)
class RemotePort(MuxReply):
    """The port that the server chose for a remote forward of port 0."""

    allocated_port: UInt32


@_declare(0x80000008, _FROM_MASTER)
class TtyAllocFailed(MuxMessage):
    """The server gave the session no terminal."""

    session_id: UInt32


@_declare(0x8000000F, _FROM_MASTER)
class ProxyGranted(MuxReply):
    """What follows is the proxied connection protocol."""


@_declare(0x90000001, _FROM_MASTER)
class Info(MuxReply):
    """The text that was asked for if `is_known` is not 0, or why there is none."""

    is_known: UInt32
    text: String


def encode_packet(message: MuxMessage) -> bytes:
    """Return a message with its length and type."""
    body = bytearray()
    put_uint32(body, message.type)
    message.put(body)
    out = bytearray()
    put_string(out, body)
    return bytes(out)


def decode_from_client(packet: bytes) -> MuxMessage | tuple[int, int]:
    """Decode what a master received; of an unknown type return it and the request id (0 if there is none)."""
    return _decode(_FROM_CLIENT, packet)


def decode_from_master(packet: bytes) -> MuxMessage | tuple[int, int]:
    """Decode what a client received."""
    return _decode(_FROM_MASTER, packet)


def _decode(table: dict[int, type[MuxMessage]], packet: bytes) -> MuxMessage | tuple[int, int]:
    reader = Reader(packet)
    number = take_uint32(reader)
    declared = table.get(number)
    if declared is None:
        return number, take_uint32(reader) if reader.remaining >= 4 else 0
    decoded = declared.take(reader)
    reader.finish()
    return decoded
