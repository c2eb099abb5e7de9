"""Targets: what the clients of an agent send it."""

from collections.abc import Iterator
from typing import Final

from pyssh.agent.constraints import Constraints, decode_constraints, encode_constraints
from pyssh.agent.framing import FrameReader, encode_frame
from pyssh.agent.identities import encode_identity, take_identity
from pyssh.agent.messages import (
    QUERY,
    SESSION_BIND,
    AddIdConstrained,
    AddIdentity,
    AddSmartcardKey,
    Extension,
    Lock,
    RemoveAllIdentities,
    RemoveIdentity,
    RequestIdentities,
    SignRequest,
    Unlock,
)
from pyssh.errors import DecodeError, KeyFormatError
from pyssh.keys.certificate import Certificate
from pyssh.wire.message import Message
from pyssh.wire.types import Reader
from tests.fuzz.targets import target, words
from tests.unit.agent.building import (
    CERTIFICATES,
    HOSTS,
    USER,
    Holder,
    destinations,
    login_data,
    session_bind,
)

LIMITED: Final = Constraints(lifetime=9, confirm=True, destinations=destinations("a", "a>me@b", "d"))


def _requests() -> Iterator[Message]:
    identity = encode_identity(USER, "me@here")
    yield AddIdentity(identity)
    yield AddIdConstrained(identity + encode_constraints(Constraints(destinations=destinations("a"))))
    yield AddIdConstrained(encode_identity(HOSTS["x"], "") + encode_constraints(LIMITED))
    yield RequestIdentities()
    yield Extension(SESSION_BIND, session_bind("a", b"session", forwarding=False))
    yield Extension(SESSION_BIND, session_bind("d", b"session", forwarding=True))
    yield Extension(QUERY, b"")
    yield SignRequest(USER.key.blob, login_data(b"session", host_key=HOSTS["a"].key), 0)
    yield SignRequest(HOSTS["x"].key.blob, b"data", 2)
    yield RemoveIdentity(USER.key.blob)
    yield AddSmartcardKey("provider", b"1234")
    yield RemoveAllIdentities()
    yield Lock(b"secret")
    yield Unlock(b"secret")


def _streams() -> Iterator[bytes]:
    frames = [encode_frame(request) for request in _requests()]
    yield b"".join(frames)
    yield from (frames[1] + frames[4] + frame for frame in frames)


@target("agent", _streams)
def fuzz_agent(data: bytes) -> str:
    """Two connections to one agent: the input is what the first one sends, the other looks on."""
    holder = Holder()
    asked, other = holder.connect(), holder.connect()
    reader = FrameReader()
    answers = b""
    try:
        asked.connection.receive_data(data, holder.now)
        while True:
            reader.receive(asked.connection.data_to_send())
            while (payload := reader.take()) is not None:
                answers += payload[:1]
            if asked.connection.question is not None:
                asked.connection.answer(True, holder.now)
            elif asked.connection.waits_until is not None:
                holder.later(10)
                asked.connection.advance(holder.now)
            else:
                asked.connection.advance(holder.now)
                break
    except DecodeError as error:
        return words(error)
    # each request has one answer, and the agent is there for others still
    assert len(answers) <= len(data) // 5
    assert other.count() <= len(holder.agent.ring)
    return (
        f"{answers.hex()} {len(holder.agent.ring)} {words(DecodeError(holder.log[-1])) if holder.log else ''}"
    )


def _identities() -> Iterator[bytes]:
    yield encode_identity(USER, "me") + encode_constraints(LIMITED)
    certificate = CERTIFICATES["d"]
    assert isinstance(certificate, Certificate)
    yield encode_identity(HOSTS["d"], "", certificate)


@target("agent-identity", _identities)
def fuzz_identity(data: bytes) -> str:
    """A key or certificate with its constraints; what is understood is encoded as it came."""
    reader = Reader(data)
    try:
        held = take_identity(reader)
        again = take_identity(Reader(encode_identity(held.private, held.comment, held.certificate)))
        assert again.signer.key == held.signer.key
        constraints = decode_constraints(reader.take(reader.remaining))
    except (DecodeError, KeyFormatError) as error:
        return words(error)
    assert decode_constraints(encode_constraints(constraints)) == constraints
    return f"{held.signer.key.key_type} {len(constraints.destinations)}"
