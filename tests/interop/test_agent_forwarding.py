"""Agents, forwarded by pyssh through sshd and by ssh through pyssh-server; keys with destinations."""

import contextlib
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import peers
from tests.support.fake_agent import fake_agent
from tests.support.forwarding import wait_until
from tests.support.peers import Server, openssh_server
from tests.support.processes import LOOPBACK, Account, RunningProcess
from tests.support.pyssh_client import PYSSH, SECONDS
from tests.support.pyssh_server import pyssh_server

SSH_ADD = str(peers.NEWEST.path("ssh-add"))
LIST = f"{SSH_ADD} -l"
LOOK = 'echo "$SSH_AUTH_SOCK"; stat -c "%a %u" "$(dirname "$SSH_AUTH_SOCK")"'

RELAY = """
import os, socket, threading
sock = socket.create_connection(("127.0.0.1", {port}))
def send():
    while data := os.read(0, 65536):
        sock.sendall(data)
threading.Thread(target=send, daemon=True).start()
while data := sock.recv(65536):
    os.write(1, data)
"""


class Place(NamedTuple):
    """A server to log in to, in files of this test's own."""

    port: int
    user: str
    identity: Path
    known_hosts: Path
    running: RunningProcess

    def ssh(self, *words: str, options: Sequence[str] = ()) -> list[str]:
        return [str(peers.NEWEST.path("ssh")), *self._arguments(options), *words]

    def pyssh(self, *words: str, options: Sequence[str] = ()) -> list[str]:
        return [*PYSSH, *self._arguments(options), *words]

    def _arguments(self, options: Sequence[str]) -> list[str]:
        return [
            *(*options, "-F", "none", "-o", "BatchMode=yes", "-p", str(self.port), "-i", str(self.identity)),
            *("-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "GlobalKnownHostsFile=none"),
            f"{self.user}@{LOOPBACK}",
        ]


@contextlib.contextmanager
def _pyssh_server(folder: Path, *options: str, key_options: str = "") -> Iterator[Place]:
    with pyssh_server(folder, *options, key_options=key_options) as server:
        known = folder / "known"
        known.write_text(f"[{LOOPBACK}]:{server.port} {server.host_key.read_text()}")
        yield Place(server.port, server.user, server.identity, known, server.running)


@contextlib.contextmanager
def _openssh_server(folder: Path, *, lines: Sequence[str] = ()) -> Iterator[Place]:
    with openssh_server(lines=list(lines)) as server:
        yield _place(folder, server)


def _place(folder: Path, server: Server) -> Place:
    known = folder / "known"
    known.write_text(server.known_hosts())
    return Place(server.port, server.user, server.identity, known, server.running)


@contextlib.contextmanager
def _agent(folder: Path, *, ours: bool = False) -> Iterator[str]:
    path = folder / "agent"
    program = [*PYSSH, "agent"] if ours else [str(peers.require(peers.NEWEST).path("ssh-agent"))]
    with contextlib.closing(RunningProcess([*program, "-D", "-a", str(path)], r"SSH_AUTH_SOCK")):
        yield str(path)


def _run(words: Sequence[str], **environ: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"}
    return subprocess.run(
        words,
        env=clean | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
    )


def _add(agent: str, *words: str | Path) -> None:
    done = _run([*PYSSH, "add", "-q", *map(str, words)], SSH_AUTH_SOCK=agent)
    assert (done.returncode, done.stderr) == (0, "")


PAIRS: dict[str, tuple[Callable[..., contextlib.AbstractContextManager[Place]], str]] = {
    "pyssh-sshd": (_openssh_server, "pyssh"),
    "ssh-pyssh": (_pyssh_server, "ssh"),
    "pyssh-pyssh": (_pyssh_server, "pyssh"),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_programs_on_the_server_reach_the_agent(pair: str, tmp_path: Path) -> None:
    start, client = PAIRS[pair]
    key = peers.make_key(tmp_path / "held")
    with start(tmp_path) as place, _agent(tmp_path, ours=pair == "pyssh-pyssh") as agent:
        command = getattr(place, client)
        _add(agent, key)
        listed = _run([SSH_ADD, "-l"], SSH_AUTH_SOCK=agent).stdout
        twice = f"{LIST} && {SSH_ADD} -T {key}.pub && {LOOK}"
        done = _run(command(twice, options=["-A"]), SSH_AUTH_SOCK=agent)
        assert done.stdout.startswith(listed), done.stderr
        path, modes = done.stdout.splitlines()[-2:]
        assert modes == f"700 {os.getuid()}"
        wait_until(lambda: not os.path.lexists(path))
        if "pyssh-" in path:
            wait_until(lambda: not Path(path).parent.exists())
        without = _run(command("echo ${SSH_AUTH_SOCK-none}"), SSH_AUTH_SOCK=agent)
        assert without.stdout == "none\n"


@pytest.mark.parametrize(
    ("options", "stays_out"),
    [
        (("-o", "ForwardAgent={agent}"), False),
        (("-o", "ForwardAgent=$OTHER"), False),
        (("-o", "ForwardAgent=yes", "-o", "IdentityAgent={agent}"), False),
        (("-A", "-o", "IdentityAgent=none"), True),
        (("-A", "-a"), True),
        (("-o", "ForwardAgent=$MISSING"), True),
        (("-o", "ForwardAgent={agent}-missing"), True),
    ],
)
def test_which_agent_is_forwarded(options: Sequence[str], stays_out: bool, tmp_path: Path) -> None:
    with _pyssh_server(tmp_path) as place, _agent(tmp_path) as agent:
        given = [option.format(agent=agent) for option in options]
        done = _run(place.pyssh(f"{LIST}; true", options=given), OTHER=agent)
        said = "Could not open a connection" if stays_out else "has no identities"
        assert said in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("options", "key_options", "reason"),
    [
        (("-o", "AllowAgentForwarding=no"), "", "AllowAgentForwarding is no"),
        (("-o", "DisableForwarding=yes"), "", "DisableForwarding is yes"),
        ((), "no-agent-forwarding", "no-agent-forwarding"),
        ((), "restrict", "no-agent-forwarding"),
    ],
)
def test_who_may_not_forward(options: Sequence[str], key_options: str, reason: str, tmp_path: Path) -> None:
    with _pyssh_server(tmp_path, *options, key_options=key_options) as place, _agent(tmp_path) as agent:
        words = place.ssh("echo ${SSH_AUTH_SOCK-none}", options=["-A"])
        assert _run(words, SSH_AUTH_SOCK=agent).stdout == "none\n"
        place.running.wait_for(re.escape(reason))


def test_agent_forwarding_is_allowed_again_behind_restrict(tmp_path: Path) -> None:
    with _pyssh_server(tmp_path, key_options="restrict,agent-forwarding") as place, _agent(tmp_path) as agent:
        assert "no identities" in _run(place.ssh(LIST, options=["-A"]), SSH_AUTH_SOCK=agent).stdout


def test_a_session_without_the_flag_asks_for_nothing(tmp_path: Path) -> None:
    with _pyssh_server(tmp_path) as place, _agent(tmp_path) as agent:
        for flag, asks in (("-A", True), ("-a", False)):
            done = _run(place.pyssh("true", options=[flag, "-v"]), SSH_AUTH_SOCK=agent)
            assert ("Requesting authentication agent forwarding" in done.stderr) == asks


def test_accounts_have_sockets_of_their_own(tmp_path: Path) -> None:
    peers.require(peers.ROOT)
    # pytest's own folders are for root alone
    with tempfile.TemporaryDirectory(prefix="agent-", dir="/tmp") as name, _agent(tmp_path) as agent:
        folder = Path(name)
        folder.chmod(0o755)
        guest = Account("guest", "secret", folder / "guest")
        with pyssh_server(folder, accounts=[guest]) as server:
            known = tmp_path / "known"
            known.write_text(f"[{LOOPBACK}]:{server.port} {server.host_key.read_text()}")
            place = Place(server.port, server.user, server.identity, known, server.running)
            look = f"{LOOK}; id -u; readlink -f $SSH_AUTH_SOCK"
            done = _run(place.ssh(look, options=["-A"]), SSH_AUTH_SOCK=agent)
            path, modes, user, again = done.stdout.splitlines()
            assert (modes, user, again) == (f"700 {guest.uid}", str(guest.uid), path)
            wait_until(lambda: not Path(path).parent.exists())


def test_an_agent_that_does_not_answer_can_be_left(tmp_path: Path) -> None:
    """Behind a ProxyCommand the login runs on a loop, which hears of a signal meanwhile."""
    asked, over = threading.Event(), threading.Event()

    def answer(_: bytes) -> bytes:
        asked.set()
        over.wait()
        return b""

    with _openssh_server(tmp_path) as place, fake_agent(tmp_path / "agent", answer) as agent:
        relay = tmp_path / "relay"
        relay.write_text(RELAY.format(port=place.port))
        words = place.pyssh("true", options=["-o", f"ProxyCommand={sys.executable} {relay}"])
        environ = os.environ | {"SSH_AUTH_SOCK": agent}
        with subprocess.Popen(words, env=environ, stderr=subprocess.DEVNULL) as process:
            try:
                assert asked.wait(SECONDS)
                process.send_signal(signal.SIGINT)
                assert process.wait(SECONDS) == 130
            finally:
                over.set()
                process.kill()


# --- keys that logins give to the agent


def test_a_login_gives_its_key_to_the_agent(tmp_path: Path) -> None:
    key = tmp_path / "locked"
    keygen = str(peers.require(peers.NEWEST).path("ssh-keygen"))
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "secret", "-f", key, "-C", "it"], check=True)
    askpass = tmp_path / "askpass"
    askpass.write_text("#!/bin/sh\necho secret\n")
    askpass.chmod(0o755)
    asks = {"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"}
    with openssh_server(authorized_keys=Path(f"{key}.pub").read_text()) as server, _agent(tmp_path) as agent:
        place = _place(tmp_path, server)._replace(identity=key)
        adds = ["-o", "BatchMode=no", "-o", "AddKeysToAgent=yes", "-o", "IdentitiesOnly=yes"]
        first = _run(place.pyssh("echo in", options=adds), SSH_AUTH_SOCK=agent, **asks)
        assert first.stdout == "in\n", first.stderr
        assert " it (ED25519)" in _run([SSH_ADD, "-l"], SSH_AUTH_SOCK=agent).stdout
        # the second login has nobody to ask
        assert _run(place.pyssh("echo in"), SSH_AUTH_SOCK=agent).stdout == "in\n"


# --- destinations


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[tuple[Place, str]]:
    """A stock server that lets in a key which an agent holds for it alone."""
    key = peers.make_key(tmp_path / "held")
    line = key.with_suffix(".pub").read_text()
    with openssh_server(authorized_keys=line) as server, _agent(tmp_path) as agent:
        place = _place(tmp_path, server)
        _add(agent, "-H", place.known_hosts, "-h", f"{place.user}@[{LOOPBACK}]:{place.port}", key)
        public = Path(f"{key}.pub")
        key.unlink()
        yield place._replace(identity=public), agent


def test_a_key_is_used_where_it_may_be(limited: tuple[Place, str]) -> None:
    place, agent = limited
    for command in (place.pyssh, place.ssh):
        assert _run(command("echo in"), SSH_AUTH_SOCK=agent).stdout == "in\n"


def test_a_key_is_not_used_elsewhere(tmp_path: Path, limited: tuple[Place, str]) -> None:
    place, agent = limited
    (tmp_path / "other").mkdir()
    line = place.identity.read_text()
    with openssh_server(authorized_keys=line) as other:
        elsewhere = _place(tmp_path / "other", other)._replace(identity=place.identity)
        for command in (elsewhere.pyssh, elsewhere.ssh):
            done = _run(command("echo in"), SSH_AUTH_SOCK=agent)
            assert (done.returncode, done.stdout) == (255, "")


def test_a_key_goes_no_further_than_its_destination(limited: tuple[Place, str]) -> None:
    """On the server, behind a forwarding that is bound to it, the key is not even to be seen."""
    place, agent = limited
    for command in (place.pyssh, place.ssh):
        done = _run(command(f"{LIST}; true", options=["-A"]), SSH_AUTH_SOCK=agent)
        assert "has no identities" in done.stdout


def test_a_key_may_go_on_from_its_destination(tmp_path: Path) -> None:
    """From here to the first host, and from there, with our agent forwarded, to the second one."""
    key = peers.make_key(tmp_path / "held")
    line = key.with_suffix(".pub").read_text()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with (
        openssh_server(authorized_keys=line) as first,
        pyssh_server(tmp_path / "two", authorized_keys=line) as second,
        _agent(tmp_path) as agent,
    ):
        known = tmp_path / "all"
        there = f"[{LOOPBACK}]:{second.port}"
        known.write_text(f"{first.known_hosts()}\n{there} {second.host_key.read_text()}")
        here = f"[{LOOPBACK}]:{first.port}"
        _add(agent, "-H", known, "-h", here, "-h", f"{here}>{second.user}@{there}", key)
        public = tmp_path / "held.pub"
        key.unlink()
        inner = Place(second.port, second.user, public, known, second.running)
        outer = Place(first.port, first.user, public, known, first.running)
        for command in (outer.pyssh, outer.ssh):
            for words in (inner.pyssh("echo in"), inner.ssh("echo in")):
                done = _run(command(shlex.join(words), options=["-A"]), SSH_AUTH_SOCK=agent)
                assert done.stdout == "in\n", done.stderr
        # without the way over the first host it is of no use there
        assert _run(inner.pyssh("echo in"), SSH_AUTH_SOCK=agent).returncode == 255


def test_the_socket_of_the_agent_is_private(tmp_path: Path) -> None:
    with _pyssh_server(tmp_path) as place, _agent(tmp_path) as agent:
        look = 'stat -c "%a %u" "$SSH_AUTH_SOCK"; ls -ld "$(dirname "$SSH_AUTH_SOCK")"'
        done = _run(place.ssh(look, options=["-A"]), SSH_AUTH_SOCK=agent)
        assert stat.filemode(stat.S_IFDIR | 0o700) in done.stdout
