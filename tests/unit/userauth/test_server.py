"""The server alone: what it refuses by itself, what it asks, and what its owner may answer."""

import pytest

from pyssh.errors import DecodeError, DisconnectReason, ProtocolError, UsageError
from pyssh.events import (
    Accept,
    AskPasswordChange,
    AskPrompts,
    Attempt,
    AttemptRefused,
    AuthenticationRequested,
    InteractiveAttempt,
    InteractiveResponses,
    NoneAttempt,
    PartialSuccess,
    PasswordAttempt,
    Prompt,
    Refuse,
    Verdict,
)
from pyssh.messages.transport import ServiceAccept, ServiceRequest
from pyssh.messages.userauth import (
    KeyboardInteractiveFields,
    PasswordFields,
    UserauthBanner,
    UserauthFailure,
    UserauthInfoRequest,
    UserauthInfoResponse,
    UserauthPkOk,
    UserauthRequest,
)
from pyssh.options import Limits
from pyssh.userauth.methods import encode_responses
from pyssh.userauth.server import MAX_REQUESTS, State
from pyssh.userauth.signed_data import HOSTBOUND_METHOD
from pyssh.wire.message import Message
from pyssh.wire.types import put_string
from tests.unit.userauth.bench import FAILURE, Bench, probe
from tests.unit.userauth.joined import OTHER_KEY, USER_KEY, server_options

# --- services and users


@pytest.mark.parametrize("service", ["ssh-connection", "", "ssh-userauth@example.com"])
def test_only_the_authentication_service_is_there(service: str) -> None:
    bench = Bench(ready=False)
    with pytest.raises(ProtocolError) as caught:
        bench.receive(ServiceRequest(service))
    assert caught.value.reason is DisconnectReason.SERVICE_NOT_AVAILABLE
    assert not bench.sent


def test_requests_before_the_service_are_errors() -> None:
    bench = Bench(ready=False)
    with pytest.raises(ProtocolError, match="UserauthRequest came in state SERVICE"):
        bench.password("x")


def test_the_service_may_be_asked_for_again() -> None:
    bench = Bench()
    bench.receive(ServiceRequest("ssh-userauth"))
    assert bench.sent == [ServiceAccept("ssh-userauth")]
    bench.password("x")
    assert bench.server.waiting


def test_other_services_than_connections_are_refused() -> None:
    bench = Bench()
    with pytest.raises(ProtocolError) as caught:
        bench.receive(UserauthRequest("alice", "ssh-other", "none", b""))
    assert caught.value.reason is DisconnectReason.SERVICE_NOT_AVAILABLE


@pytest.mark.parametrize("user", ["root\0x", "\0", "a" * 1025, "ä" * 513])
def test_user_names_that_cannot_be(user: str) -> None:
    bench = Bench()
    with pytest.raises(ProtocolError) as caught:
        bench.request("none", user=user)
    assert caught.value.reason is DisconnectReason.ILLEGAL_USER_NAME
    assert not bench.events


def test_the_longest_user_name_and_the_empty_one() -> None:
    for user in ("a" * 1024, ""):
        bench = Bench()
        bench.request("none", user=user)
        assert bench.question().user == bench.server.user == user


# --- counting


def test_the_first_none_is_free() -> None:
    bench = Bench()
    for attempts in (0, 1):
        bench.request("none")
        assert bench.question().attempt == NoneAttempt()
        bench.answer(Refuse())
        assert bench.server.attempts == attempts
        assert bench.sent.pop() == FAILURE


def test_probes_count_when_refused_and_never_when_accepted() -> None:
    bench = Bench()
    bench.request("publickey", probe(USER_KEY.key, "ssh-ed25519"))
    bench.answer(Accept())
    assert bench.sent.pop() == UserauthPkOk("ssh-ed25519", USER_KEY.key.blob)
    assert bench.server.attempts == 0
    bench.request("publickey", probe(OTHER_KEY.key, "ssh-ed25519"))
    bench.answer(Refuse())
    assert bench.sent.pop() == FAILURE
    assert bench.server.attempts == 1


def test_the_last_attempt_is_answered_with_a_goodbye() -> None:
    bench = Bench(server_options(authentication_attempts=2))
    bench.request("none")
    bench.answer(Refuse())
    bench.password("x")
    bench.answer(Refuse())
    bench.sent.clear()
    bench.password("y")
    with pytest.raises(ProtocolError, match="Too many authentication failures") as caught:
        bench.answer(Refuse())
    assert caught.value.reason is DisconnectReason.NO_MORE_AUTH_METHODS_AVAILABLE
    assert bench.server.state is State.CLOSED
    assert not bench.sent
    with pytest.raises(ProtocolError, match="CLOSED"):
        bench.password("right")


def test_what_is_refused_unasked_counts_too() -> None:
    bench = Bench(server_options(authentication_attempts=2))
    bench.request("hostbased")
    with pytest.raises(ProtocolError, match="Too many"):
        bench.request("hostbased")


@pytest.mark.parametrize("message", [ServiceRequest("ssh-userauth"), None])
def test_requests_that_are_no_attempts_come_to_an_end(message: Message | None) -> None:
    bench = Bench()
    again = message or UserauthRequest(
        "alice", "ssh-connection", "publickey", probe(USER_KEY.key, "ssh-ed25519")
    )

    def once() -> None:
        bench.receive(again)
        if bench.server.waiting:
            bench.answer(Accept())

    for _ in range(MAX_REQUESTS - 1):
        once()
    with pytest.raises(ProtocolError, match="Too many"):
        once()
    assert bench.server.attempts == 0


def test_changing_the_user_starts_afresh_but_for_the_count() -> None:
    bench = Bench()
    bench.password("half")
    bench.answer(PartialSuccess(("publickey",)))
    assert bench.sent.pop() == UserauthFailure(("publickey",), True)
    bench.password("again")
    assert bench.events.pop() == AttemptRefused("alice", "password", "method not offered")
    assert bench.sent.pop() == UserauthFailure(("publickey",), False)
    bench.password("half", user="bob")
    assert bench.question().user == "bob"
    assert bench.question().attempts == 1
    bench.answer(Refuse())
    assert bench.sent.pop() == FAILURE
    assert bench.server.attempts == 2
    bench.password("half")
    assert bench.question().user == "alice"


# --- methods that are not offered, or not at all


@pytest.mark.parametrize(
    "method", ["hostbased", "gssapi-with-mic", "", "PASSWORD", "password ", "x" * 5000, "password"]
)
def test_methods_not_offered_are_refused_alike(method: str) -> None:
    bench = Bench(server_options(methods=("publickey",)))
    bench.request(method, b"whatever")
    assert bench.sent == [UserauthFailure(("publickey",), False)]
    assert bench.events == [AttemptRefused("alice", method[:64], "method not offered")]
    assert bench.server.attempts == 1


def test_nobody_is_asked_about_anything_without_methods() -> None:
    bench = Bench(server_options(methods=()))
    for method in ("none", "publickey", "password", "keyboard-interactive", HOSTBOUND_METHOD):
        bench.request(method)
        assert bench.sent.pop() == UserauthFailure((), False)
    assert not any(isinstance(event, AuthenticationRequested) for event in bench.events)


def test_none_is_never_listed() -> None:
    bench = Bench(server_options(methods=("none", "password")))
    bench.request("none")
    bench.answer(Refuse())
    assert bench.sent == [UserauthFailure(("password",), False)]


def test_the_owner_narrows_the_list() -> None:
    bench = Bench()
    bench.request("none")
    bench.answer(Refuse(("password",)))
    assert bench.sent.pop() == UserauthFailure(("password",), False)
    bench.request("publickey", probe(USER_KEY.key, "ssh-ed25519"))
    assert bench.sent.pop() == UserauthFailure(("password",), False)
    bench.password("x")
    bench.answer(Refuse())
    assert bench.sent.pop() == UserauthFailure(("password",), False)


# --- passwords


@pytest.mark.parametrize(
    ("password", "reason"), [(b"\xff", "not UTF-8"), (b"x" * 4097, "longer than 4096 bytes")]
)
def test_passwords_that_cannot_be_right(password: bytes, reason: str) -> None:
    bench = Bench()
    bench.password(password)
    assert bench.refused() == reason
    new = bytearray()
    put_string(new, password)
    bench.request("password", PasswordFields(True, b"old", bytes(new)).encode())
    assert bench.refused() == reason


@pytest.mark.parametrize("fields", [b"", b"\0", b"\0\0\0\0\1", b"\1\0\0\0\0", b"\0\0\0\0\0\0"])
def test_password_requests_that_are_none(fields: bytes) -> None:
    bench = Bench()
    with pytest.raises(DecodeError):
        bench.request("password", fields)
    assert not bench.events


# --- keyboard-interactive


def ask(bench: Bench, *prompts: str) -> None:
    bench.request("keyboard-interactive", KeyboardInteractiveFields("", "").encode())
    bench.answer(AskPrompts("n", "i", tuple(Prompt(text, echo=False) for text in prompts)))
    sent = bench.sent.pop()
    assert isinstance(sent, UserauthInfoRequest)
    assert sent.num_prompts == len(prompts)
    assert bench.server.state is State.PROMPTING


@pytest.mark.parametrize("responses", [(), ("a",), ("a", "b", "c")])
def test_another_number_of_answers_fails(responses: tuple[str, ...]) -> None:
    bench = Bench()
    ask(bench, "1?", "2?")
    bench.receive(encode_responses(responses))
    assert bench.refused() == f"{len(responses)} answers to 2 questions"
    assert bench.server.attempts == 1


def test_answers_that_are_not_what_they_claim() -> None:
    for responses in (b"", b"\0\0\0\2x", b"\0\0\0\1xx"):
        bench = Bench()
        ask(bench, "?")
        with pytest.raises(DecodeError):
            bench.receive(UserauthInfoResponse(1, responses))


def test_answers_that_cannot_be_right() -> None:
    bench = Bench()
    ask(bench, "?")
    bench.receive(UserauthInfoResponse(1, b"\0\0\0\1\xff"))
    assert bench.refused() == "not UTF-8"


def test_answers_nobody_asked_for() -> None:
    bench = Bench()
    with pytest.raises(ProtocolError, match="UserauthInfoResponse came in state READY"):
        bench.receive(encode_responses(()))


@pytest.mark.parametrize(
    "message",
    [
        ServiceRequest("ssh-userauth"),
        UserauthRequest("alice", "ssh-connection", "hostbased", b""),
    ],
)
def test_questions_end_with_the_next_request(message: Message) -> None:
    bench = Bench()
    ask(bench, "?")
    bench.receive(message)
    assert bench.server.state is State.READY
    assert len(bench.sent) == 1
    with pytest.raises(ProtocolError):
        bench.receive(encode_responses(("x",)))


# --- what is not a client's to send


@pytest.mark.parametrize("number", [6, 51, 52, 53, 60])
def test_a_client_cannot_say_what_servers_say(number: int) -> None:
    for bench in (Bench(ready=False), Bench()):
        with pytest.raises(ProtocolError, match="not a client's to send"):
            bench.server.receive(memoryview(bytes([number])))
        assert not bench.server.succeeded


def test_numbers_without_a_meaning() -> None:
    bench = Bench()
    for number in (*range(54, 60), *range(62, 80)):
        assert bench.server.receive(memoryview(bytes([number]))) is False


def test_nothing_is_taken_while_a_question_is_open() -> None:
    bench = Bench()
    bench.password("x")
    with pytest.raises(ProtocolError, match="DECIDING"):
        bench.password("y")


def test_what_follows_success_is_ignored() -> None:
    bench = Bench()
    bench.password("x")
    bench.answer(Accept())
    done = len(bench.sent), len(bench.events)
    bench.password("y", user="root")
    assert bench.server.receive(memoryview(b"\x32garbage"))
    assert (len(bench.sent), len(bench.events)) == done
    assert (bench.server.user, bench.server.method) == ("alice", "password")


# --- what an owner cannot say


INTERACTIVE = KeyboardInteractiveFields("", "").encode()
PROMPTS = AskPrompts("", "", ())


@pytest.mark.parametrize(
    ("method", "fields", "verdict"),
    [
        ("none", b"", Accept()),
        ("none", b"", PartialSuccess(("password",))),
        ("none", b"", PROMPTS),
        ("none", b"", Refuse(("hostbased",))),
        ("password", PasswordFields(False, b"x", b"").encode(), PROMPTS),
        ("password", PasswordFields(False, b"x", b"").encode(), PartialSuccess(("hostbased",))),
        ("password", PasswordFields(False, b"x", b"").encode(), Verdict()),
        ("publickey", probe(USER_KEY.key, "ssh-ed25519"), PROMPTS),
        ("keyboard-interactive", INTERACTIVE, AskPasswordChange("")),
    ],
)
def test_verdicts_that_do_not_fit(method: str, fields: bytes, verdict: Verdict) -> None:
    bench = Bench()
    bench.request(method, fields)
    with pytest.raises(UsageError):
        bench.answer(verdict)
    assert bench.server.waiting
    assert not bench.sent
    bench.answer(Refuse())
    assert bench.sent == [FAILURE]


def test_a_question_is_answered_once() -> None:
    bench = Bench()
    bench.password("x")
    first = bench.question()
    bench.answer(Refuse())
    with pytest.raises(UsageError, match="not open"):
        bench.server.answer(first, Accept())
    bench.password("y")
    with pytest.raises(UsageError, match="not open"):
        bench.server.answer(first, Accept())
    assert bench.server.waiting


def test_banners() -> None:
    bench = Bench(server_options(banner="Grüße"), ready=False)
    with pytest.raises(UsageError):
        bench.server.send_banner("early")
    bench.receive(ServiceRequest("ssh-userauth"))
    bench.sent.clear()
    bench.password("x")
    assert bench.sent == [UserauthBanner("Grüße".encode(), "")]
    bench.server.send_banner("more")
    assert bench.sent[1:] == [UserauthBanner(b"more", "")]
    bench.answer(Accept())
    with pytest.raises(UsageError):
        bench.server.send_banner("late")


def test_limits_are_the_options() -> None:
    bench = Bench(server_options(limits=Limits(password_size=3, user_name_size=5)))
    bench.password("four")
    assert bench.refused() == "longer than 3 bytes"
    with pytest.raises(ProtocolError):
        bench.password("x", user="alice2")


def test_attempts_are_what_the_events_say() -> None:
    def attempt(method: str, fields: bytes) -> Attempt:
        bench = Bench()
        bench.request(method, fields)
        return bench.question().attempt

    assert attempt("none", b"") == NoneAttempt()
    assert attempt("password", PasswordFields(False, b"x", b"").encode()) == PasswordAttempt("x")
    assert attempt("password", b"\1\0\0\0\1x\0\0\0\1y") == PasswordAttempt("x", "y")
    assert attempt("keyboard-interactive", b"\0\0\0\2en\0\0\0\3otp") == InteractiveAttempt("otp")
    assert InteractiveResponses.method == "keyboard-interactive"
    with pytest.raises(DecodeError):
        attempt("none", b"x")
