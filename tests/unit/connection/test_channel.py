"""Every pair of channel state and message, against the table of the machine."""

import itertools

import pytest

from pyssh.connection.channel import TRANSITIONS, ChannelState
from pyssh.connection.kinds import Session
from pyssh.connection.requests import Shell
from pyssh.errors import ProtocolError
from pyssh.messages.connection import ChannelOpen, ChannelOpenConfirmation
from pyssh.messages.tables import CONNECTION
from pyssh.wire.message import Message
from tests.unit.connection.joined import End

FOR_CHANNELS = [
    declared for declared in CONNECTION.values() if "recipient_channel" in declared.__match_args__
]

# enough values for any of the messages: the channel, and numbers or bytes behind it
VALUES = {"recipient_channel": 0, "sender_channel": 5, "maximum_packet_size": 1000, "data_type_code": 1}
BY_CODEC = {"uint32": 2, "string": b"x", "text": "shell", "boolean": False, "rest": b""}


def example(declared: type[Message]) -> Message:
    fields = {field: VALUES.get(field, BY_CODEC[codec.name]) for field, codec in declared.codecs}
    return declared(**fields)


def end_in(state: ChannelState) -> End:
    """Return a server whose channel 0 is in this state, with a request of ours to be replied to."""
    end = End(is_client=False)
    if state is ChannelState.ASKED:
        end.receive(ChannelOpen("session", 5, 1000, 1000))
        return end
    end.protocol.open_channel(Session())
    if state is not ChannelState.OPENING:
        end.receive(ChannelOpenConfirmation(0, 5, 1000, 1000))
        end.protocol.request(0, Shell())
    if state is ChannelState.CLOSED:
        end.receive(example(CONNECTION[97]))
    end.payloads.clear()
    return end


@pytest.mark.parametrize(("state", "declared"), list(itertools.product(ChannelState, FOR_CHANNELS)))
def test_messages_lead_where_the_table_says(state: ChannelState, declared: type[Message]) -> None:
    end = end_in(state)
    channel = end.protocol.channels.get(0)
    allowed = TRANSITIONS.get((state, declared))
    if state is ChannelState.CLOSED:
        # the number rests: late messages are dropped
        end.receive(example(declared))
        assert not end.payloads
    elif allowed is None:
        with pytest.raises(ProtocolError, match=f"{declared.__name__} for channel 0, which is {state.name}"):
            end.receive(example(declared))
    else:
        assert channel is not None
        end.receive(example(declared))
        assert channel.state in allowed
        assert (0 in end.protocol.channels) == (channel.state is not ChannelState.CLOSED)


def test_the_table_names_only_messages_for_channels() -> None:
    assert {declared for _, declared in TRANSITIONS} == set(FOR_CHANNELS)
