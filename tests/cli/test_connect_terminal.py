"""`pyssh host` in a real terminal: raw mode and its end, resizing, escapes, questions."""

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.support import peers
from tests.support.forwarding import ask, ask_socks, echo_server, receive
from tests.support.peers import Server, dropbear_server, openssh_server
from tests.support.processes import LOOPBACK, Account, free_port
from tests.support.pyssh_client import PYSSH, arguments, command, destination

SECONDS = 60
PROMPT = "READY> "


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    peers.require(peers.ROOT)
    guest = Account("guest", "secret", tmp_path_factory.mktemp("home") / "guest")
    with openssh_server(accounts=[guest], lines=["PasswordAuthentication yes"]) as started:
        yield started


def _spawn(words: list[str], **environ: str) -> Any:
    # TERM is one that every machine knows
    environment = os.environ | {"TERM": "xterm", "PS1": PROMPT} | environ
    return pexpect.spawn(
        words[0], words[1:], timeout=SECONDS, encoding="utf-8", dimensions=(30, 100), env=environment
    )


def _shell(server: Server, folder: Path, *options: str) -> Any:
    """Start a plain shell on the server in a terminal, so that no login files speak."""
    child = _spawn(command(server, folder, f"PS1='{PROMPT}' exec sh -i", options=["-t", *options]))
    child.expect_exact(PROMPT)
    return child


def _wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)


def _modes(child: Any) -> list[Any]:
    return termios.tcgetattr(child.child_fd)


def _close(child: Any) -> int:
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus is not None
    return int(child.exitstatus)


def test_a_login_shell_has_our_terminal(server: Server, tmp_path: Path) -> None:
    child = _spawn(command(server, tmp_path))
    child.sendline("tty && stty size && echo $TERM; exit 3")
    child.expect(r"/dev/pts/\d+\r\n30 100\r\nxterm\r\n")
    child.expect_exact(f"Connection to {LOOPBACK} closed.")
    assert _close(child) == 3


@pytest.mark.parametrize(
    "start", [lambda: openssh_server(peers.DISTRIBUTION), dropbear_server], ids=["openssh-9.2", "dropbear"]
)
def test_other_servers_give_a_terminal_too(
    start: Callable[[], contextlib.AbstractContextManager[Server]], tmp_path: Path
) -> None:
    peers.require(peers.ROOT)
    with start() as other:
        child = _spawn(command(other, tmp_path))
        child.sendline("tty && stty size; exit 6")
        child.expect(r"/dev/pts/\d+\r\n30 100\r\n")
        assert _close(child) == 6


def test_the_terminal_is_raw_and_then_as_it_was(server: Server, tmp_path: Path) -> None:
    words = shlex.join(command(server, tmp_path, "echo up; cat", options=["-tt"]))
    child = _spawn(["sh", "-c", f"stty -echonl; stty -g; {words}; stty -g"])
    child.expect(r"([0-9a-f:]{20,})\r\n")
    before = child.match[1]
    child.expect_exact("up\r\n")
    assert not _modes(child)[3] & (termios.ECHO | termios.ICANON | termios.ISIG)
    child.send("\x04")
    child.expect(r"([0-9a-f:]{20,})\r\n")
    assert child.match[1] == before
    assert _close(child) == 0


def test_control_c_goes_to_the_other_side(server: Server, tmp_path: Path) -> None:
    child = _shell(server, tmp_path)
    child.sendline("sleep 100")
    child.expect_exact("sleep 100\r\n")
    child.send("\x03")
    child.expect_exact(PROMPT)
    child.sendline("exit 5")
    assert _close(child) == 5


def test_a_resize_reaches_the_other_side(server: Server, tmp_path: Path) -> None:
    child = _shell(server, tmp_path)
    child.sendline("trap 'stty size' WINCH; echo set")
    child.expect_exact("set\r\n")
    child.setwinsize(40, 120)
    child.sendline("")
    child.expect_exact("40 120")
    child.sendline("exit")
    _close(child)


def test_escape_characters(server: Server, tmp_path: Path) -> None:
    child = _shell(server, tmp_path)
    child.send("\r~?")
    child.expect_exact("end the connection")
    child.send("\r~#")
    child.expect_exact("the session")
    child.send("\recho ~~ ~. \r")
    child.expect_exact("~~ ~.")
    child.send("~~:\r")
    child.expect("~:")
    child.send("\r~v")
    child.expect_exact("LogLevel VERBOSE")
    child.send("\r~R\r")
    child.expect_exact(PROMPT)
    child.send("\r~.")
    child.expect_exact(f"Connection to {LOOPBACK} closed.")
    assert _close(child) == 255


def _command_line(child: Any, line: str, answer: str) -> None:
    child.send("\r~C")
    child.expect_exact("ssh> ")
    child.sendline(line)
    child.expect(answer)


def test_the_command_line_makes_and_ends_forwards(server: Server, tmp_path: Path) -> None:
    here, there, socks = free_port(), free_port(), free_port()
    options = ("-o", "EnableEscapeCommandline=yes", "-o", "PermitLocalCommand=yes")
    child = _shell(server, tmp_path, *options)
    with echo_server() as target:
        _command_line(child, f"-L {here}:localhost:{target}", "Forwarding port.")
        assert ask(here) == b"hello"
        _command_line(child, f"-R {there}:localhost:{target}", "Forwarding port.")
        assert ask(there) == b"hello"
        _command_line(child, f"D{socks}", "Forwarding port.")
        assert ask_socks(socks, target) == b"hello"
        _command_line(child, f"-KL {here}", "Canceled forwarding.")
        _command_line(child, f"-KD {socks}", "Canceled forwarding.")
        _command_line(child, f"-KR {there}", "Canceled forwarding.")
        for port in (here, socks):
            with pytest.raises(ConnectionRefusedError):
                ask(port)
        _command_line(child, f"-KL {here}", f"Unknown port forwarding: {here}")
        _command_line(child, f"-L {free_port()}", "Bad forwarding specification: .* is not a forwarding")
        _command_line(child, f"-L {target}:localhost:1", "Port forwarding failed.")
    _command_line(child, "!echo local $((40 + 2))", "local 42")
    _command_line(child, "nonsense", "Invalid command.")
    _command_line(child, "help", "!args")
    # the session goes on, in raw mode
    child.sendline("exit 7")
    assert _close(child) == 7


def test_the_command_line_is_there_when_it_is_wished(server: Server, tmp_path: Path) -> None:
    child = _shell(server, tmp_path)
    child.send("\r~?")
    child.expect_exact("~? ")
    assert "~C" not in child.before
    child.send("\r~C")
    child.expect_exact("commandline disabled")
    child.sendline("exit 8")
    assert _close(child) == 8


def test_in_the_background_what_is_open_goes_on(server: Server, tmp_path: Path) -> None:
    port = free_port()
    with echo_server() as target:
        child = _shell(server, tmp_path, "-L", f"{port}:localhost:{target}")
        with socket.create_connection((LOOPBACK, port), SECONDS) as open_one:
            open_one.sendall(b"one")
            assert receive(open_one, 3) == b"one"
            child.send("\r~&")
            child.expect_exact("[backgrounded]")
            assert _close(child) == 0
            with pytest.raises(ConnectionRefusedError):
                ask(port)
            open_one.sendall(b"two")
            assert receive(open_one, 3) == b"two"


@pytest.mark.parametrize("value", ["yes", "no"])
def test_keystrokes_leave_on_a_beat_with_pings_behind_them(
    server: Server, tmp_path: Path, value: str
) -> None:
    log = tmp_path / "log"
    child = _shell(server, tmp_path, "-E", str(log), "-vvv", "-o", f"ObscureKeystrokeTiming={value}")
    child.sendline("echo one two")
    child.expect_exact("one two\r\n")
    child.expect_exact(PROMPT)
    if value == "yes":
        _wait_for(lambda: "nothing was typed for a while" in log.read_text())
    child.sendline("exit 4")
    assert _close(child) == 4
    # for a second at least, every 20 ms; a loaded machine misses some
    pings = log.read_text().count("sent Ping(")
    assert pings > 10 if value == "yes" else not pings


def test_keystrokes_need_a_server_with_pings(tmp_path: Path) -> None:
    with openssh_server(peers.DISTRIBUTION) as older:
        log = tmp_path / "log"
        child = _shell(older, tmp_path, "-E", str(log), "-vvv")
        child.sendline("exit 5")
        assert _close(child) == 5
        assert "keystroke timing is not obscured" in log.read_text()
        assert "sent Ping(" not in log.read_text()


def test_another_escape_character_and_none(server: Server, tmp_path: Path) -> None:
    child = _shell(server, tmp_path, "-e", "^A")
    child.send("\r~.\r")
    child.expect_exact(PROMPT)
    child.send("\r\x01.")
    assert _close(child) == 255
    child = _shell(server, tmp_path, "-e", "none")
    child.send("\r~.\r")
    child.expect_exact(PROMPT)
    child.sendline("exit 4")
    assert _close(child) == 4


def test_suspend_gives_the_terminal_back_and_takes_it_again(server: Server, tmp_path: Path) -> None:
    words = shlex.join(command(server, tmp_path, f"PS1='{PROMPT}' exec sh -i", options=["-t"]))
    child = _spawn(["bash", "--norc", "--noprofile", "-i"], PS1="LOCAL> ")
    child.expect_exact("LOCAL> ")
    child.sendline(words)
    child.expect_exact(PROMPT)
    child.send("\r~\x1a")
    child.expect_exact("LOCAL> ")
    child.sendline("stty -a | tr ' ;' '\\n\\n' | grep -cx -e icanon -e echo -e isig")
    child.expect(r"[\r\n]3\r\n")
    child.sendline("fg")
    child.expect_exact("fg\r\n")
    child.sendline("echo back-$((1 + 1))")
    child.expect_exact("back-2")
    child.sendline("exit")
    child.expect_exact("LOCAL> ")
    child.sendline("exit")
    _close(child)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_leave_the_terminal_as_it_was(server: Server, tmp_path: Path, number: signal.Signals) -> None:
    child = _shell(server, tmp_path)
    assert not _modes(child)[3] & termios.ECHO
    child.kill(number)
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 255


def test_a_crash_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    program = (
        "from pyssh_cli.client.terminal import LocalTerminal; t = LocalTerminal(); t.enter_raw(); "
        "print('raw', flush=True); raise SystemError"
    )
    path = os.pathsep.join(map(str, (Path(PYSSH[1]).parent / name for name in ("", "cli", "config"))))
    child = _spawn(["sh", "-c", f'{sys.executable} -c "{program}" 2>/dev/null; stty -a'], PYTHONPATH=path)
    child.expect_exact("raw")
    child.expect(r"\bicanon\b")
    child.expect(r"[^-]\becho\b")
    child.expect(pexpect.EOF)


def test_a_question_about_an_unknown_host(server: Server, tmp_path: Path) -> None:
    known = tmp_path / "known"
    words = command(server, tmp_path, "echo in", options=["-o", f"UserKnownHostsFile={known}"])
    child = _spawn(words)
    child.expect(r"fingerprint is (SHA256:\S+)")
    fingerprint = child.match[1]
    child.expect_exact("(yes/no/[fingerprint])? ")
    child.sendline("maybe")
    child.expect_exact("Please type 'yes', 'no' or the fingerprint: ")
    child.sendline("no")
    child.expect_exact("Host key verification failed.")
    assert _close(child) == 255
    child = _spawn(words)
    child.expect_exact("(yes/no/[fingerprint])? ")
    child.sendline(fingerprint)
    child.expect_exact("Permanently added")
    child.expect_exact("in\r\n")
    assert _close(child) == 0


def _guest(server: Server, folder: Path, *words: str) -> list[str]:
    options = arguments(server, folder, "-o", "PubkeyAuthentication=no")
    return [*PYSSH, *options, f"guest@{LOOPBACK}", *words]


def test_a_password_is_asked_for_without_echo(server: Server, tmp_path: Path) -> None:
    child = _spawn(_guest(server, tmp_path, "echo in"))
    for password, before in (("wrong", ""), ("secret", "Permission denied, please try again.")):
        child.expect_exact(f"guest@{LOOPBACK}'s password: ")
        assert before in child.before
        child.waitnoecho()
        child.sendline(password)
    child.expect_exact("in\r\n")
    assert "secret" not in child.before
    assert _close(child) == 0


def test_three_wrong_passwords_are_the_end(server: Server, tmp_path: Path) -> None:
    child = _spawn(_guest(server, tmp_path))
    for _ in range(3):
        child.expect_exact("password: ")
        child.waitnoecho()
        child.sendline("wrong")
    child.expect(r"Permission denied \(\S*password\S*\)\.")
    assert _close(child) == 255


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_question_broken_off_restores_the_echo(
    server: Server, tmp_path: Path, number: signal.Signals
) -> None:
    words = shlex.join(_guest(server, tmp_path))
    child = _spawn(["bash", "--norc", "--noprofile", "-i"], PS1="LOCAL> ")
    child.expect_exact("LOCAL> ")
    child.sendline(words)
    child.expect_exact("password: ")
    child.waitnoecho()
    if number is signal.SIGINT:
        child.send("\x03")
    else:
        os.kill(_foreground(child), number)
    child.expect_exact("LOCAL> ")
    child.sendline("stty -a | tr ' ;' '\\n\\n' | grep -cx -e icanon -e echo -e isig")
    child.expect(r"[\r\n]3\r\n")
    child.sendline("exit")
    _close(child)


def _foreground(child: Any) -> int:
    return os.tcgetpgrp(child.child_fd)


def test_without_a_terminal_none_is_asked_for(server: Server, tmp_path: Path) -> None:
    done = subprocess.run(
        command(server, tmp_path), input=b"tty; exit 2\n", capture_output=True, check=False, timeout=SECONDS
    )
    assert re.search(rb"not a tty\n$", done.stdout)
    assert b"Pseudo-terminal will not be allocated because stdin is not a terminal." in done.stderr
    assert done.returncode == 2


def test_a_terminal_can_be_forced(server: Server, tmp_path: Path) -> None:
    words = [*command(server, tmp_path, options=["-tt"])[:-1], destination(server), "tty"]
    done = subprocess.run(words, capture_output=True, check=False, timeout=SECONDS, stdin=subprocess.DEVNULL)
    assert done.stdout.startswith(b"/dev/pts/")
    assert done.returncode == 0
