"""X11 forwarding by the client, with a real server: cookies are replaced, whoever has none is refused."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.peers import Server, openssh_server, ssh_command
from tests.support.pyssh_client import command, run
from tests.support.x11 import CLIENT, COOKIE, PROTOCOL, require_xauth, x_server

SHOW = "echo ${DISPLAY-none}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    require_xauth()
    # not the file of who runs the test
    authority = tmp_path_factory.mktemp("x11") / "Xauthority"
    authority.touch(mode=0o600)
    with openssh_server(lines=["X11Forwarding yes", f"SetEnv XAUTHORITY={authority}"]) as started:
        yield started


def _client(*words: str) -> str:
    return shlex.join([sys.executable, "-c", CLIENT, *words])


def _run(
    server: Server, folder: Path, remote: str, *options: str, environ: dict[str, str]
) -> "subprocess.CompletedProcess[bytes]":
    return run(command(server, folder, remote, options=options), **environ)


@pytest.mark.parametrize("order", ["B", "l"])
def test_a_trusted_program_shows_the_x_server_its_real_cookie(
    server: Server, tmp_path: Path, order: str
) -> None:
    with x_server(tmp_path) as display:
        done = _run(server, tmp_path, _client(order), "-Y", environ=display.environ)
    assert (done.returncode, done.stderr) == (0, b"")
    remote_display, fake, answer = done.stdout.split()
    assert remote_display.startswith(b"localhost:")
    assert bytes.fromhex(fake.decode()) != COOKIE
    assert answer == b"welcome"
    assert display.seen == [(order.encode(), PROTOCOL, COOKIE)]


def test_a_wrong_cookie_never_reaches_the_x_server(server: Server, tmp_path: Path) -> None:
    with x_server(tmp_path) as display:
        done = _run(server, tmp_path, _client("B", COOKIE.hex()), "-Y", environ=display.environ)
    assert done.stdout.split()[-1] == b"refused"
    assert b"X11: an X11 connection shows the wrong cookie" in done.stderr
    assert not display.seen


@pytest.mark.parametrize("options", [(), ("-Y", "-x"), ("-o", "ForwardX11=no")])
def test_without_the_flag_there_is_no_display(
    server: Server, tmp_path: Path, options: tuple[str, ...]
) -> None:
    with x_server(tmp_path) as display:
        done = _run(server, tmp_path, SHOW, *options, environ=display.environ)
    assert done.stdout == b"none\n"


@pytest.mark.parametrize("display", ["", "evil$(id):0", "host", ":99999999"])
def test_without_a_display_here_the_command_runs_without(
    server: Server, tmp_path: Path, display: str
) -> None:
    done = _run(server, tmp_path, SHOW, "-Y", environ={"DISPLAY": display})
    assert done.stdout == b"none\n"
    assert b"X11 is not forwarded: DISPLAY" in done.stderr


def _stub(folder: Path, script: str) -> str:
    """An xauth whose calls are written down; it knows the arguments as $*."""
    program = folder / "xauth"
    program.write_text(f'#!/bin/sh\necho "$*" >> {folder}/calls\n{script}\n')
    program.chmod(0o755)
    return f"XAuthLocation={program}"


def test_an_untrusted_program_has_a_cookie_made_for_it(server: Server, tmp_path: Path) -> None:
    generated = bytes(range(16))
    location = _stub(tmp_path, f'case "$*" in *list*) echo "x MIT-MAGIC-COOKIE-1 {generated.hex()}";; esac')
    with x_server(tmp_path, generated) as display:
        options = ("-X", "-o", location, "-o", "ForwardX11Timeout=5m")
        done = _run(server, tmp_path, _client("l"), *options, environ=display.environ)
    assert done.stdout.split()[-1] == b"welcome"
    assert display.seen == [(b"l", PROTOCOL, generated)]
    generate, listed = (tmp_path / "calls").read_text().splitlines()
    file = generate.split()[1]
    # the cookie outlives the time in which we forward
    assert generate == f"-f {file} generate {display.display} MIT-MAGIC-COOKIE-1 untrusted timeout 360"
    assert listed == f"-f {file} list {display.display}"
    assert not os.path.exists(file)  # noqa: PTH110  # its directory is gone as well


def test_without_such_a_cookie_nothing_is_forwarded(server: Server, tmp_path: Path) -> None:
    location = _stub(tmp_path, "exit 1")
    with x_server(tmp_path) as display:
        options = ("-X", "-o", location)
        done = _run(server, tmp_path, SHOW, *options, environ=display.environ)
    assert done.stdout == b"none\n"
    assert b"no key for untrusted forwarding" in done.stderr


def test_a_server_that_forwards_none_is_no_reason_to_stop(tmp_path: Path) -> None:
    with openssh_server() as other, x_server(tmp_path) as display:
        done = _run(other, tmp_path, SHOW, "-Y", environ=display.environ)
    assert (done.returncode, done.stdout) == (0, b"none\n")
    assert done.stderr == b"X11 forwarding request failed on channel 0\n"


@pytest.mark.parametrize("program", ["pyssh", "ssh"])
def test_clients_of_a_master_reach_its_display(server: Server, tmp_path: Path, program: str) -> None:
    path = ("-S", str(tmp_path / "control"))
    trust = ("-o", "ForwardX11Trusted=yes")
    with x_server(tmp_path) as display:
        # the master's own session has none
        own = ("-o", "ControlMaster=yes", "-o", "ControlPersist=60", *trust, *path)
        first = _run(server, tmp_path, SHOW, *own, environ=display.environ)
        assert (first.returncode, first.stdout) == (0, b"none\n")
        try:
            for order in ("B", "l"):
                words = command(server, tmp_path, _client(order), options=("-Y", *path))
                if program == "ssh":
                    words = ssh_command(server.port, server.identity, _client(order), options=("-Y", *path))
                done = run(words, **display.environ)
                assert done.stdout.split()[-1] == b"welcome", done.stderr
        finally:
            run(command(server, tmp_path, options=(*path, "-O", "exit")))
    assert display.seen == [(b"B", PROTOCOL, COOKIE), (b"l", PROTOCOL, COOKIE)]
