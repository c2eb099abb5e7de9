"""Channel requests and their replies (RFC 4254 section 5.4)."""

import pytest

from pyssh.connection.requests import ChannelKeepalive, Env, Exec, ExitStatus, Shell, UnknownRequest
from pyssh.errors import DecodeError, ProtocolError, UsageError
from pyssh.events import ChannelClosed, ChannelRequestAnswered, ChannelRequestReceived, CredentialNeeded
from pyssh.messages.connection import ChannelClose, ChannelFailure, ChannelRequest, ChannelSuccess
from pyssh.options import Limits
from tests.unit.connection.joined import Joined


def test_a_request_is_asked_about_and_answered() -> None:
    joined = Joined()
    local, remote = joined.open()
    joined.client.protocol.request(local, Exec(b"uptime"))
    joined.run()
    question = joined.server.take(ChannelRequestReceived)
    assert (question.channel, question.request, question.want_reply) == (remote, Exec(b"uptime"), True)
    joined.server.protocol.answer(question, True)
    joined.run()
    assert joined.client.take(ChannelRequestAnswered) == ChannelRequestAnswered(local, True)


def test_replies_leave_in_the_order_of_asking() -> None:
    joined = Joined()
    local, remote = joined.open()
    for command in (b"a", b"b", b"c"):
        joined.client.protocol.request(local, Exec(command))
    joined.client.protocol.request(local, ChannelKeepalive())
    joined.run()
    first, second, third = [joined.server.take(ChannelRequestReceived) for _ in range(3)]
    joined.server.protocol.answer(third, True)
    joined.server.protocol.answer(second, False)
    assert not joined.server.payloads
    joined.server.protocol.answer(first, True)
    joined.server.protocol.answer(first, False)
    success, failure = ChannelSuccess(local).encode(), ChannelFailure(local).encode()
    assert joined.server.payloads == [success, failure, success, failure]
    joined.run()
    assert [joined.client.take(ChannelRequestAnswered).granted for _ in range(4)] == [
        True,
        False,
        True,
        False,
    ]
    assert remote == first.channel


def test_without_want_reply_nothing_is_sent() -> None:
    joined = Joined()
    local, _ = joined.open()
    joined.client.protocol.request(local, Env(b"A", b"B"), want_reply=False)
    joined.client.protocol.request(local, ChannelKeepalive(), want_reply=False)
    joined.run()
    question = joined.server.take(ChannelRequestReceived)
    assert not question.want_reply
    joined.server.protocol.answer(question, True)
    assert not joined.server.payloads


def test_what_the_role_may_not_send_is_refused_unseen() -> None:
    joined = Joined()
    local, remote = joined.open()
    joined.client.receive(ChannelRequest(local, "exec", True, b"\xff"))
    assert joined.client.sent() == [ChannelFailure(remote)]
    joined.client.receive(ChannelRequest(local, "exec", False, b"\xff"))
    joined.server.receive(ChannelRequest(remote, "exit-status", False, b"\0\0\0\0"))
    assert not joined.client.payloads
    assert not joined.client.events
    assert not joined.server.events


def test_a_server_tells_the_exit_status() -> None:
    joined = Joined()
    _, remote = joined.open()
    joined.server.protocol.request(remote, ExitStatus(3), want_reply=False)
    joined.run()
    assert joined.client.take(ChannelRequestReceived).request == ExitStatus(3)


def test_unknown_requests_are_asked_about() -> None:
    joined = Joined()
    _, remote = joined.open()
    joined.server.receive(ChannelRequest(remote, "odd@tests.example", True, b"\xff"))
    question = joined.server.take(ChannelRequestReceived)
    assert question.request == UnknownRequest("odd@tests.example", b"\xff")


def test_fields_of_a_known_request_must_decode() -> None:
    joined = Joined()
    _, remote = joined.open()
    with pytest.raises(DecodeError, match=r"Exec\.command"):
        joined.server.receive(ChannelRequest(remote, "exec", True, b"\xff"))


@pytest.mark.parametrize("reply", [ChannelSuccess(0), ChannelFailure(0)])
def test_a_reply_that_nobody_awaits_ends_the_connection(reply: ChannelSuccess | ChannelFailure) -> None:
    joined = Joined()
    local, _ = joined.open()
    joined.client.protocol.request(local, Shell(), want_reply=False)
    with pytest.raises(ProtocolError, match="nobody made"):
        joined.client.receive(reply)


def test_open_questions_have_a_limit() -> None:
    joined = Joined(server=Limits(pending_requests=2))
    _, remote = joined.open()
    for _ in range(2):
        joined.server.receive(ChannelRequest(remote, "shell", True))
    joined.server.receive(ChannelRequest(remote, "shell", False))
    with pytest.raises(ProtocolError, match="too many requests"):
        joined.server.receive(ChannelRequest(remote, "shell", True))


def test_no_reply_follows_our_close() -> None:
    joined = Joined()
    local, remote = joined.open()
    joined.client.protocol.request(local, Shell())
    joined.run()
    question = joined.server.take(ChannelRequestReceived)
    joined.server.protocol.close(remote)
    joined.server.protocol.answer(question, True)
    assert joined.server.payloads == [ChannelClose(local).encode()]
    joined.run()
    joined.client.take(ChannelClosed)
    assert not joined.client.events


def test_replies_after_our_close_are_not_told() -> None:
    joined = Joined()
    local, _ = joined.open()
    joined.client.protocol.request(local, Shell())
    joined.client.protocol.close(local)
    joined.client.receive(ChannelSuccess(local))
    assert not joined.client.events
    with pytest.raises(UsageError, match="which is closed"):
        joined.client.protocol.request(local, Shell())


def test_questions_of_other_layers_are_not_ours() -> None:
    with pytest.raises(UsageError, match="CredentialNeeded is not a question of the connection protocol"):
        Joined().client.protocol.answer(CredentialNeeded((), False), None)
