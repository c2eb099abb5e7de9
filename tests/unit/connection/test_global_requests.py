"""Global requests and their replies (RFC 4254 section 4)."""

import pytest

from pyssh.connection.kinds import Session
from pyssh.connection.requests import (
    BoundPort,
    HostKeys,
    HostKeysProve,
    KeepaliveRequest,
    NoMoreSessions,
    TcpipForward,
    UnknownGlobalRequest,
)
from pyssh.errors import DecodeError, OpenFailureReason, ProtocolError
from pyssh.events import ChannelOpenFailed, GlobalRequestAnswered, GlobalRequestReceived
from pyssh.messages.connection import GlobalRequest, RequestFailure, RequestSuccess
from pyssh.options import Limits
from tests.unit.connection.joined import End, Joined


def test_a_request_is_asked_about_and_answered() -> None:
    joined = Joined()
    joined.client.protocol.global_request(TcpipForward("", 0))
    joined.run()
    question = joined.server.take(GlobalRequestReceived)
    assert (question.request, question.want_reply) == (TcpipForward("", 0), True)
    joined.server.protocol.answer(question, BoundPort(2000).encode())
    joined.server.protocol.answer(question, None)
    joined.run()
    assert joined.client.take(GlobalRequestAnswered) == GlobalRequestAnswered(True, b"\0\0\x07\xd0")
    assert not joined.client.events


def test_replies_leave_in_the_order_of_asking() -> None:
    joined = Joined()
    for port in (1, 2):
        joined.client.protocol.global_request(TcpipForward("", port))
    joined.client.protocol.global_request(KeepaliveRequest())
    joined.run()
    first, second = [joined.server.take(GlobalRequestReceived) for _ in range(2)]
    joined.server.protocol.answer(second, b"two")
    assert not joined.server.payloads
    joined.server.protocol.answer(first, None)
    joined.run()
    assert joined.client.events == [
        GlobalRequestAnswered(False, b""),
        GlobalRequestAnswered(True, b"two"),
        GlobalRequestAnswered(False, b""),
    ]


def test_a_refusal_may_carry_data() -> None:
    end = End(is_client=True)
    end.protocol.global_request(UnknownGlobalRequest("odd@tests.example", b""))
    end.receive(RequestFailure(b"\0\0\0\x02"))
    assert end.take(GlobalRequestAnswered) == GlobalRequestAnswered(False, b"\0\0\0\x02")


def test_without_want_reply_nothing_is_sent() -> None:
    joined = Joined()
    joined.server.protocol.global_request(HostKeys((b"key",)), want_reply=False)
    joined.run()
    question = joined.client.take(GlobalRequestReceived)
    assert question.request == HostKeys((b"key",))
    joined.client.protocol.answer(question, b"")
    assert not joined.client.payloads


def test_what_the_role_may_not_send_is_refused_unseen() -> None:
    client, server = End(is_client=True), End(is_client=False)
    client.receive(GlobalRequest("tcpip-forward", True, b"\xff"))
    server.receive(GlobalRequest("hostkeys-00@openssh.com", True, b"\xff"))
    server.receive(GlobalRequest("hostkeys-00@openssh.com", False, b"\xff"))
    assert client.sent() == server.sent() == [RequestFailure()]
    assert not client.events
    assert not server.events


def test_fields_of_a_known_request_must_decode() -> None:
    with pytest.raises(DecodeError, match="TcpipForward"):
        End(is_client=False).receive(GlobalRequest("tcpip-forward", True, b"\xff"))


def test_unknown_requests_are_asked_about() -> None:
    end = End(is_client=False)
    end.receive(GlobalRequest("odd@tests.example", True, b"\xff"))
    question = end.take(GlobalRequestReceived)
    assert question.request == UnknownGlobalRequest("odd@tests.example", b"\xff")


@pytest.mark.parametrize("reply", [RequestSuccess(), RequestFailure()])
def test_a_reply_that_nobody_awaits_ends_the_connection(reply: RequestSuccess | RequestFailure) -> None:
    end = End(is_client=True)
    end.protocol.global_request(NoMoreSessions(), want_reply=False)
    with pytest.raises(ProtocolError, match="nobody made"):
        end.receive(reply)


def test_open_questions_have_a_limit() -> None:
    end = End(is_client=False, limits=Limits(pending_requests=1))
    request = GlobalRequest("hostkeys-prove-00@openssh.com", True, HostKeysProve((b"key",)).encode())
    end.receive(request)
    with pytest.raises(ProtocolError, match="too many global requests"):
        end.receive(request)


def test_the_reply_to_our_keepalive_keeps_its_place_and_makes_no_event() -> None:
    end = End(is_client=True)
    end.protocol.send_keepalive()
    end.protocol.global_request(TcpipForward("", 1))
    end.receive(RequestFailure())
    assert not end.events
    end.receive(RequestSuccess())
    assert end.take(GlobalRequestAnswered).granted


def test_a_keepalive_is_answered_by_itself() -> None:
    joined = Joined()
    joined.server.protocol.send_keepalive()
    joined.run()
    assert not joined.client.events
    assert not joined.server.events


def test_after_no_more_sessions_sessions_are_refused() -> None:
    joined = Joined()
    joined.client.protocol.global_request(NoMoreSessions())
    joined.run()
    assert joined.client.take(GlobalRequestAnswered) == GlobalRequestAnswered(True, b"")
    assert joined.server.protocol.no_more_sessions
    joined.client.protocol.open_channel(Session())
    joined.run()
    failed = joined.client.take(ChannelOpenFailed)
    assert failed.reason == OpenFailureReason.ADMINISTRATIVELY_PROHIBITED
    assert not joined.server.events
