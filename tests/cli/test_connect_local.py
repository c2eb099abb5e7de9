"""What the client does here besides its session: LocalCommand, PermitRemoteOpen, LogVerbose, Unix sockets."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.forwarding import ask_socks, echo_server
from tests.support.peers import Server, openssh_server
from tests.support.processes import RunningProcess, free_port
from tests.support.pyssh_client import command, destination, run


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with openssh_server() as started:
        yield started


def test_a_local_command_runs_before_the_session(server: Server, tmp_path: Path) -> None:
    local = f"echo %r %p %T > {tmp_path}/local; echo here"
    options = ("-o", "PermitLocalCommand=yes", "-o", f"LocalCommand={local}")
    done = run(command(server, tmp_path, f"cat {tmp_path}/local", options=options))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == f"here\n{server.user} {server.port} NONE\n"


@pytest.mark.parametrize("options", [("-o", "LocalCommand=echo here"), ("-o", "PermitLocalCommand=yes")])
def test_a_local_command_must_be_permitted(server: Server, tmp_path: Path, options: tuple[str, ...]) -> None:
    assert run(command(server, tmp_path, "echo there", options=options)).stdout == b"there\n"


def test_a_failing_local_command_is_no_reason_to_stop(server: Server, tmp_path: Path) -> None:
    options = ("-o", "PermitLocalCommand=yes", "-o", "LocalCommand=exit 3")
    assert run(command(server, tmp_path, "exit 5", options=options)).returncode == 5


@contextlib.contextmanager
def _socks(server: Server, folder: Path, *options: str) -> Iterator[tuple[int, RunningProcess]]:
    port = free_port()
    words = command(server, folder, options=("-v", "-N", "-R", f"127.0.0.1:{port}", *options))
    assert words[-1] == destination(server)
    with contextlib.closing(RunningProcess(words, "Remote connections to .* forwarded to SOCKS")) as client:
        yield port, client


def test_a_remote_socks_goes_where_it_may(server: Server, tmp_path: Path) -> None:
    with echo_server() as permitted, echo_server() as other:
        options = ("-o", f"PermitRemoteOpen=192.0.2.1:* localhost:{permitted}")
        with _socks(server, tmp_path, *options) as (port, client):
            assert ask_socks(port, permitted) == b"hello"
            # general failure (RFC 1928)
            assert ask_socks(port, other) == b"\5\1"
            client.wait_for(f"localhost:{other} is not permitted")


def test_a_remote_socks_may_be_of_no_use(server: Server, tmp_path: Path) -> None:
    with echo_server() as target, _socks(server, tmp_path, "-o", "PermitRemoteOpen=none") as (port, _):
        assert ask_socks(port, target) == b"\5\1"


@pytest.mark.parametrize("mask", ["0177", "0111"])
def test_unix_sockets_have_the_mode_that_is_wished(server: Server, tmp_path: Path, mask: str) -> None:
    path = tmp_path / "socket"
    path.write_text("in the way")
    own = ("-v", "-N", "-L", f"{path}:localhost:1", "-o", "ExitOnForwardFailure=yes")
    options = ("-o", f"StreamLocalBindMask={mask}", "-o", "StreamLocalBindUnlink=yes")
    words = command(server, tmp_path, options=(*own, *options))
    with contextlib.closing(RunningProcess(words, "Local connections to .* forwarded")):
        assert path.is_socket()
        assert path.stat().st_mode & 0o777 == 0o777 & ~int(mask, 8)


def test_nothing_is_removed_unless_that_is_wished(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    path.write_text("in the way")
    own = ("-N", "-L", f"{path}:localhost:1", "-o", "ExitOnForwardFailure=yes")
    done = run(command(server, tmp_path, options=own))
    assert (done.returncode, path.read_text()) == (255, "in the way")


def test_some_places_may_say_more(server: Server, tmp_path: Path) -> None:
    quiet = run(command(server, tmp_path, "true"))
    assert quiet.stderr == b""
    options = ("-o", "LogVerbose=plan.py:*,!plan.py:_x11():*")
    told = run(command(server, tmp_path, "true", options=options))
    assert told.stderr == b"debug1: Sending command: true\n"
