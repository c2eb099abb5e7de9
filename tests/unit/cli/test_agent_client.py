"""The agent's client that waits: what an agent may answer, and what not."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyssh.agent.framing import encode_frame
from pyssh.agent.messages import (
    QUERY,
    Extension,
    ExtensionResponse,
    Failure,
    IdentitiesAnswer,
    Identity,
    RequestIdentities,
    SessionBind,
    SignRequest,
    SignResponse,
    Success,
)
from pyssh.keys.private import generate_private_key
from pyssh.wire.message import Message
from pyssh.wire.types import put_text
from pyssh_cli.agent_client import AgentClient, AgentError
from tests.support.fake_agent import Answer, fake_agent

KEY = generate_private_key("ed25519")


@contextlib.contextmanager
def _agent(tmp_path: Path, answer: Answer, *, ends: bool = False) -> Iterator[AgentClient]:
    with fake_agent(tmp_path / "agent", answer, ends=ends) as path:
        client = AgentClient.connect(path)
        try:
            yield client
        finally:
            client.close()


def _always(message: Message) -> Answer:
    return lambda _: encode_frame(message)


def test_keys_and_signatures(tmp_path: Path) -> None:
    def answer(request: bytes) -> bytes:
        if request[0] == RequestIdentities.number:
            unknown = Identity(b"\0\0\0\4what", b"of a type that nobody knows")
            listed = Identity(KEY.key.blob, b"c\xffomment")
            return encode_frame(IdentitiesAnswer(2, unknown.encode() + listed.encode()))
        asked = SignRequest.decode(request)
        assert (asked.key_blob, asked.data) == (KEY.key.blob, b"data")
        return encode_frame(SignResponse(KEY.sign("ssh-ed25519", b"data")))

    with _agent(tmp_path, answer) as client:
        (found,) = client.list_keys()
        assert (found.key, found.comment) == (KEY.key, "c\ufffdomment")
        assert KEY.key.verify("ssh-ed25519", found.sign("ssh-ed25519", b"data"), b"data")


@pytest.mark.parametrize(("message", "bound"), [(Success(), True), (Failure(), False)])
def test_binding(message: Message, bound: bool, tmp_path: Path) -> None:
    asked: list[SessionBind] = []

    def answer(request: bytes) -> bytes:
        asked.append(SessionBind.decode(Extension.decode(request).contents))
        return encode_frame(message)

    with _agent(tmp_path, answer) as client:
        assert client.bind(KEY.key, b"session", b"signature", is_forwarding=True) is bound
    assert asked == [SessionBind(KEY.key.blob, b"session", b"signature", True)]


def test_extensions(tmp_path: Path) -> None:
    names = bytearray()
    put_text(names, "query")
    put_text(names, "x@y")
    with _agent(tmp_path, _always(ExtensionResponse(QUERY, bytes(names)))) as client:
        assert client.extensions() == ["query", "x@y"]


@pytest.mark.parametrize(
    ("answered", "error"),
    [
        (encode_frame(Failure()), "refused"),
        (b"\0\0\0\0", "0 bytes"),
        (b"\xff\xff\xff\xff", "4294967295 bytes"),
        (b"\0\0\0\5\14\0\0", "closed"),
        (b"", "closed"),
        (encode_frame(IdentitiesAnswer(1, b"")), "answer"),
        (encode_frame(IdentitiesAnswer(1 << 31, b"")), "keys"),
    ],
)
def test_answers_that_are_none(answered: bytes, error: str, tmp_path: Path) -> None:
    with (
        _agent(tmp_path, lambda _: answered, ends=True) as client,
        pytest.raises(AgentError, match=error),
    ):
        client.list_keys()


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        AgentClient.connect(str(tmp_path / "nowhere"))
