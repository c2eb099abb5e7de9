"""The agent's client, against OpenSSH's agent and against answers that no agent gives."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyssh.aio import AgentClient, AgentError
from pyssh.keys.openssh import encode_private_key
from pyssh.keys.private import PrivateKey, generate_private_key
from tests.aio.support import Handler, linked, running_server
from tests.support.pair import HOST_KEY
from tests.support.peers import NEWEST, require

KEYS = [generate_private_key("ed25519"), generate_private_key("ecdsa"), generate_private_key("rsa", 2048)]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[str]:
    require(NEWEST)
    path = tmp_path / "agent"
    process = subprocess.Popen(
        [NEWEST.path("ssh-agent"), "-D", "-a", str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    for number, key in enumerate(KEYS):
        file = tmp_path / f"key{number}"
        file.write_bytes(encode_private_key(key, f"key {number}", None))
        file.chmod(0o600)
        add = [str(NEWEST.path("ssh-add")), "-q", str(file)]
        subprocess.run(add, check=True, env={"SSH_AUTH_SOCK": str(path)}, stderr=subprocess.PIPE)
    yield str(path)
    process.terminate()
    process.wait()
    process.stdout.close()


async def test_keys_and_signatures(agent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", agent)
    async with await AgentClient.connect() as client:
        signers = await client.keys()
        assert [(signer.key, signer.comment) for signer in signers] == [
            (key.key, f"key {number}") for number, key in enumerate(KEYS)
        ]
        for signer in signers:
            for algorithm in signer.key.signature_algorithms:
                if algorithm != "ssh-rsa":
                    signature = await signer.sign(algorithm, b"data")
                    assert signer.key.verify(algorithm, signature, b"data")
        with pytest.raises(AgentError):
            await client.sign(HOST_KEY.key, "ssh-ed25519", b"data")


async def test_logging_in(agent: str) -> None:
    class ForAgent(Handler):
        async def check_key(self, link: object, user: str, key: object) -> bool:
            return key == KEYS[2].key

    async with (
        await AgentClient.connect(agent) as client,
        running_server(ForAgent()) as server,
        linked(server, keys=await client.keys(), password=None) as link,
    ):
        # the agent checks the signature over the session identifier
        assert await client.bind(link.host_key, link.session_identifier, link.exchange_signature)
        assert not await client.bind(link.host_key, b"another", link.exchange_signature)


async def test_no_agent(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="SSH_AUTH_SOCK"):
        await AgentClient.connect()
    with pytest.raises(FileNotFoundError):
        await AgentClient.connect(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (b"", "closed"),
        (b"\0\0\0\x01\x05", "refused"),
        (b"\0\0\0\0", "0 bytes"),
        (b"\xff\xff\xff\xff", "4294967295 bytes"),
        (b"\0\0\0\x05\x0c\xff\xff\xff\xff", "4294967295 keys"),
        (b"\0\0\0\x05\x0c\0\0\0\1", "wanted"),
        (b"\0\0\0\x03\x0c\0\0", "wanted"),
    ],
)
async def test_answers_that_are_none(answer: bytes, what: str, tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(5)
        writer.write(answer)
        writer.close()

    path = str(tmp_path / "agent")
    async with (
        await asyncio.start_unix_server(serve, path),
        await AgentClient.connect(path) as client,
    ):
        with pytest.raises(AgentError, match=what):
            await client.keys()


async def test_keys_of_unknown_types_are_left_out(tmp_path: Path) -> None:
    key: PrivateKey = KEYS[0]

    def string(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    entries = string(string(b"new@example.com")) + string(b"") + string(key.key.blob) + string(b"mine")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(5)
        writer.write(string(b"\x0c\0\0\0\x02" + entries))
        writer.close()

    path = str(tmp_path / "agent")
    async with (
        await asyncio.start_unix_server(serve, path),
        await AgentClient.connect(path) as client,
    ):
        assert [signer.comment for signer in await client.keys()] == ["mine"]
