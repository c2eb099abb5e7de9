"""What -v tells of messages, in ssh's words."""

import pytest

from pyssh.messages.kex import KexDhGexGroup, KexDhGexRequest
from pyssh.messages.transport import Ignore, NewKeys
from pyssh.wire.message import Message
from pyssh_cli.client.story import message_observer
from pyssh_cli.output import Level, Output


def told(level: Level, message: Message) -> list[str]:
    lines: list[str] = []
    output = Output("pyssh", level=level, sink=lambda _, line: lines.append(line))
    observe = message_observer(output)
    assert observe
    observe("sent", message)
    return lines


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (NewKeys(), "SSH2_MSG_NEWKEYS sent"),
        (KexDhGexRequest(2048, 3072, 8192), "SSH2_MSG_KEX_DH_GEX_REQUEST(2048<3072<8192) sent"),
    ],
)
def test_key_exchanges_are_told_with_v(message: Message, line: str) -> None:
    assert told(Level.DEBUG, message) == [f"debug1: {line}"]


def test_the_size_of_a_group_is_told() -> None:
    assert told(Level.DEBUG, KexDhGexGroup(0x8001, 2)) == [
        "debug1: SSH2_MSG_KEX_DH_GEX_GROUP sent",
        "debug1: bits set: 2/16",
    ]


def test_other_messages_are_told_with_three() -> None:
    assert told(Level.DEBUG, Ignore(b"")) == []
    assert told(Level.DEBUG3, Ignore(b"")) == ["debug3: sent Ignore(data=b'')"]


def test_nothing_is_observed_without_v() -> None:
    assert message_observer(Output("pyssh", level=Level.VERBOSE)) is None
