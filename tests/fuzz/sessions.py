"""Targets: whole engines, both roles. Raw bytes before there are keys, and behind them a peer gone wild.

The input of the latter is a script: a byte for the stage, a byte for the role, then steps of an operation, a
length of two bytes, and that many bytes. It is run twice: whole and one byte at a time must be the same.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from pyssh.connection.kinds import Session
from pyssh.connection.requests import Exec, UnknownGlobalRequest
from pyssh.engine import ClientEngine, Engine, ServerEngine
from pyssh.errors import ChannelOpenError, SSHError, UsageError
from pyssh.events import (
    Accept,
    AnyEvent,
    AskPasswordChange,
    AskPrompts,
    AuthenticationRequested,
    Credential,
    CredentialNeeded,
    DataReceived,
    Ended,
    InteractiveAttempt,
    KeyboardInteractiveCredential,
    NoneAttempt,
    PartialSuccess,
    PasswordAttempt,
    PasswordChange,
    PasswordChangeNeeded,
    PasswordCredential,
    Prompt,
    PromptsReceived,
    PublicKeyAttempt,
    PublicKeyCredential,
    Refuse,
    SignatureNeeded,
    Verdict,
)
from pyssh.messages.userauth import PublicKeyFields, UserauthFailure, UserauthPkOk, UserauthRequest
from pyssh.options import ClientOptions, Limits, ServerOptions
from tests.fuzz.targets import target, words
from tests.support.pair import HOST_KEY, USER_KEY, byte_by_byte, sign_with, whole
from tests.support.payloads import PAYLOADS, kexinit
from tests.support.rogue import QUICK, Rogue, Stage, chance

STAGES: Final = tuple(Stage)
LIMITS: Final = Limits(
    deferred_messages=50,
    deferred_size=20_000,
    channels=8,
    pending_requests=8,
    window_size=10_000,
    maximum_packet_size=4096,
)
OPERATIONS: Final = ("payload", "payload", "payload", "flush", "raw", "call")


# --- before keys


def _options(kind: type[Any], **more: Any) -> Any:
    return kind(algorithms=QUICK, random=chance(7), limits=LIMITS, **more)


def _fresh(is_client: bool) -> Engine:
    if is_client:
        return ClientEngine(_options(ClientOptions, user="me"))
    return ServerEngine(_options(ServerOptions, host_keys=(HOST_KEY.key,)))


def facts(events: list[AnyEvent]) -> list[str]:
    """Return events as text that can be compared; channel data shows in full."""
    return [
        f"data {event.channel} {event.data_type_code} {bytes(event.data)!r}"
        if isinstance(event, DataReceived)
        else repr(event)
        for event in events
    ]


def _effect(events: list[AnyEvent]) -> str:
    """Return what is new about events: which ones there were, and how it ended."""
    names = sorted({type(event).__name__ for event in events})
    ends = [words(event.error) for event in events if isinstance(event, Ended) and event.error]
    return f"{names} {ends}"


def _early_seeds() -> Iterator[bytes]:
    for first in (kexinit().encode(), kexinit(first_kex_packet_follows=True).encode()):
        rogue = Rogue(Stage.VERSION, victim_is_client=False)
        yield b"SSH-2.0-x\r\n" + rogue.packet(first, PAYLOADS[30], PAYLOADS[21])
        yield b"SSH-2.0-x\r\n" + rogue.packet(PAYLOADS[2], first, PAYLOADS[31], PAYLOADS[21])
    yield b"SSH-2.0-x\r\n" + rogue.packet(PAYLOADS[1])


def _fuzz_early(data: bytes, is_client: bool) -> str:
    results = []
    for cut in (whole, byte_by_byte):
        engine = _fresh(is_client)
        events: list[AnyEvent] = []
        for piece in cut(data):
            events += engine.receive_data(piece)
        events += engine.receive_eof()
        assert isinstance(events[-1], Ended)
        assert sum(len(piece) for piece in engine.data_to_send()) < 10_000 + 4 * len(data)
        results.append(events)
    assert facts(results[0]) == facts(results[1])
    return _effect(results[0])


@target("server-before-keys", _early_seeds)
def fuzz_server(data: bytes) -> str:
    return _fuzz_early(data, is_client=False)


@target("client-before-keys", _early_seeds)
def fuzz_client(data: bytes) -> str:
    return _fuzz_early(data, is_client=True)


# --- a script


def script(stage: Stage, victim_is_client: bool, *steps: tuple[str, bytes]) -> bytes:
    """Encode a script; a step is an operation's name and its bytes."""
    out = bytearray((STAGES.index(stage), victim_is_client))
    for operation, data in steps:
        out.append(OPERATIONS.index(operation))
        out += len(data).to_bytes(2, "big") + data
    return bytes(out)


def _steps(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 2
    while at + 3 <= len(data):
        size = int.from_bytes(data[at + 1 : at + 3], "big")
        yield OPERATIONS[data[at] % len(OPERATIONS)], data[at + 3 : at + 3 + size]
        at += 3 + size


# --- the victim's owner


def _verdict(question: AuthenticationRequested) -> Verdict:
    match question.attempt:
        case NoneAttempt():
            return Refuse()
        case PasswordAttempt(password="expired", new_password=None):
            return AskPasswordChange("a new one")
        case PasswordAttempt(password="half"):
            return PartialSuccess(("publickey",))
        case PasswordAttempt(password="secret"):
            return Accept()
        case PublicKeyAttempt() as attempt:
            return PartialSuccess(("password",)) if attempt.signed else Accept()
        case InteractiveAttempt():
            return AskPrompts("name", "instruction", (Prompt("who", True), Prompt("what", False)))
    return Refuse(("password", "keyboard-interactive"))


def _credential(question: CredentialNeeded) -> Credential | None:
    credentials = (
        PublicKeyCredential(USER_KEY.key),
        KeyboardInteractiveCredential(),
        PasswordCredential("secret"),
    )
    return next((each for each in credentials if each.method in question.methods), None)


ANSWERS: Final[dict[type[Any], Any]] = {
    AuthenticationRequested: _verdict,
    CredentialNeeded: _credential,
    SignatureNeeded: sign_with(USER_KEY, HOST_KEY),
    PromptsReceived: lambda question: tuple("answer" for _ in question.prompts),
    PasswordChangeNeeded: PasswordChange("old", "new"),
}


def _move(rogue: Rogue, _: bytes) -> None:
    engine = rogue.victim.engine
    state = engine.export_state()
    if engine.is_client:
        rogue.victim.engine, events = ClientEngine.restore(_options(ClientOptions, user="me"), state)
    else:
        options = _options(ServerOptions, host_keys=(HOST_KEY.key,))
        rogue.victim.engine, events = ServerEngine.restore(options, state)
    rogue.victim.take(events)


def _channel(data: bytes) -> int:
    return data[0] if data else 0


_CALLS: Final[tuple[Callable[[Rogue, bytes], object], ...]] = (
    lambda rogue, data: rogue.victim.engine.connection.open_channel(Session()),
    lambda rogue, data: rogue.victim.engine.connection.send_data(_channel(data), data),
    lambda rogue, data: rogue.victim.engine.connection.consumed(_channel(data), len(data)),
    lambda rogue, data: rogue.victim.engine.connection.send_eof(_channel(data)),
    lambda rogue, data: rogue.victim.engine.connection.close(_channel(data)),
    lambda rogue, data: rogue.victim.engine.connection.forget(_channel(data)),
    lambda rogue, data: rogue.victim.engine.connection.request(_channel(data), Exec(data)),
    lambda rogue, data: rogue.victim.engine.connection.global_request(UnknownGlobalRequest("x", data)),
    lambda rogue, data: rogue.victim.engine.connection.send_keepalive(),
    lambda rogue, data: rogue.victim.engine.transport.start_rekey(),
    lambda rogue, data: rogue.victim.take(rogue.victim.engine.tick(float(_channel(data)))),
    lambda rogue, data: rogue.settle(),
    _move,
)


def _call(rogue: Rogue, data: bytes) -> None:
    """Have the owner call something; being told that it may not is no bug."""
    if rogue.victim.engine.authenticated and not rogue.ended and data:
        with suppress(UsageError, ChannelOpenError):
            _CALLS[data[0] % len(_CALLS)](rogue, data[1:])


def _play(data: bytes, cut: Callable[[bytes], Iterator[bytes]]) -> Rogue:
    stage = STAGES[data[0] % len(STAGES)] if data else Stage.VERSION
    rogue = Rogue(stage, victim_is_client=bool(data[1:2] and data[1] % 2), limits=LIMITS)
    rogue.victim.answers |= ANSWERS
    payloads: list[bytes] = []
    sent = 0
    for operation, given in (*_steps(data), ("flush", b"")):
        if operation == "payload":
            payloads += [given] if given else []
            continue
        stream = rogue.packet(*payloads) + (given if operation == "raw" else b"")
        payloads = []
        sent += len(stream)
        for piece in cut(stream):
            rogue.victim.take(rogue.victim.engine.receive_data(piece))
        rogue.settle()
        if operation == "call":
            _call(rogue, given)
        _check(rogue)
    # two key exchanges' worth, the calls' data, and a little for each packet
    assert len(rogue.collect()) < 20_000 + 4 * (sent + len(data))
    return rogue


def _check(rogue: Rogue) -> None:
    engine = rogue.victim.engine
    transport = engine.transport
    assert len(transport._deferred._messages) <= LIMITS.deferred_messages
    assert len(engine.connection.channels) <= LIMITS.channels
    assert sum(map(len, transport.extensions.values())) <= 2 * LIMITS.packet_size_before_authentication
    for channel in engine.connection.channels.values():
        assert len(channel.received_requests) <= LIMITS.pending_requests
        assert 0 <= channel.local_window.available <= channel.local_window.size
        assert 0 <= channel.remote_window.available < 2**32
    if rogue.ended:
        assert isinstance(rogue.victim.events[-1], Ended)
        assert not engine.wants_data


def _request(method: str, fields: bytes) -> bytes:
    return UserauthRequest("me", "ssh-connection", method, fields).encode()


_LOGINS: Final = (
    (_request("password", b"\0\0\0\0\6secret"), PAYLOADS[90], PAYLOADS[98], PAYLOADS[94]),
    (_request("password", b"\0\0\0\0\7expired"), _request("password", b"\1\0\0\0\1a\0\0\0\1b")),
    (_request("password", b"\0\0\0\0\4half"), PAYLOADS[50]),
    (_request("keyboard-interactive", bytes(8)), b"\x3d\0\0\0\2" + bytes(8), PAYLOADS[53]),
    (_request("publickey", PublicKeyFields(False, "ssh-ed25519", USER_KEY.key.blob, b"").encode()),),
    (PAYLOADS[53], PAYLOADS[51], PAYLOADS[60], PAYLOADS[52], PAYLOADS[90]),
    (
        UserauthFailure(("publickey",), False).encode(),
        UserauthPkOk("ssh-ed25519", USER_KEY.key.blob).encode(),
    ),
    (UserauthFailure(("publickey",), True).encode(), PAYLOADS[51], PAYLOADS[52], PAYLOADS[80]),
)


def _script_seeds() -> Iterator[bytes]:
    for victim_is_client in (False, True):
        for stage in STAGES:
            # what ends the connection comes last
            order = sorted(PAYLOADS, key=lambda number: number in (1, 20, 21))
            for start in range(0, len(order), 9):
                part = order[start : start + 9]
                yield script(stage, victim_is_client, *[("payload", PAYLOADS[number]) for number in part])
        for stage in (Stage.OPEN, Stage.ASKED, Stage.REKEYING):
            for start in range(0, len(_CALLS), 3):
                calls = [("call", bytes([number, 0]) + bytes(10)) for number in range(start, start + 3)]
                yield script(stage, victim_is_client, calls[0], ("payload", PAYLOADS[94]), *calls[1:])
        for payloads in _LOGINS:
            yield script(Stage.AUTHENTICATION, victim_is_client, *[("payload", each) for each in payloads])


@target("sessions", _script_seeds)
def fuzz_sessions(data: bytes) -> str:
    at_once = _play(data, whole)
    by_byte = _play(data, byte_by_byte)
    assert facts(at_once.victim.events) == facts(by_byte.victim.events)
    return f"{data[:2]!r} {_effect(at_once.victim.events)}"


# --- state that travels


def _state_seeds() -> Iterator[bytes]:
    for victim_is_client in (False, True):
        rogue = Rogue(Stage.OPEN, victim_is_client=victim_is_client)
        rogue.send(PAYLOADS[98], PAYLOADS[80])
        rogue.feed(rogue.packet(PAYLOADS[2])[:10])
        yield bytes([victim_is_client]) + rogue.victim.engine.export_state()


@target("engine-state", _state_seeds)
def fuzz_state(data: bytes) -> str:
    """It comes from a process that may have been taken over: what it left is not to be believed."""
    restored: tuple[Engine, list[AnyEvent]]
    try:
        if data[:1] == b"\1":
            restored = ClientEngine.restore(_options(ClientOptions, user="me"), data[1:])
        else:
            options = _options(ServerOptions, host_keys=(HOST_KEY.key,))
            restored = ServerEngine.restore(options, data[1:])
    except SSHError as error:
        return words(error)
    engine, events = restored
    with suppress(UsageError):
        for number in tuple(engine.connection.channels):
            engine.connection.send_data(number, bytes(100))
    events += engine.receive_data(bytes(100))
    events += engine.tick(0.0)
    return _effect(events)
