"""Messages 80-127 of the connection protocol (RFC 4254)."""

from pyssh.messages.numbers import (
    SSH_MSG_CHANNEL_CLOSE,
    SSH_MSG_CHANNEL_DATA,
    SSH_MSG_CHANNEL_EOF,
    SSH_MSG_CHANNEL_EXTENDED_DATA,
    SSH_MSG_CHANNEL_FAILURE,
    SSH_MSG_CHANNEL_OPEN,
    SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
    SSH_MSG_CHANNEL_OPEN_FAILURE,
    SSH_MSG_CHANNEL_REQUEST,
    SSH_MSG_CHANNEL_SUCCESS,
    SSH_MSG_CHANNEL_WINDOW_ADJUST,
    SSH_MSG_GLOBAL_REQUEST,
    SSH_MSG_REQUEST_FAILURE,
    SSH_MSG_REQUEST_SUCCESS,
)
from pyssh.wire.message import Message, message
from pyssh.wire.types import Boolean, Rest, String, Text, UInt32


@message(SSH_MSG_GLOBAL_REQUEST)
class GlobalRequest(Message):
    """A request about the connection as a whole (RFC 4254 section 4)."""

    request_name: Text
    want_reply: Boolean
    request_data: Rest = b""


@message(SSH_MSG_REQUEST_SUCCESS)
class RequestSuccess(Message):
    """A global request was granted (RFC 4254 section 4)."""

    response_data: Rest = b""


@message(SSH_MSG_REQUEST_FAILURE)
class RequestFailure(Message):
    """A global request was refused (RFC 4254 section 4). Dev Tunnels SSH puts a reason behind it."""

    response_data: Rest = b""


@message(SSH_MSG_CHANNEL_OPEN)
class ChannelOpen(Message):
    """A side wants a channel (RFC 4254 section 5.1)."""

    channel_type: Text
    sender_channel: UInt32
    initial_window_size: UInt32
    maximum_packet_size: UInt32
    type_data: Rest = b""


@message(SSH_MSG_CHANNEL_OPEN_CONFIRMATION)
class ChannelOpenConfirmation(Message):
    """The channel is open (RFC 4254 section 5.1)."""

    recipient_channel: UInt32
    sender_channel: UInt32
    initial_window_size: UInt32
    maximum_packet_size: UInt32
    type_data: Rest = b""


@message(SSH_MSG_CHANNEL_OPEN_FAILURE)
class ChannelOpenFailure(Message):
    """The peer refuses to open a channel (RFC 4254 section 5.1)."""

    recipient_channel: UInt32
    reason_code: UInt32
    description: Text
    language_tag: Text = ""


@message(SSH_MSG_CHANNEL_WINDOW_ADJUST)
class ChannelWindowAdjust(Message):
    """More may be sent (RFC 4254 section 5.2)."""

    recipient_channel: UInt32
    bytes_to_add: UInt32


@message(SSH_MSG_CHANNEL_DATA)
class ChannelData(Message):
    """Data of a channel (RFC 4254 section 5.2); `pyssh.wire.channel_data` is its fast path."""

    recipient_channel: UInt32
    data: String


@message(SSH_MSG_CHANNEL_EXTENDED_DATA)
class ChannelExtendedData(Message):
    """Data of another kind, as stderr (RFC 4254 section 5.2)."""

    recipient_channel: UInt32
    data_type_code: UInt32
    data: String


@message(SSH_MSG_CHANNEL_EOF)
class ChannelEof(Message):
    """The sender has no more data (RFC 4254 section 5.3)."""

    recipient_channel: UInt32


@message(SSH_MSG_CHANNEL_CLOSE)
class ChannelClose(Message):
    """The sender is done with the channel (RFC 4254 section 5.3)."""

    recipient_channel: UInt32


@message(SSH_MSG_CHANNEL_REQUEST)
class ChannelRequest(Message):
    """A request about one channel (RFC 4254 section 5.4)."""

    recipient_channel: UInt32
    request_type: Text
    want_reply: Boolean
    request_data: Rest = b""


@message(SSH_MSG_CHANNEL_SUCCESS)
class ChannelSuccess(Message):
    """A channel request was granted (RFC 4254 section 5.4)."""

    recipient_channel: UInt32


@message(SSH_MSG_CHANNEL_FAILURE)
class ChannelFailure(Message):
    """A channel request was refused (RFC 4254 section 5.4)."""

    recipient_channel: UInt32
