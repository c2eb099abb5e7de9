"""Number to class, per context: 30-49 mean different things at different times."""

from typing import Final

from pyssh.messages import connection, kex, transport, userauth
from pyssh.wire.message import Message

MessageTable = dict[int, type[Message]]


def _table(*classes: type[Message]) -> MessageTable:
    return {cls.number: cls for cls in classes}


TRANSPORT: Final = _table(
    transport.Disconnect,
    transport.Ignore,
    transport.Unimplemented,
    transport.Debug,
    transport.ServiceRequest,
    transport.ServiceAccept,
    transport.ExtInfo,
    transport.KexInit,
    transport.NewKeys,
    transport.Ping,
    transport.Pong,
)

KEX_DH: Final = _table(kex.KexDhInit, kex.KexDhReply)
KEX_ECDH: Final = _table(kex.KexEcdhInit, kex.KexEcdhReply)
KEX_DH_GEX: Final = _table(kex.KexDhGexRequest, kex.KexDhGexGroup, kex.KexDhGexInit, kex.KexDhGexReply)

USERAUTH: Final = _table(
    userauth.UserauthRequest,
    userauth.UserauthFailure,
    userauth.UserauthSuccess,
    userauth.UserauthBanner,
)
CONNECTION: Final = _table(
    connection.GlobalRequest,
    connection.RequestSuccess,
    connection.RequestFailure,
    connection.ChannelOpen,
    connection.ChannelOpenConfirmation,
    connection.ChannelOpenFailure,
    connection.ChannelWindowAdjust,
    connection.ChannelData,
    connection.ChannelExtendedData,
    connection.ChannelEof,
    connection.ChannelClose,
    connection.ChannelRequest,
    connection.ChannelSuccess,
    connection.ChannelFailure,
)
