"""`Timeouts`: how long each wait for a peer may take."""

from pyssh.record import Record


class Timeouts(Record):
    """Seconds for every wait that a peer could make endless; 0 means for ever.

    Reading and writing channels has no limit here: wrap those in `asyncio.timeout`. Waiting for the user's
    own answers (trust, credentials) is not counted.
    """

    # one TCP or Unix connection to one address; the system itself gives up after some two minutes
    connect: float = 60.0
    # happy eyeballs: the next address is tried when one has not answered so long (RFC 8305 section 5)
    next_address: float = 0.25
    # each wait of a client for the server's next step, from the version line to the last reply of the login
    login_step: float = 120.0
    # a channel that we asked for; the peer may have to make a connection of its own first
    open_channel: float = 180.0
    # the reply to a channel request or global request
    request: float = 120.0
    # the peer's CLOSE after ours; some peers never send it (Dev Tunnels)
    channel_close: float = 10.0
    # sending what is left, with our DISCONNECT, before the stream is cut
    close: float = 5.0
    # the SOCKS dialogue of one connection to a dynamic forward
    socks: float = 60.0
    # an answer of the authentication agent, which may ask its user for confirmation
    agent: float = 120.0


def limit(seconds: float) -> float | None:
    """Return what `asyncio.timeout` takes."""
    return seconds or None
