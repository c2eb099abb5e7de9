"""Both machines against any payload, in every state that there is."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.errors import DecodeError, ProtocolError
from pyssh.events import (
    Accept,
    AskPasswordChange,
    AskPrompts,
    AuthenticationRequested,
    KeyboardInteractiveCredential,
    PartialSuccess,
    PasswordCredential,
    Prompt,
    PublicKeyCredential,
    Question,
    Refuse,
    Verdict,
)
from pyssh.messages.transport import ServiceAccept, ServiceRequest
from pyssh.messages.userauth import (
    PasswordFields,
    PublicKeyFields,
    UserauthFailure,
    UserauthPasswdChangereq,
    UserauthPkOk,
    UserauthRequest,
    UserauthSuccess,
)
from pyssh.userauth import client, server
from pyssh.userauth.methods import encode_prompts, encode_responses
from pyssh.wire.message import Message
from tests.unit.userauth.joined import USER_KEY, Joined, make_client, make_server

METHODS = ("publickey", "password", "keyboard-interactive")
NUMBERS = (5, 6, *range(50, 80))
KNOWN = {5, 6, 50, 51, 52, 53, 60, 61}
LIST = UserauthFailure(METHODS, False)

PASSWORD = UserauthRequest(
    "alice", "ssh-connection", "password", PasswordFields(False, b"secret", b"").encode()
)
PROBE = UserauthRequest(
    "alice",
    "ssh-connection",
    "publickey",
    PublicKeyFields(False, "ssh-ed25519", USER_KEY.key.blob, b"").encode(),
)
INTERACTIVE = UserauthRequest("alice", "ssh-connection", "keyboard-interactive", bytes(8))
ONE_PROMPT = AskPrompts("", "", (Prompt("?", echo=False),))

# what leads to each state: messages are received, everything else answers the open question
SERVER_PATHS: dict[server.State, list[Message | Verdict]] = {
    server.State.SERVICE: [],
    server.State.READY: [ServiceRequest("ssh-userauth")],
    server.State.DECIDING: [ServiceRequest("ssh-userauth"), PASSWORD],
    server.State.PROMPTING: [ServiceRequest("ssh-userauth"), INTERACTIVE, ONE_PROMPT],
    server.State.SUCCEEDED: [ServiceRequest("ssh-userauth"), PASSWORD, Accept()],
}
LISTED = [ServiceAccept("ssh-userauth"), LIST]
KEY = PublicKeyCredential(USER_KEY.key)
PK_OK = UserauthPkOk("ssh-ed25519", USER_KEY.key.blob)
CLIENT_PATHS: dict[client.State, list[Any]] = {
    client.State.SERVICE: [],
    client.State.LISTING: [ServiceAccept("ssh-userauth")],
    client.State.CHOOSING: LISTED,
    client.State.PROBING: [*LISTED, KEY],
    client.State.SIGNING: [*LISTED, KEY, PK_OK],
    client.State.WAITING: [*LISTED, PasswordCredential("x")],
    client.State.ANSWERING: [*LISTED, KeyboardInteractiveCredential(), encode_prompts("", "", ())],
    client.State.CHANGING: [*LISTED, PasswordCredential("x"), UserauthPasswdChangereq("", "")],
    client.State.SUCCEEDED: [ServiceAccept("ssh-userauth"), UserauthSuccess()],
    client.State.EXHAUSTED: [*LISTED, None],
}


def server_in(state: server.State) -> server.ServerAuthentication:
    machine, _, events = make_server()
    for step in SERVER_PATHS[state]:
        if isinstance(step, Message):
            machine.receive(memoryview(step.encode()))
        else:
            question = events[-1]
            assert isinstance(question, AuthenticationRequested)
            machine.answer(question, step)
    assert machine.state is state
    return machine


def client_in(state: client.State) -> client.ClientAuthentication:
    machine, _, events = make_client()
    machine.start()
    for step in CLIENT_PATHS[state]:
        if isinstance(step, Message):
            machine.receive(memoryview(step.encode()))
        else:
            question = events[-1]
            assert isinstance(question, Question)
            machine.answer(question, step)
    assert machine.state is state
    return machine


def reaction(machine: server.ServerAuthentication | client.ClientAuthentication, number: int) -> str:
    """What becomes of a message that is nothing but its number."""
    try:
        handled = machine.receive(memoryview(bytes([number])))
    except DecodeError:
        return "too short"
    except ProtocolError:
        return "out of place"
    return "handled" if handled else "unknown"


def allowed_numbers(transitions: Any, state: Any) -> set[int]:
    return {what.number for where, what in transitions if where is state and issubclass(what, Message)}


@pytest.mark.parametrize("state", SERVER_PATHS)
@pytest.mark.parametrize("number", NUMBERS)
def test_server_takes_only_what_its_table_says(state: server.State, number: int) -> None:
    machine = server_in(state)
    if state is server.State.SUCCEEDED:
        wanted = "handled"  # and ignored: RFC 4252 section 5.1
    elif number not in KNOWN:
        wanted = "unknown"
    elif number in allowed_numbers(server.TRANSITIONS, state):
        wanted = "too short"
    else:
        wanted = "out of place"
    assert reaction(machine, number) == wanted
    assert machine.state is state


@pytest.mark.parametrize("state", CLIENT_PATHS)
@pytest.mark.parametrize("number", NUMBERS)
def test_client_takes_only_what_its_table_says(state: client.State, number: int) -> None:
    machine = client_in(state)
    after = state
    if number not in KNOWN:
        wanted = "unknown"
    elif number not in allowed_numbers(client.TRANSITIONS, state):
        wanted = "out of place"
    elif number == UserauthSuccess.number:  # it has no fields that could be missing
        wanted = "handled"
        after = client.State.SUCCEEDED
    else:
        wanted = "too short"
    assert reaction(machine, number) == wanted
    assert machine.state is after


def test_every_state_of_the_tables_is_walked() -> None:
    assert {state for state, _ in server.TRANSITIONS} <= set(SERVER_PATHS)
    assert {state for state, _ in client.TRANSITIONS} <= set(CLIENT_PATHS)


texts = st.sampled_from(["alice", "bob", "", "a\0b"])
services = st.sampled_from(["ssh-userauth", "ssh-connection", "x"])
fields = st.one_of(
    st.binary(max_size=80),
    st.sampled_from([PASSWORD.method_fields, PROBE.method_fields, INTERACTIVE.method_fields]),
    st.sampled_from([PASSWORD.method_fields, PROBE.method_fields]).flatmap(
        lambda raw: st.integers(0, len(raw)).map(lambda cut: raw[:cut])
    ),
)
requests = st.builds(
    UserauthRequest,
    texts,
    st.sampled_from(["ssh-connection"] * 9 + ["x"]),
    st.sampled_from([*METHODS, "none", "publickey-hostbound-v00@openssh.com", "x"]),
    fields,
)
raw_payloads = st.tuples(st.sampled_from(NUMBERS), st.binary(max_size=60)).map(
    lambda parts: bytes([parts[0]]) + parts[1]
)
to_server = st.one_of(
    requests.map(UserauthRequest.encode),
    st.builds(ServiceRequest, services).map(ServiceRequest.encode),
    st.lists(st.text(max_size=4), max_size=3).map(lambda texts: encode_responses(tuple(texts)).encode()),
    raw_payloads,
)
verdicts: st.SearchStrategy[Verdict] = st.sampled_from(
    [Refuse(), Refuse(("password",)), PartialSuccess(("publickey",)), ONE_PROMPT, AskPasswordChange("now")]
)


@given(st.lists(st.tuples(to_server, verdicts), max_size=30))
def test_no_payload_gets_into_a_server_that_accepts_nothing(steps: list[tuple[bytes, Verdict]]) -> None:
    machine, sent, events = make_server()
    machine.receive(memoryview(ServiceRequest("ssh-userauth").encode()))
    for payload, verdict in steps:
        try:
            machine.receive(memoryview(payload))
            if machine.waiting:
                question = events[-1]
                assert isinstance(question, AuthenticationRequested)
                machine.answer(question, fitting(question, verdict))
        except ProtocolError:
            break
    assert not machine.succeeded
    assert machine.attempts <= 6
    assert not any(isinstance(message, UserauthSuccess) for message in sent)


def fitting(question: AuthenticationRequested, verdict: Verdict) -> Verdict:
    match question.attempt.method, verdict:
        case ("keyboard-interactive", AskPrompts()) | ("password", AskPasswordChange()):
            return verdict
        case (_, Refuse()) | ("publickey" | "password" | "keyboard-interactive", PartialSuccess()):
            return verdict
        case _:
            return Refuse()


to_client = st.one_of(
    raw_payloads,
    st.sampled_from(
        [
            LIST.encode(),
            UserauthFailure(("password",), True).encode(),
            UserauthFailure((), False).encode(),
            UserauthSuccess().encode(),
            PK_OK.encode(),
            UserauthPasswdChangereq("?", "").encode(),
            encode_prompts("", "", (Prompt("?", echo=True),)).encode(),
            ServiceAccept("ssh-userauth").encode(),
        ]
    ),
)
credentials = st.sampled_from(
    [KEY, PasswordCredential("x"), KeyboardInteractiveCredential(), None, PublicKeyCredential(USER_KEY.key)]
)


@given(st.lists(st.tuples(to_client, credentials), max_size=30))
def test_no_payload_breaks_a_client(steps: list[tuple[bytes, Any]]) -> None:
    machine, _, events = make_client()
    machine.start()
    machine.receive(memoryview(ServiceAccept("ssh-userauth").encode()))
    for payload, credential in steps:
        owner = Joined(credentials=[credential], responses=[None])
        try:
            machine.receive(memoryview(payload))
        except ProtocolError:
            break
        while machine.waiting:
            question = events[-1]
            assert isinstance(question, Question)
            machine.answer(question, owner.settle(question))


@given(st.lists(st.sampled_from(["publickey", "password", "keyboard-interactive"]), max_size=5))
def test_methods_in_any_order(order: list[str]) -> None:
    """Each step is granted in part; the last one lets the user in."""
    wanted = [*order, "password"]
    made: dict[str, Callable[[], Any]] = {
        "publickey": lambda: KEY,
        "password": lambda: PasswordCredential("x"),
        "keyboard-interactive": KeyboardInteractiveCredential,
    }
    done: list[str] = []

    def decide(question: AuthenticationRequested) -> Verdict:
        attempt = question.attempt
        if attempt.method == "none":
            return Refuse((wanted[0],))
        assert attempt.method == wanted[len(done)]
        if getattr(attempt, "signed", True) is False:
            return Accept()
        done.append(attempt.method)
        return Accept() if len(done) == len(wanted) else PartialSuccess((wanted[len(done)],))

    pair = Joined(decide=decide, credentials=[made[name]() for name in wanted])
    assert pair.login()
    assert done == wanted
    assert pair.server.attempts == 0
