"""`pyssh forward` without a terminal: all kinds at once, connecting again, giving up, ending, bad input."""

import contextlib
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import forwarding as fw
from tests.support import peers
from tests.support.forwarding import ask, ask_socks, deaf, echo_server, end_sessions, exit_code, forwarding
from tests.support.processes import LOOPBACK, RunningProcess, free_port


@pytest.fixture
def server() -> Iterator[peers.Server]:
    with peers.openssh_server() as running:
        yield running


@pytest.fixture
def echo() -> Iterator[int]:
    with echo_server() as port:
        yield port


def local(port: int, target: int) -> str:
    return f"-L{LOOPBACK}:{port}:{LOOPBACK}:{target}"


def remote(port: int, target: int) -> str:
    return f"-R{LOOPBACK}:{port}:{LOOPBACK}:{target}"


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*fw.PROGRAM, "-F", "none", *words],
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_all_kinds_at_once(server: peers.Server, echo: int, tmp_path: Path) -> None:
    here, there, socks, path = free_port(), free_port(), free_port(), str(tmp_path / "socket")
    words = (local(here, echo), f"-L{path}:{LOOPBACK}:{echo}", remote(there, echo), f"-D{socks}")
    with forwarding(server, tmp_path, *words, ready=f"listening: -R {LOOPBACK}:{there} to ") as running:
        assert running.log.startswith(f"forwarding through {server.user}@{LOOPBACK} port {server.port}\n")
        assert [ask(here), ask(path), ask(there), ask_socks(socks, echo)] == [b"hello"] * 4
        for what in (
            f"-L {LOOPBACK}:{here}",
            f"-L {path}",
            f"-R {LOOPBACK}:{there}",
            f"-D {LOOPBACK}:{socks}",
        ):
            running.wait_for(f"closed: {what} from .*, 5 bytes sent, 5 received$")
            assert f"opened: {what} from " in running.log


def test_a_refused_connection_is_a_line(server: peers.Server, tmp_path: Path) -> None:
    here, nothing = free_port(), free_port()
    with forwarding(server, tmp_path, local(here, nothing)) as running:
        with contextlib.suppress(ConnectionResetError):
            assert ask(here) == b""
        running.wait_for(f"failed: -L {LOOPBACK}:{here} from .* to {LOOPBACK}:{nothing}: .*refused")


def test_large_data_passes_both_ways(server: peers.Server, echo: int, tmp_path: Path) -> None:
    here = free_port()
    with forwarding(server, tmp_path, local(here, echo)), socket.create_connection((LOOPBACK, here)) as sock:
        sock.settimeout(fw.SECONDS)
        block = os.urandom(1 << 16)
        for _ in range(64):
            sock.sendall(block)
            assert fw.receive(sock, len(block)) == block


# --- connecting again


def test_it_connects_again_and_keeps_all_forwards(server: peers.Server, echo: int, tmp_path: Path) -> None:
    here, there, socks = free_port(), free_port(), free_port()
    words = (local(here, echo), remote(there, echo), f"-D{socks}")
    with forwarding(server, tmp_path, *words, ready="listening: -R") as running:
        end_sessions(server)
        running.wait_for("^disconnected: ")
        running.wait_for("^trying again in 1 s; the listeners stay$")
        running.wait_for("^connected again$")
        assert [ask(here), ask(there), ask_socks(socks, echo)] == [b"hello"] * 3


def test_a_connection_waits_for_the_link(server: peers.Server, echo: int, tmp_path: Path) -> None:
    here = free_port()
    with forwarding(server, tmp_path, local(here, echo)) as running:
        with deaf(server):
            end_sessions(server)
            running.wait_for("^trying again")
            sock = socket.create_connection((LOOPBACK, here), fw.SECONDS)
            sock.sendall(b"early")
        with sock:
            assert fw.receive(sock, 5) == b"early"
        assert "connected again" in running.log


def test_the_pause_grows(server: peers.Server, echo: int, tmp_path: Path) -> None:
    with forwarding(server, tmp_path, local(free_port(), echo)) as running:
        server.running.close()
        running.wait_for("^trying again in 1 s")
        running.wait_for("port .*: Connection refused")
        running.wait_for("^trying again in 2 s")


def test_a_port_that_the_server_chose_is_asked_for_again(
    server: peers.Server, echo: int, tmp_path: Path
) -> None:
    with forwarding(server, tmp_path, f"-R{LOOPBACK}:0:{LOOPBACK}:{echo}") as running:
        found = re.search(rf"listening: -R {LOOPBACK}:(\d+) ", running.log)
        assert found
        port = int(found[1])
        assert ask(port) == b"hello"
        end_sessions(server)
        running.wait_for("^connected again$")
        assert ask(port) == b"hello"


def test_a_port_that_is_taken_over_there_is_asked_for_until_it_is_free(
    server: peers.Server, echo: int, tmp_path: Path
) -> None:
    here, there = free_port(), free_port()
    with forwarding(
        server, tmp_path, local(here, echo), remote(there, echo), ready="listening: -R"
    ) as running:
        with deaf(server):
            end_sessions(server)
            running.wait_for("^disconnected: ")
            squatter = socket.create_server((LOOPBACK, there))
        with squatter:
            running.wait_for(f"the server does not listen on {LOOPBACK}:{there}: ")
            running.wait_for("^connected again$")
            assert ask(here) == b"hello"
        heard = running.log.count("listening: -R")
        assert heard == 1
        running.wait_for(rf"(?s)^listening: -R {LOOPBACK}:{there} ")
        fw.wait_until(lambda: running.log.count("listening: -R") == 2)
        assert ask(there) == b"hello"


# --- giving up


def test_once_does_not_connect_again(server: peers.Server, echo: int, tmp_path: Path) -> None:
    with forwarding(server, tmp_path, "--once", local(free_port(), echo)) as running:
        end_sessions(server)
        assert exit_code(running) == 255
        running.wait_for(f"^pyssh forward: {LOOPBACK}: .*closed")
        assert "trying again" not in running.log


def test_a_changed_host_key_ends_it(server: peers.Server, echo: int, tmp_path: Path) -> None:
    with forwarding(server, tmp_path, local(free_port(), echo)) as running:
        other = peers.make_key(tmp_path / "other").with_suffix(".pub").read_text().split()[:2]
        (tmp_path / "known_hosts").write_text(f"[{LOOPBACK}]:{server.port} {' '.join(other)}\n")
        end_sessions(server)
        assert exit_code(running) == 255
        running.wait_for("HOST IDENTIFICATION HAS CHANGED")
        running.wait_for("giving up: trying again would not help$")


def test_a_refused_login_ends_it(server: peers.Server, echo: int, tmp_path: Path) -> None:
    with forwarding(server, tmp_path, local(free_port(), echo)) as running:
        server.identity.with_name("authorized_keys").write_text("")
        end_sessions(server)
        assert exit_code(running) == 255
        running.wait_for(r"Permission denied \(")
        running.wait_for("giving up")


def test_a_host_key_that_changed_is_not_forwarded_through_even_without_checking(
    server: peers.Server, echo: int, tmp_path: Path
) -> None:
    other = peers.make_key(tmp_path / "other").with_suffix(".pub").read_text().split()[:2]
    (tmp_path / "known_hosts").write_text(f"[{LOOPBACK}]:{server.port} {' '.join(other)}\n")
    words = ("-o", "StrictHostKeyChecking=no", local(free_port(), echo))
    with forwarding(server, tmp_path, *words, ready="nothing is forwarded: the host key") as running:
        assert exit_code(running) == 255


def test_a_remote_forward_that_is_refused_at_first_ends_it(
    server: peers.Server, echo: int, tmp_path: Path
) -> None:
    words = (remote(server.port, echo),)
    with forwarding(
        server, tmp_path, *words, ready="pyssh forward: the server does not listen on"
    ) as running:
        assert exit_code(running) == 255


# --- ending


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it(number: signal.Signals, server: peers.Server, echo: int, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with forwarding(server, tmp_path, f"-L{path}:{LOOPBACK}:{echo}") as running:
        running.process.send_signal(number)
        assert exit_code(running) == 0
        assert not path.exists()
        assert "Traceback" not in running.log


def test_interrupted_before_it_ever_worked(echo: int) -> None:
    with socket.create_server((LOOPBACK, 0)) as silent:
        port = str(silent.getsockname()[1])
        words = [*fw.PROGRAM, "-F", "none", "-p", port, local(free_port(), echo), LOOPBACK]
        with contextlib.closing(RunningProcess(words, "forwarding through")) as running:
            silent.accept()
            running.process.send_signal(signal.SIGINT)
            assert exit_code(running) == 130
            assert "Traceback" not in running.log


def test_it_goes_on_when_nobody_reads_its_lines(server: peers.Server, echo: int, tmp_path: Path) -> None:
    here = free_port()
    process = subprocess.Popen(
        fw.command(server, tmp_path, local(here, echo)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stderr
    with process:
        while not process.stdout.readline().startswith("listening"):
            pass
        process.stdout.close()
        assert [ask(here), ask(here)] == [b"hello", b"hello"]
        process.terminate()
        assert process.wait(fw.SECONDS) == 0
        assert process.stderr.read() == ""


# --- where to, and bad input


@pytest.mark.parametrize(
    ("named", "where"),
    [
        ("127.0.0.1:1", "ANY@127.0.0.1 port 1"),
        ("me@127.0.0.1:1", "me@127.0.0.1 port 1"),
        ("me@corp@127.0.0.1:1", "me@corp@127.0.0.1 port 1"),
        ("[::1]:1", "ANY@::1 port 1"),
        ("me@[::1]:1", "me@::1 port 1"),
        ("ssh://me@127.0.0.1:1", "me@127.0.0.1 port 1"),
    ],
)
def test_the_environment_names_the_host(named: str, where: str, echo: int) -> None:
    ended = run(local(free_port(), echo), PYSSH_HOST=named)
    where = where.replace("ANY", peers.current_user())
    assert ended.stdout == f"forwarding through {where} (from PYSSH_HOST)\n"
    assert ended.returncode == 255
    assert ended.stderr.startswith("pyssh forward: connect to host ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(("named", "host"), [("::1", "::1"), ("me@::1", "::1"), ("localhost", "localhost")])
def test_the_port_on_the_command_line_wins(named: str, host: str, echo: int) -> None:
    ended = run("-p1", "-l", "you", local(free_port(), echo), PYSSH_HOST=named)
    assert ended.stdout == f"forwarding through you@{host} port 1 (from PYSSH_HOST)\n"


@pytest.mark.parametrize(
    "named", ["host:port", "@host", "me@", "[::1", "a b", "host/path", "ssh://h/p", "-h"]
)
def test_a_host_in_the_environment_that_makes_no_sense(named: str, echo: int) -> None:
    ended = run(local(free_port(), echo), PYSSH_HOST=named)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("pyssh forward: PYSSH_HOST: ")
    assert ended.stderr.count("\n") == 1


def test_without_a_host_it_is_this_machine(echo: int, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host localhost\n    Port 1\n    User me\n")
    ended = run("-F", str(config), local(free_port(), echo))
    assert ended.stdout == (
        "forwarding through me@localhost port 1 (no host was given, and PYSSH_HOST is not set)\n"
    )
    assert ended.returncode == 255


def test_forwards_can_come_from_the_configuration(server: peers.Server, echo: int, tmp_path: Path) -> None:
    here = free_port()
    words = ("-o", f"LocalForward={LOOPBACK}:{here} {LOOPBACK}:{echo}")
    with forwarding(server, tmp_path, *words):
        assert ask(here) == b"hello"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("h",), 2, "nothing to forward: give -L, -R or -D, as in -L 3000:localhost:8080"),
        ((), 2, "nothing to forward"),
        (("-L", "3000", "h"), 2, '-L: "3000" is not a forwarding; it is written '),
        (("-D", "0", "h"), 2, '-D: "0" is not a port'),
        (("-o", "Foo=1", "-D1080", "h"), 2, "Foo"),
        (("-D1080", "-F", "/nowhere", "h"), 255, "/nowhere"),
        (("-D1080", "a b"), 255, '"a b" is not a host name'),
        (("-z", "h"), 2, "unknown option -z"),
        (("-L",), 2, "option -L needs a value"),
        (("-D1080", "h", "ls"), 2, "there is no command to run here: ls"),
        (("-D", "192.0.2.1:1080", LOOPBACK), 255, "is the address one of this machine?"),
        (("-D", "no.invalid:1080", LOOPBACK), 255, "cannot listen on no.invalid port 1080: "),
        (("-L/nowhere/socket:h:1", LOOPBACK), 255, "cannot listen on /nowhere/socket: No such file"),
        (
            ("-L0.0.0.0:PORT:h:1", "-p1", LOOPBACK),
            255,
            f"connect to host {LOOPBACK} port 1: Connection refused",
        ),
        (("-L0.0.0.0:PORT:h:1", "no.invalid"), 255, "Could not resolve hostname no.invalid: "),
    ],
)
def test_bad_input_is_one_line(words: tuple[str, ...], code: int, says: str) -> None:
    ended = run(*(word.replace("PORT", str(free_port())) for word in words))
    assert ended.returncode == code
    first, *others = ended.stderr.splitlines()
    assert first.startswith("pyssh forward: ")
    assert says in first
    assert not others or others[0].startswith("usage: ")


def test_a_port_that_is_taken(echo: int) -> None:
    ended = run(local(echo, echo), LOOPBACK)
    assert ended.returncode == 255
    assert ended.stderr == (
        f"pyssh forward: cannot listen on {LOOPBACK} port {echo}: Address already in use; "
        "is something else there?\n"
    )
