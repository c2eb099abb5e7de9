"""A server's link as bytes that travel to another process, which was handed the descriptors."""

from collections.abc import Sequence

from pyssh.aio.channel import STDERR, Channel
from pyssh.aio.credentials import AnySigner
from pyssh.aio.handler import ServerHandler
from pyssh.aio.reader import Unread
from pyssh.aio.server import LinkObserver, ServerLink
from pyssh.aio.streams import Stream
from pyssh.aio.timeouts import Timeouts
from pyssh.engine import ServerEngine
from pyssh.errors import UsageError
from pyssh.options import ServerOptions
from pyssh.wire.message import Struct
from pyssh.wire.types import Reader, Rest, Secret, String, UInt32


class LinkState(Struct):
    """What `detach` returns: the engine, what the kernel did not take, and `UnreadData` of the channels."""

    engine: Secret
    unsent: String
    unread: Rest


class UnreadData(Struct):
    """Data that a channel received and nobody read; `credited` bytes of it are back in the window."""

    channel: UInt32
    data_type_code: UInt32
    credited: UInt32
    data: Secret


def detach(link: ServerLink) -> tuple[bytes, Stream]:
    """Stop a link and return its state and its stream, for `resume`, perhaps in another process.

    The user must be in, and no key exchange may be going on (`UsageError`; try again when it is over).
    Sources and sinks are to be stopped before. The peer notices nothing. The bytes hold keys: let nobody see
    them.
    """
    link.flush()
    engine_state = link.engine.export_state()
    unread = b"".join(
        UnreadData(channel.number, code, piece.credited, piece.data).encode()
        for channel in link.channels.values()
        for code, piece in ((0, channel.stdout.unread()), (STDERR, channel.stderr.unread()))
        if piece.data
    )
    unsent, stream = link.release()
    return LinkState(engine_state, unsent, unread).encode(), stream


def resume(
    handler: ServerHandler,
    state: bytes,
    stream: Stream,
    *,
    signers: Sequence[AnySigner],
    options: ServerOptions,
    timeouts: Timeouts | None = None,
    on_event: LinkObserver | None = None,
) -> ServerLink:
    """Go on with a link that was detached. `handler.resumed` runs for each of its open channels."""
    decoded = LinkState.decode(state)
    engine, events = ServerEngine.restore(options, decoded.engine)
    link = ServerLink(
        handler, engine, stream, signers=signers, timeouts=timeouts or Timeouts(), on_event=on_event
    )
    channels: dict[int, Channel] = {}
    for number, known in engine.connection.channels.items():
        if known.state.name == "OPEN":
            channels[number] = link.adopt_channel(known, handler.resumed)
    reader = Reader(decoded.unread)
    while reader.remaining:
        piece = UnreadData.take(reader)
        if piece.channel not in channels:
            raise UsageError("the state has data of a channel that is not open")
        channel = channels[piece.channel]
        target = channel.stderr if piece.data_type_code == STDERR else channel.stdout
        target.restore(Unread(piece.data, piece.credited))
    link.restart(events, decoded.unsent)
    return link
