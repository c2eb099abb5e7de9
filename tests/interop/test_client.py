"""pyssh, the command, with stock servers: logins, commands, streams, exit codes."""

import contextlib
import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.peers import Server, asyncssh_server, dropbear_server, openssh_server
from tests.support.pyssh_client import SECONDS, command, run
from tests.support.pyssh_server import pyssh_server

Start = Callable[[], contextlib.AbstractContextManager[Server]]

SERVERS: dict[str, Start] = {
    "openssh-newest": lambda: openssh_server(peers.NEWEST, lines=["AcceptEnv PYSSH_*"]),
    "openssh-distribution": lambda: openssh_server(peers.DISTRIBUTION, lines=["AcceptEnv PYSSH_*"]),
    "dropbear": dropbear_server,
    "asyncssh": asyncssh_server,
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with SERVERS[request.param]() as started:
        yield started


@pytest.fixture(scope="module")
def openssh() -> Iterator[Server]:
    with SERVERS["openssh-newest"]() as started:
        yield started


def test_the_three_streams_stay_apart_and_the_exit_status_is_the_commands(
    server: Server, tmp_path: Path
) -> None:
    done = run(command(server, tmp_path, "cat; echo error >&2; exit 7"), b"input")
    assert (done.stdout, done.stderr, done.returncode) == (b"input", b"error\n", 7)


def test_half_close_reaches_the_command(server: Server, tmp_path: Path) -> None:
    payload = os.urandom(3_000_000)
    done = run(command(server, tmp_path, "sha256sum; echo after"), payload)
    assert done.stdout == f"{hashlib.sha256(payload).hexdigest()}  -\nafter\n".encode()


def test_megabytes_both_ways_at_once(server: Server, tmp_path: Path) -> None:
    payload = os.urandom(8_000_000)
    done = run(command(server, tmp_path, "cat"), payload)
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(payload).digest()
    assert done.returncode == 0


def test_words_behind_the_host_are_joined_as_ssh_does(server: Server, tmp_path: Path) -> None:
    done = run(command(server, tmp_path, "echo", "a  b", "-c", "$((1 + 1))"))
    assert done.stdout == b"a b -c 2\n"


def test_a_death_by_signal_is_255_and_named(openssh: Server, tmp_path: Path) -> None:
    done = run(command(openssh, tmp_path, "kill -TERM $$"))
    assert done.returncode == 255
    assert done.stderr == b"pyssh: the remote command died of signal TERM\n"


def test_without_input_the_command_sees_the_end_at_once(server: Server, tmp_path: Path) -> None:
    done = run(command(server, tmp_path, "cat; echo over", options=["-n"]), b"never read")
    assert done.stdout == b"over\n"


def test_a_reader_that_leaves_ends_an_endless_command(server: Server, tmp_path: Path) -> None:
    words = command(server, tmp_path, "yes")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout
        assert process.stdout.readline() == b"y\n"
        process.stdout.close()
        assert process.wait(SECONDS) == 255


@pytest.mark.parametrize("own", [False, True], ids=["sshd", "pyssh-server"])
def test_a_command_goes_on_without_its_reader(own: bool, openssh: Server, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(pyssh_server(tmp_path)).as_peer if own else openssh
        words = command(server, tmp_path, "yes 2>/dev/null; exit 3")
        with subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
            assert process.stdout
            assert process.stdout.readline() == b"y\n"
            process.stdout.close()
            assert process.wait(SECONDS) == 3


def test_a_password_from_askpass(tmp_path: Path) -> None:
    peers.require(peers.ROOT)
    askpass = tmp_path / "askpass"
    askpass.write_text('#!/bin/sh\necho "$1" >>"$0.log"\necho guest\n')
    askpass.chmod(0o755)
    with dropbear_server() as server:
        words = command(server, tmp_path, "echo in", options=["-o", "PreferredAuthentications=password"])
        done = run(words, SSH_ASKPASS=str(askpass), SSH_ASKPASS_REQUIRE="force")
    assert done.stdout == b"in\n"
    assert Path(f"{askpass}.log").read_text() == "guest@127.0.0.1's password: \n"


def test_questions_of_keyboard_interactive(tmp_path: Path) -> None:
    askpass = tmp_path / "askpass"
    askpass.write_text('#!/bin/sh\necho "$1" >>"$0.log"\necho guest\n')
    askpass.chmod(0o755)
    with asyncssh_server() as server:
        options = ["-o", "PreferredAuthentications=keyboard-interactive"]
        words = command(server, tmp_path, "echo in", options=options)
        done = run(words, SSH_ASKPASS=str(askpass), SSH_ASKPASS_REQUIRE="force")
    assert done.stdout == b"in\n"
    assert Path(f"{askpass}.log").read_text().startswith(f"({server.user}@127.0.0.1) ")


def test_permission_denied_says_what_the_server_takes(openssh: Server, tmp_path: Path) -> None:
    options = ["-o", "BatchMode=yes", "-o", "PubkeyAuthentication=no"]
    done = run(command(openssh, tmp_path, "true", options=options))
    assert done.returncode == 255
    expected = f"{openssh.user}@127.0.0.1: Permission denied (publickey,password,keyboard-interactive).\n"
    assert done.stderr.decode() == expected


def test_environment_and_subsystem(openssh: Server, tmp_path: Path) -> None:
    options = ["-o", "SendEnv=PYSSH_*", "-o", "SetEnv=PYSSH_B=two"]
    done = run(command(openssh, tmp_path, "echo $PYSSH_A $PYSSH_B", options=options), PYSSH_A="one")
    assert done.stdout == b"one two\n"
    done = run(command(openssh, tmp_path, "nosuch", options=["-s"]))
    assert done.returncode == 255
    assert b"subsystem request failed" in done.stderr


def test_verbosity_tells_the_story_and_no_secret(openssh: Server, tmp_path: Path) -> None:
    log = tmp_path / "log"
    done = run(command(openssh, tmp_path, "true", options=["-vvv", "-E", str(log)]))
    assert (done.returncode, done.stderr) == (0, b"")
    story = log.read_text()
    for part in (
        "Connecting to",
        "kex: algorithm",
        "Offering public key",
        "Authenticated to",
        "Exit status 0",
    ):
        assert part in story
    assert "KexInit" in story


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa", "mldsa44-ed25519"])
def test_keys_of_every_type_from_a_file_and_from_the_agent(kind: str, tmp_path: Path) -> None:
    key = peers.make_key(tmp_path / "key", kind)
    line = key.with_suffix(".pub").read_text()
    with openssh_server(authorized_keys=line) as server:
        words = [word if word != str(server.identity) else str(key) for word in command(server, tmp_path)]
        assert run([*words, "echo in"]).stdout == b"in\n"
        with _agent(key) as agent:
            public = [word if word != str(key) else f"{key}.pub" for word in words]
            key.unlink()
            assert run([*public, "echo in"], SSH_AUTH_SOCK=agent).stdout == b"in\n"
            said = run([*public, "-v", "echo in"], SSH_AUTH_SOCK=agent).stderr
            assert b"The agent is bound to the host key" in said


@contextlib.contextmanager
def _agent(key: Path) -> Iterator[str]:
    path = key.parent / "agent"
    programs = peers.NEWEST
    with subprocess.Popen([programs.path("ssh-agent"), "-D", "-a", path], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        environ = os.environ | {"SSH_AUTH_SOCK": str(path)}
        subprocess.run(
            [programs.path("ssh-add"), "-q", key], check=True, env=environ, stderr=subprocess.DEVNULL
        )
        try:
            yield str(path)
        finally:
            process.terminate()


def test_certificates_of_users_and_hosts(tmp_path: Path) -> None:
    authority = peers.make_key(tmp_path / "ca")
    host, user = peers.make_key(tmp_path / "host"), peers.make_key(tmp_path / "user")
    keygen = [str(peers.require(peers.NEWEST).path("ssh-keygen")), "-q", "-s", str(authority), "-I", "id"]
    subprocess.run([*keygen, "-n", peers.current_user(), f"{user}.pub"], check=True)
    subprocess.run([*keygen, "-h", "-n", "127.0.0.1", f"{host}.pub"], check=True)
    line = authority.with_suffix(".pub").read_text()
    lines = [f"HostCertificate {host}-cert.pub"]
    with openssh_server(host_keys=[host], authorized_keys=f"cert-authority {line}", lines=lines) as server:
        known = tmp_path / "known"
        known.write_text(f"@cert-authority * {line}")
        words = command(server, tmp_path, "echo in", options=["-o", f"UserKnownHostsFile={known}"])
        words[words.index(str(server.identity))] = str(user)
        done = run(words)
        assert (done.stdout, done.returncode) == (b"in\n", 0), done.stderr


def test_an_encrypted_key_asks_three_times(tmp_path: Path) -> None:
    key = peers.make_key(tmp_path / "key", passphrase="right")
    askpass = tmp_path / "askpass"
    askpass.write_text(
        '#!/bin/sh\necho asked >>"$0.log"\ntest $(wc -l <"$0.log") -ge 3 && echo right || echo wrong\n'
    )
    askpass.chmod(0o755)
    line = key.with_suffix(".pub").read_text()
    with openssh_server(authorized_keys=line) as server:
        words = command(server, tmp_path, "echo in")
        words[words.index(str(server.identity))] = str(key)
        environ = {"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"}
        assert run(words, **environ).stdout == b"in\n"
        askpass.write_text('#!/bin/sh\necho asked >>"$0.log"\necho wrong\n')
        Path(f"{askpass}.log").unlink()
        batch = [*words[:2], "-o", "PreferredAuthentications=publickey", *words[2:]]
        assert run(batch, **environ).returncode == 255
    assert Path(f"{askpass}.log").read_text() == "asked\n" * 3
