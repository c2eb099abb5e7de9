"""The records in which a connection travels to another process, or waits for another transport.

Each layer object writes itself into one and is made from one; the engine turns them into bytes.
"""

from typing import Annotated, Any

from pyssh.wire.message import Struct
from pyssh.wire.types import (
    Boolean,
    Byte,
    Codec,
    Reader,
    String,
    Text,
    UInt32,
    put_uint32,
    take_uint32,
)


def _counted(struct: type[Struct]) -> Codec:
    """Return the codec of a tuple of structs behind their number."""

    def put(out: bytearray, value: tuple[Any, ...]) -> None:
        put_uint32(out, len(value))
        for item in value:
            item.put(out)

    def take(reader: Reader) -> tuple[Any, ...]:
        return tuple([struct.take(reader) for _ in range(take_uint32(reader))])

    return Codec(f"{struct.__name__}s", put, take)


def _put_numbers(out: bytearray, value: tuple[int, ...]) -> None:
    put_uint32(out, len(value))
    for number in value:
        put_uint32(out, number)


def _take_numbers(reader: Reader) -> tuple[int, ...]:
    return tuple([take_uint32(reader) for _ in range(take_uint32(reader))])


Numbers = Annotated[tuple[int, ...], Codec("numbers", _put_numbers, _take_numbers)]


class PlaceState(Struct):
    """A place in a queue of replies: a request to ask about again, or the answer that waits its turn."""

    name: Text = ""
    data: String = b""
    settled: Boolean = False
    granted: Boolean = False
    response: String = b""


Places = Annotated[tuple[PlaceState, ...], _counted(PlaceState)]


class ChannelRecord(Struct):
    """One channel. `state` is the value of a `ChannelState`."""

    number: UInt32
    remote_number: UInt32
    channel_type: Text
    type_data: String
    state: Byte
    locally_opened: Boolean
    abandoned: Boolean
    eof_sent: Boolean
    eof_received: Boolean
    close_sent: Boolean
    local_size: UInt32
    local_available: UInt32
    local_unreturned: UInt32
    local_maximum_packet_size: UInt32
    remote_available: UInt32
    remote_maximum_packet_size: UInt32
    awaited_replies: UInt32
    received_requests: Places


class GlobalRequestsState(Struct):
    """Global requests that wait for a reply. `awaited` has a byte for each of ours: 0 for a silent one."""

    no_more_sessions: Boolean
    awaited: String
    received: Places


ChannelRecords = Annotated[tuple[ChannelRecord, ...], _counted(ChannelRecord)]
GlobalRequestsField = Annotated[
    GlobalRequestsState,
    Codec("global requests", lambda out, value: value.put(out), GlobalRequestsState.take),
]


class ConnectionState(Struct):
    """Everything that a `ConnectionProtocol` knows. Data that the owner has seen travels with the owner."""

    next_number: UInt32
    resting: Numbers
    forgotten: Numbers
    global_requests: GlobalRequestsField
    channels: ChannelRecords
