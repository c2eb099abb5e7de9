"""Logging in with everything but a plain key: passwords, questions, several methods, both roles."""

import asyncio
import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pyssh.errors import Disconnected
from pyssh.events import (
    Accept,
    AskPasswordChange,
    AskPrompts,
    Authenticated,
    AuthenticationRequested,
    BannerReceived,
    Credential,
    CredentialNeeded,
    CredentialRefused,
    InteractiveAttempt,
    InteractiveResponses,
    KeyboardInteractiveCredential,
    PartialSuccess,
    PasswordAttempt,
    PasswordCredential,
    Prompt,
    PromptsReceived,
    PublicKeyAttempt,
    PublicKeyCredential,
    Refuse,
    Verdict,
)
from pyssh.messages.userauth import UserauthRequest
from pyssh.options import ClientOptions, ServerOptions
from pyssh.wire.message import Message
from tests.interop.support_keys import KeyRing, load_signers
from tests.interop.support_peers import SECONDS
from tests.interop.support_serving import Serving, serving
from tests.support import peers
from tests.support.drive import Answers, Client
from tests.support.processes import LOOPBACK, Account

OPENSSH = [peers.NEWEST, peers.DISTRIBUTION]
HOSTBOUND = "publickey-hostbound-v00@openssh.com"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return KeyRing(tmp_path_factory.mktemp("keys"))


class Requests:
    """The methods that a client asked for, as `Options.observer`."""

    def __init__(self) -> None:
        self.methods: list[str] = []

    def __call__(self, direction: str, message: Message) -> None:
        if isinstance(message, UserauthRequest):
            self.methods.append(message.method_name)


# --- our client


@pytest.fixture(scope="module", params=OPENSSH, ids=repr)
def sshd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[peers.Server]:
    """Users of several kinds: `guest` by password, `both` by key and then password."""
    homes = tmp_path_factory.mktemp("homes")
    homes.chmod(0o755)
    (homes / "banner").write_text("Mind the gap.\n")
    accounts = [Account("guest", "secret", homes / "guest"), Account("both", "secret", homes / "both", 4343)]
    lines = [
        "PasswordAuthentication yes",
        f"Banner {homes / 'banner'}",
        "MaxAuthTries 3",
        "Match User both",
        "AuthenticationMethods publickey,password",
        "Match all",
    ]
    with peers.openssh_server(request.param, accounts=accounts, lines=lines) as server:
        yield server


def says_hello(client: Client, message: str = "hello") -> bool:
    return client.run(f"echo {message}").stdout == f"{message}\n".encode()


def test_password_for_sshd(sshd: peers.Server) -> None:
    tries = [PasswordCredential("wrong"), PasswordCredential("secret")]
    with Client(sshd.port, ClientOptions(user="guest"), credentials=tries) as client:
        client.log_in()
        assert [event.credential for event in client.of(CredentialRefused)] == tries[:1]
        assert client.of(BannerReceived) == [BannerReceived("Mind the gap.\n")]
        assert client.of(Authenticated)[0].method == "password"
        assert says_hello(client)


def test_key_and_then_password_for_sshd(sshd: peers.Server) -> None:
    signers = load_signers(sshd.identity)
    tries = [PublicKeyCredential(signers[0].key), PasswordCredential("secret")]
    with Client(sshd.port, ClientOptions(user="both"), signers=signers, credentials=tries) as client:
        client.log_in()
        asked = [(event.methods, event.partial_success) for event in client.of(CredentialNeeded)]
        assert asked == [(("publickey",), False), (("password",), True)]
        assert says_hello(client)


def test_sshd_ends_too_many_tries(sshd: peers.Server) -> None:
    tries = [PasswordCredential(f"wrong {number}") for number in range(5)]
    with Client(sshd.port, ClientOptions(user="guest"), credentials=tries) as client:
        while not client.ended:
            client.step()
        assert isinstance(client.ended.error, Disconnected)
        assert len(client.of(CredentialRefused)) < 3


@pytest.mark.parametrize("server", ["sshd", "dropbear", "asyncssh"])
def test_keys_are_bound_to_the_host_where_the_server_can(server: str) -> None:
    start: dict[str, Callable[[], Any]] = {
        "sshd": peers.openssh_server,
        "dropbear": peers.dropbear_server,
        "asyncssh": peers.asyncssh_server,
    }
    seen = Requests()
    with start[server]() as running:
        options = ClientOptions(user=running.user, observer=seen)
        with Client(running.port, options, signers=load_signers(running.identity)) as client:
            client.log_in()
    assert seen.methods[-1] == (HOSTBOUND if server == "sshd" else "publickey")


def test_password_for_dropbear() -> None:
    with peers.dropbear_server() as server:
        tries = [PasswordCredential("wrong"), PasswordCredential("guest")]
        with Client(server.port, ClientOptions(user="guest"), credentials=tries) as client:
            assert says_hello(client.log_in())
            assert len(client.of(CredentialRefused)) == 1


@pytest.mark.parametrize(
    "credential", [PasswordCredential("guest"), KeyboardInteractiveCredential()], ids=lambda each: each.method
)
def test_password_and_questions_for_asyncssh(credential: Credential) -> None:
    asked: list[PromptsReceived] = []

    def answer(question: PromptsReceived) -> tuple[str, ...]:
        asked.append(question)
        return ("wrong" if len(asked) == 1 else "guest",)

    tries = [PasswordCredential("wrong"), credential, credential]
    with peers.asyncssh_server() as server:
        options = ClientOptions(user="me")
        answers: Answers = {PromptsReceived: answer}
        with Client(server.port, options, credentials=tries, answers=answers) as client:
            assert says_hello(client.log_in())
            assert client.of(Authenticated)[0].method == credential.method
    if credential.method == "keyboard-interactive":
        assert len(asked) == 2
        assert (asked[0].name, asked[0].prompts) == ("Door", (Prompt("Word: ", False),))


# --- our server


class Door:
    """Who gets in: answers of the server, to be set for each test."""

    def __init__(self) -> None:
        self.proved: list[str] = []
        self.wanted: tuple[str, ...] = ("password",)
        self.change_password = False

    def __call__(self, question: AuthenticationRequested) -> Verdict:
        attempt = question.attempt
        if attempt.method != self._next():
            return Refuse((self._next(),))
        match attempt:
            case PublicKeyAttempt(signed=False):
                return Accept()
            case PasswordAttempt(password="secret", new_password=None) if self.change_password:
                return AskPasswordChange("Too old.")
            case InteractiveAttempt():
                return AskPrompts("Door", "Two things.", (Prompt("Name: ", True), Prompt("Colour: ", False)))
            case InteractiveResponses(responses=("Galahad", "blue")):
                return AskPrompts("", "", (Prompt("Sure? ", True),))
            case (
                PasswordAttempt(password="secret", new_password=None)
                | PasswordAttempt(password="secret", new_password="fresh")
                | InteractiveResponses(responses=("yes",))
                | PublicKeyAttempt(signed=True)
            ):
                return self._grant(attempt.method)
            case _:
                return Refuse()

    def _next(self) -> str:
        return self.wanted[len(self.proved)]

    def _grant(self, method: str) -> Verdict:
        self.proved.append(method)
        return Accept() if len(self.proved) == len(self.wanted) else PartialSuccess((self._next(),))


METHODS = [
    ("password",),
    ("keyboard-interactive",),
    ("publickey", "password"),
    ("publickey", "keyboard-interactive"),
    ("password", "publickey", "keyboard-interactive"),
]


@pytest.fixture(scope="module")
def shared(keys: KeyRing) -> Iterator[Serving]:
    signers = load_signers(keys.host("ed25519"))[-1:]
    with serving(ServerOptions(host_keys=(signers[0].key,), banner="Mind the gap.\n"), signers) as running:
        yield running


@pytest.fixture
def ours(shared: Serving) -> Iterator[Serving]:
    with shared.as_it_is():
        yield shared


@pytest.fixture
def identity(keys: KeyRing) -> Path:
    return keys.user("ed25519")


@pytest.fixture
def door(ours: Serving) -> Door:
    door = Door()
    ours.answers = {AuthenticationRequested: door}
    return door


ANSWERS = {"password": "secret", "Name": "Galahad", "Colour": "blue", "Sure": "yes"}


def askpass(folder: Path, answers: dict[str, str]) -> dict[str, str]:
    """An environment in which ssh asks a program, which knows the answers."""
    program = folder / "askpass"
    cases = "".join(f'*"{word}"*) echo {answer};;\n' for word, answer in answers.items())
    program.write_text(f'#!/bin/sh\ncase "$1" in\n{cases}esac\n')
    program.chmod(0o700)
    return os.environ | {"SSH_ASKPASS": str(program), "SSH_ASKPASS_REQUIRE": "force"}


def run(
    command: Sequence[str], env: dict[str, str] | None = None, data: str = "hello"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=data, capture_output=True, text=True, env=env, check=False, timeout=SECONDS
    )


@pytest.mark.parametrize("wanted", METHODS, ids="+".join)
@pytest.mark.parametrize("peer", OPENSSH, ids=repr)
def test_ssh_logs_in(
    ours: Serving, door: Door, identity: Path, peer: peers.OpenSSH, wanted: tuple[str, ...]
) -> None:
    seen = Requests()
    ours.options = ours.options.replace(observer=seen)
    door.wanted = wanted
    options = ["-o", "BatchMode=no", "-o", "LogLevel=INFO"]
    command = peers.ssh_command(ours.port, identity, "cat", peer=peer, options=options)
    done = run(command, askpass(Path.home(), ANSWERS))
    assert (done.returncode, done.stdout) == (0, "hello"), done.stderr
    assert "Mind the gap." in done.stderr
    assert door.proved == list(wanted)
    assert ours.finish().of(Authenticated)[0].method == wanted[-1]
    if "publickey" in wanted:
        assert HOSTBOUND in seen.methods


def test_ssh_has_so_many_tries(ours: Serving, door: Door, identity: Path) -> None:
    ours.options = ours.options.replace(authentication_attempts=3)
    options = ["-o", "BatchMode=no", "-o", "LogLevel=INFO", "-o", "NumberOfPasswordPrompts=9"]
    command = peers.ssh_command(ours.port, identity, "cat", options=options)
    done = run(command, askpass(Path.home(), {"password": "wrong"}))
    assert done.returncode == 255
    assert "Too many authentication failures" in done.stderr, done.stderr


@pytest.mark.parametrize("peer", OPENSSH, ids=repr)
def test_ssh_changes_its_password(ours: Serving, door: Door, identity: Path, peer: peers.OpenSSH) -> None:
    door.change_password = True
    words = {"etype": "fresh", "new password": "fresh", "old password": "secret", "'s password": "secret"}
    options = ["-o", "BatchMode=no", "-o", "PubkeyAuthentication=no", "-o", "KbdInteractiveAuthentication=no"]
    command = peers.ssh_command(ours.port, identity, "cat", peer=peer, options=options)
    done = run(command, askpass(Path.home(), words))
    assert (done.returncode, done.stdout) == (0, "hello"), done.stderr
    attempts = [event.attempt for event in ours.finish().of(AuthenticationRequested)]
    assert attempts[-1] == PasswordAttempt("secret", "fresh")


def test_dbclient_logs_in_with_a_password(ours: Serving, door: Door, identity: Path) -> None:
    command = peers.dbclient_command(ours.port, identity, "cat")
    done = run(command, os.environ | {"DROPBEAR_PASSWORD": "secret"})
    assert (done.returncode, done.stdout) == (0, "hello"), done.stderr
    assert door.proved == ["password"]


def test_plink_logs_in_with_a_password(ours: Serving, door: Door, identity: Path) -> None:
    fingerprint = ours.options.host_keys[0].fingerprint()
    options = ["-pw", "secret"]
    done = run(peers.plink_command(ours.port, identity, fingerprint, "cat", options=options))
    assert (done.returncode, done.stdout) == (0, "hello"), done.stderr
    assert door.proved == ["password"]


@pytest.mark.parametrize("wanted", METHODS, ids="+".join)
def test_asyncssh_logs_in(ours: Serving, door: Door, identity: Path, wanted: tuple[str, ...]) -> None:
    peers.require(peers.ASYNCSSH)
    door.wanted = wanted
    assert asyncio.run(asyncssh_run(ours.port, identity)) == "hello"
    assert door.proved == list(wanted)


def test_asyncssh_changes_its_password(ours: Serving, door: Door, identity: Path) -> None:
    peers.require(peers.ASYNCSSH)
    door.change_password = True
    assert asyncio.run(asyncssh_run(ours.port, identity)) == "hello"
    attempts = [event.attempt for event in ours.finish().of(AuthenticationRequested)]
    assert attempts[-1] == PasswordAttempt("secret", "fresh")


async def asyncssh_run(port: int, identity: Path) -> str:
    import asyncssh  # noqa: PLC0415  # a peer may be missing

    class Answers(asyncssh.SSHClient):
        def kbdint_auth_requested(self) -> str:
            return ""

        def kbdint_challenge_received(self, name: str, text: str, lang: str, prompts: Any) -> list[str]:
            return [answer for prompt, _ in prompts for word, answer in ANSWERS.items() if word in prompt]

        def password_change_requested(self, prompt: str, lang: str) -> tuple[str, str]:
            return "secret", "fresh"

    async with (
        asyncio.timeout(SECONDS),
        asyncssh.connect(
            LOOPBACK,
            port,
            username="me",
            password="secret",
            config=None,
            known_hosts=None,
            agent_path=None,
            client_keys=[str(identity)],
            client_factory=Answers,
        ) as connection,
    ):
        done = await connection.run("cat", input="hello", check=True)
        return str(done.stdout)


@pytest.mark.parametrize("wanted", METHODS, ids="+".join)
def test_paramiko_logs_in(ours: Serving, door: Door, identity: Path, wanted: tuple[str, ...]) -> None:
    peers.require(peers.PARAMIKO)
    import paramiko  # noqa: PLC0415  # a peer may be missing

    def answer(title: str, text: str, prompts: list[tuple[str, bool]]) -> list[str]:
        return [reply for prompt, _ in prompts for word, reply in ANSWERS.items() if word in prompt]

    door.wanted = wanted
    transport = paramiko.Transport(socket.create_connection((LOOPBACK, ours.port)))
    try:
        transport.start_client(timeout=SECONDS)
        key = paramiko.PKey.from_path(identity)
        for method in wanted:
            match method:
                case "publickey":
                    transport.auth_publickey("me", key)
                case "password":
                    transport.auth_password("me", "secret")
                case _:
                    transport.auth_interactive("me", answer)
        assert transport.is_authenticated()
    finally:
        transport.close()
    assert door.proved == list(wanted)
