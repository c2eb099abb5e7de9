"""ChannelTimeout and UnusedConnectionTimeout, of pyssh-server and of pyssh, with OpenSSH at the other end."""

import subprocess
from pathlib import Path

import pytest

from tests.support.peers import openssh_server
from tests.support.pyssh_client import command, run
from tests.support.pyssh_server import pyssh_server

SECONDS = 60.0


def _run(words: list[str]) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=SECONDS)


@pytest.mark.parametrize("kind", ["session:command", "session:*", "global"])
def test_an_idle_command_is_ended(tmp_path: Path, kind: str) -> None:
    with pyssh_server(tmp_path, "-v", "-o", f"ChannelTimeout={kind}=1") as server:
        done = _run(server.ssh("echo begun; exec sleep 1000"))
        server.running.wait_for("Idle session:command of .* closed")
    assert (done.returncode, done.stdout) == (255, b"begun\n")


def test_other_channels_are_not(tmp_path: Path) -> None:
    with pyssh_server(tmp_path, "-o", "ChannelTimeout=session:shell=1 session:subsystem:*=1") as server:
        assert _run(server.ssh("sleep 2; exit 23")).returncode == 23


def test_a_connection_that_nobody_uses_is_ended(tmp_path: Path) -> None:
    with pyssh_server(tmp_path, "-v", "-o", "UnusedConnectionTimeout=1") as server:
        assert _run(server.ssh(options=["-N"])).returncode == 255
        server.running.wait_for("terminating inactive connection from ")


def test_the_client_ends_an_idle_command(tmp_path: Path) -> None:
    with openssh_server() as server:
        options = ("-o", "ChannelTimeout=session:shell=9 session:command=1")
        done = run(command(server, tmp_path, "echo begun; exec sleep 1000", options=options))
    assert (done.returncode, done.stdout) == (255, b"begun\n")
