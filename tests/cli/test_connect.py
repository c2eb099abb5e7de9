"""`pyssh host`: arguments, errors, and hosts that are no SSH servers. One line each, 255, no traceback."""

import contextlib
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.peers import openssh_server
from tests.support.processes import LOOPBACK, free_port
from tests.support.pyssh_client import PYSSH, command, run

Serve = Callable[[socket.socket], None]


def _said(*words: str) -> tuple[int, str]:
    done = run([*PYSSH, *words])
    assert done.stdout == b""
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ((), "which host?"),
        (("-Z", "host"), "unknown option -Z"),
        (("-p",), "option -p needs a value"),
    ],
)
def test_wrong_usage(words: Sequence[str], part: str) -> None:
    code, text = _said(*words)
    assert code == 255
    assert text.startswith("pyssh: ")
    assert part in text.splitlines()[0]
    assert "usage:" in text


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("-p", "99999", "h"), '-p: "99999" is not a port'),
        (("-o", "Foo=bar", "h"), "it is not a keyword"),
        (("-o", "Port=x", "h"), 'Port: "x" is not a port'),
        (("-L", "80", "h"), '-L: "80" is not a forwarding'),
        (("-W", "somewhere", "h"), "-W: "),
        (("-e", "toolong", "h"), "EscapeChar"),
        (("-c", "nope", "h"), '"nope" is not a cipher'),
        (("-J", "a b", "h"), "is not a host name"),
        (("a;b",), "is not a host name"),
        (("-l", "-x", "h"), "is not a user name"),
        (("-s", "h"), "needs the name of a subsystem"),
        (("-f", "h"), "needs a command"),
        (("-F", "/nonexistent", "h"), "/nonexistent: there is no such file"),
        (("-E", "/nonexistent/log", "h"), "/nonexistent/log: cannot write to it"),
        (("-o", "RemoteCommand=a", "h", "b"), "RemoteCommand"),
        (("-K", "h"), "-K: GSSAPI is not supported"),
        (("-I", "x", "h"), "-I: PKCS#11 is not supported"),
        (("-w", "0", "h"), "-w: tunnel devices are not supported"),
        (("-o", "Tunnel=yes", "h"), "Tunnel: this keyword is known but not supported yet"),
        (("nosuchhost.invalid",), "Could not resolve hostname nosuchhost.invalid"),
    ],
)
def test_one_line_says_what_is_wrong(words: Sequence[str], part: str) -> None:
    first = ("-F", "none") if "-F" not in words else ()
    code, text = _said(*first, *words)
    assert code == 255
    assert part in text
    assert text.startswith("pyssh: ")
    assert text.count("\n") == 1


def test_a_refused_connection_says_where() -> None:
    port = free_port()
    code, text = _said("-F", "none", "-p", str(port), LOOPBACK)
    assert code == 255
    assert text.startswith(f"pyssh: connect to host {LOOPBACK} port {port}: Connection refused; ")


def _http(sock: socket.socket) -> None:
    sock.recv(4096)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nX: \x1b[31m\r\n\r\n")


def _silent(sock: socket.socket) -> None:
    sock.recv(4096)


def _old(sock: socket.socket) -> None:
    sock.sendall(b"SSH-1.5-old\x1b[31m\r\n")
    sock.recv(4096)


def _leaves(sock: socket.socket) -> None:
    sock.sendall(b"SSH-2.0-other\r\n")
    sock.recv(4096)


def _raves(sock: socket.socket) -> None:
    sock.sendall(b"SSH-2.0-other\r\n" + bytes(400))
    while sock.recv(65536):
        pass


@contextlib.contextmanager
def _listening(serve: Serve) -> Iterator[int]:
    def accept() -> None:
        sock, _ = listener.accept()
        with sock, contextlib.suppress(OSError):
            serve(sock)

    with socket.create_server((LOOPBACK, 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    ("serve", "part"),
    [
        (_http, "it is not an SSH server: "),
        (_silent, "is it the port of an SSH server"),
        (_old, "it is not an SSH server: "),
        (_leaves, "Connection closed by remote host"),
        (_raves, "the server broke the protocol: "),
    ],
)
def test_what_is_no_ssh_server(serve: Serve, part: str) -> None:
    with _listening(serve) as port:
        code, text = _said("-F", "none", "-p", str(port), LOOPBACK)
    assert code == 255
    # ssh's own words, for who looks for them, stand before ours
    text = text.removeprefix("Bad packet length 0.\n")
    assert text.startswith(f"pyssh: {LOOPBACK} port {port}: ")
    assert part in text
    assert text.count("\n") == 1
    assert "\x1b" not in text


def test_a_server_that_never_answers_is_given_up() -> None:
    done = threading.Event()

    def says_nothing(_: socket.socket) -> None:
        done.wait(60)

    with _listening(says_nothing) as port:
        code, text = _said("-F", "none", "-o", "ConnectTimeout=1", "-p", str(port), LOOPBACK)
        done.set()
    assert code == 255
    assert "timed out" in text


def test_nothing_in_common_names_both_lists(tmp_path: Path) -> None:
    with openssh_server() as server:
        done = run(command(server, tmp_path, "true", options=["-c", "aes128-cbc"]))
    assert done.returncode == 255
    text = done.stderr.decode()
    assert "no cipher in common (we offer aes128-cbc; they offer " in text
    assert text.count("\n") == 1


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    key = peers.make_key(tmp_path / "key")
    key.chmod(0o644)
    with openssh_server(authorized_keys=key.with_suffix(".pub").read_text()) as server:
        words = command(server, tmp_path, "true", options=["-o", "BatchMode=yes"])
        words[words.index(str(server.identity))] = str(key)
        done = run(words)
    assert done.returncode == 255
    assert b"UNPROTECTED PRIVATE KEY FILE" in done.stderr
    assert b"Permission denied" in done.stderr


def test_a_missing_key_is_a_warning(tmp_path: Path) -> None:
    with openssh_server() as server:
        done = run(command(server, tmp_path, "echo in", options=["-i", "/nonexistent"]))
    assert done.stdout == b"in\n"
    assert b"Identity file /nonexistent not accessible" in done.stderr


def test_the_version_goes_where_scripts_look_for_it() -> None:
    code, text = _said("-v", "-V")
    assert (code, text.startswith("pyssh")) == (0, True)


def test_help_names_every_flag_that_is_built() -> None:
    done = run([*PYSSH, "connect", "--help"])
    assert done.returncode == 0
    for flag in ("-L forward", "-J hosts", "-o Keyword=value", "-v "):
        assert flag in done.stdout.decode()


def test_the_effective_configuration_is_printed(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host short\n HostName long.example\n Port 2222\n User bob\n")
    done = run([*PYSSH, "-G", "-F", str(config), "-o", "BatchMode=yes", "short"])
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0
    assert lines[:4] == ["host short", "user bob", "hostname long.example", "port 2222"]
    assert "batchmode yes" in lines


def test_a_command_reads_its_arguments_as_scp_and_sftp_give_them(tmp_path: Path) -> None:
    options = [
        *("-x", "-oPermitLocalCommand=no", "-oClearAllForwardings=yes", "-oRemoteCommand=none"),
        *("-oRequestTTY=no", "-oForwardAgent=no"),
    ]
    with openssh_server() as server:
        words = command(server, tmp_path, options=options)[:-1]
        done = run([*words, "-l", server.user, "-s", "--", LOOPBACK, "sftp"])
    assert done.returncode == 0


def test_options_may_follow_the_host(tmp_path: Path) -> None:
    with openssh_server() as server:
        words = command(server, tmp_path)
        port = words.index("-p")
        moved = [*words[:port], *words[port + 2 :], "-p", str(server.port), "echo", "-p", "x"]
        done = run(moved)
    assert done.stdout == b"-p x\n"


def test_a_uri_is_a_destination(tmp_path: Path) -> None:
    with openssh_server() as server:
        words = command(server, tmp_path)[:-1]
        port = words.index("-p")
        uri = f"ssh://{server.user}@{LOOPBACK}:{server.port}"
        done = run([*words[:port], *words[port + 2 :], uri, "echo in"])
    assert done.stdout == b"in\n"


def test_a_signal_ends_it_with_255(tmp_path: Path) -> None:
    with openssh_server() as server:
        words = command(server, tmp_path, "echo up; cat")
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stdout.readline() == b"up\n"
            process.terminate()
            assert process.wait(60) == 255
