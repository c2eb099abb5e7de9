"""One well-formed payload for each message number, so that a refusal is for the number and nothing else."""

from typing import Final

from pyssh.messages import connection, kex, transport, userauth
from pyssh.transport.negotiation import STRICT_CLIENT, STRICT_SERVER
from pyssh.wire.message import Message
from tests.support.pair import HOST_KEY
from tests.support.rogue import QUICK

SERVICE: Final = "ssh-connection"


def kexinit(**changes: object) -> transport.KexInit:
    """A KEXINIT that everybody can agree with."""
    lists = (QUICK.ciphers, QUICK.ciphers, QUICK.macs, QUICK.macs, ("none",), ("none",), (), ())
    kex_algorithms = (*QUICK.kex, STRICT_CLIENT, STRICT_SERVER)
    return transport.KexInit(bytes(16), kex_algorithms, QUICK.host_key, *lists, False).replace(**changes)


_MESSAGES: Final[tuple[Message, ...]] = (
    transport.Disconnect(11, "bye"),
    transport.Ignore(b""),
    transport.Unimplemented(0),
    transport.Debug(False, "text", ""),
    transport.ServiceRequest("ssh-userauth"),
    transport.ServiceAccept("ssh-userauth"),
    transport.ExtInfo.of({"name@example.com": b""}),
    kexinit(),
    transport.NewKeys(),
    kex.KexEcdhInit(bytes(range(32))),
    kex.KexEcdhReply(HOST_KEY.key.blob, bytes(range(32)), b"signature"),
    kex.KexDhGexInit(3),
    kex.KexDhGexReply(HOST_KEY.key.blob, 3, b"signature"),
    kex.KexDhGexRequest(2048, 3072, 8192),
    userauth.UserauthRequest("me", SERVICE, "none", b""),
    userauth.UserauthFailure(("password",), False),
    userauth.UserauthSuccess(),
    userauth.UserauthBanner(b"banner", ""),
    userauth.UserauthPkOk("ssh-ed25519", HOST_KEY.key.blob),
    userauth.UserauthInfoResponse(0, b""),
    connection.GlobalRequest("name@example.com", True),
    connection.RequestSuccess(),
    connection.RequestFailure(),
    connection.ChannelOpen("session", 7, 1 << 20, 1 << 15),
    connection.ChannelOpenConfirmation(0, 7, 1 << 20, 1 << 15),
    connection.ChannelOpenFailure(0, 1, "no"),
    connection.ChannelWindowAdjust(0, 1),
    connection.ChannelData(0, b"data"),
    connection.ChannelExtendedData(0, 1, b"data"),
    connection.ChannelEof(0),
    connection.ChannelClose(0),
    connection.ChannelRequest(0, "name@example.com", True),
    connection.ChannelSuccess(0),
    connection.ChannelFailure(0),
    transport.Ping(b"ping"),
    transport.Pong(b"pong"),
)

# of numbers that no message has, the edges of each range stand for all; the gate's own test has them all
_UNKNOWN: Final = (0, 8, 19, 22, 29, 35, 49, 54, 59, 62, 79, 83, 101, 127, 128, 191, 194, 255)

PAYLOADS: Final[dict[int, bytes]] = {message.number: message.encode() for message in _MESSAGES} | {
    number: bytes([number]) for number in _UNKNOWN
}
