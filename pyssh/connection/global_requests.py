"""Global requests of both sides, and their replies in order (RFC 4254 section 4)."""

from collections import deque
from collections.abc import Callable
from typing import assert_never

from pyssh.connection.replies import ReplyQueue
from pyssh.connection.requests import (
    GLOBAL_REQUESTS,
    KeepaliveRequest,
    NoMoreSessions,
    decode_global_request,
    encode_global_request,
    may_send,
)
from pyssh.connection.state import GlobalRequestsState, PlaceState
from pyssh.errors import ProtocolError
from pyssh.events import AnyEvent, GlobalRequestAnswered, GlobalRequestReceived
from pyssh.messages.connection import GlobalRequest, RequestFailure, RequestSuccess
from pyssh.wire.message import Message, Struct


class GlobalRequests:
    """The requests that wait for a reply, ours and the peer's."""

    __slots__ = ("_awaited", "_emit", "_limit", "_peer_is_client", "_received", "_send", "no_more_sessions")

    def __init__(
        self,
        limit: int,
        *,
        is_client: bool,
        send: Callable[[Message], None],
        emit: Callable[[AnyEvent], None],
    ) -> None:
        self._limit = limit
        self._peer_is_client = not is_client
        self._send = send
        self._emit = emit
        self.no_more_sessions = False
        # for each request of ours: whether its answer is announced
        self._awaited: deque[bool] = deque()
        self._received: ReplyQueue[GlobalRequestReceived, bytes | None] = ReplyQueue()

    def receive(self, message: GlobalRequest | RequestSuccess | RequestFailure) -> None:
        """Take a request, or the reply to our oldest one."""
        match message:
            case GlobalRequest():
                self._receive_request(message)
            case RequestSuccess():
                self._receive_reply(message.response_data, granted=True)
            case RequestFailure():
                self._receive_reply(message.response_data, granted=False)
            case _:
                assert_never(message)

    def _receive_reply(self, data: bytes, *, granted: bool) -> None:
        if not self._awaited:
            raise ProtocolError("a reply to a global request that nobody made")
        if self._awaited.popleft():
            self._emit(GlobalRequestAnswered(granted, data))

    def _receive_request(self, message: GlobalRequest) -> None:
        if message.want_reply and len(self._received) >= self._limit:
            raise ProtocolError("too many global requests at once")
        if not may_send(GLOBAL_REQUESTS.find(message.request_name), is_client=self._peer_is_client):
            self._reply(None, wanted=message.want_reply)
            return
        request = decode_global_request(message.request_name, message.request_data)
        match request:
            case KeepaliveRequest():
                self._reply(None, wanted=message.want_reply)
            case NoMoreSessions():
                self.no_more_sessions = True
                self._reply(b"", wanted=message.want_reply)
            case _:
                question = GlobalRequestReceived(request, message.want_reply)
                if message.want_reply:
                    self._received.ask(question)
                self._emit(question)

    def _reply(self, answer: bytes | None, *, wanted: bool) -> None:
        if wanted:
            self._received.put_answer(answer)
            self._send_replies()

    def _send_replies(self) -> None:
        for answer in self._received.take_ready():
            self._send(RequestFailure() if answer is None else RequestSuccess(answer))

    def answer(self, question: GlobalRequestReceived, answer: bytes | None) -> None:
        """Reply as soon as all earlier requests have been replied to; nothing if it was answered before."""
        self._received.settle(question, answer)
        self._send_replies()

    def request(self, request: Struct, *, want_reply: bool, silent: bool) -> None:
        """Send a request of ours. A silent one is for its reply to make no event."""
        name, data = encode_global_request(request)
        if want_reply:
            self._awaited.append(not silent)
        self._send(GlobalRequest(name, want_reply, data))

    def clear(self) -> None:
        """Forget everything that waits."""
        self._awaited.clear()
        self._received.clear()

    def export_state(self) -> GlobalRequestsState:
        """Return everything as a record."""
        places = []
        for place in self._received.places:
            if place.question is not None:
                name, data = encode_global_request(place.question.request)
                places.append(PlaceState(name, data))
            for answer in place.answers:
                places.append(PlaceState(settled=True, granted=answer is not None, response=answer or b""))
        return GlobalRequestsState(self.no_more_sessions, bytes(self._awaited), tuple(places))

    def restore_state(self, state: GlobalRequestsState) -> None:
        """Take over what another one exported; open questions are asked again."""
        self.no_more_sessions = state.no_more_sessions
        self._awaited.extend(flag == 1 for flag in state.awaited)
        for place in state.received:
            if place.settled:
                self._received.put_answer(place.response if place.granted else None)
            else:
                question = GlobalRequestReceived(decode_global_request(place.name, place.data), True)
                self._received.ask(question)
                self._emit(question)
