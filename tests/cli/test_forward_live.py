"""The live view of `pyssh forward` in a real terminal."""

import contextlib
import os
import shlex
import signal
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.support import forwarding as fw
from tests.support import peers
from tests.support.processes import LOOPBACK, free_port

CURSOR_HIDDEN, CURSOR_SHOWN = "\x1b[?25l", "\x1b[?25h"
LFLAG = 3


@pytest.fixture
def server() -> Iterator[peers.Server]:
    with peers.openssh_server() as running:
        yield running


@pytest.fixture
def echo() -> Iterator[int]:
    with fw.echo_server() as port:
        yield port


@contextlib.contextmanager
def terminal(words: list[str], *, width: int = 100, term: str = "xterm") -> Iterator[Any]:
    child = pexpect.spawn(
        words[0],
        words[1:],
        dimensions=(30, width),
        timeout=fw.SECONDS,
        encoding="utf-8",
        env=os.environ | {"TERM": term, "NO_COLOR": "1", "COLUMNS": "200"},
    )
    try:
        yield child
    finally:
        child.close(force=True)


def local(port: int, target: int) -> str:
    return f"-L{LOOPBACK}:{port}:{LOOPBACK}:{target}"


def cells(*texts: str) -> str:
    """A pattern for one line of the table; there are spaces and styles between its cells."""
    return r"(?: |\x1b\[[\d;]*m)+".join(texts)


def has_echo(child: Any) -> bool:
    return bool(termios.tcgetattr(child.child_fd)[LFLAG] & termios.ECHO)


def ended(child: Any) -> int:
    child.expect(pexpect.EOF)
    child.wait()
    assert child.signalstatus is None
    return int(child.exitstatus)


def test_a_table_with_live_numbers(server: peers.Server, echo: int, tmp_path: Path) -> None:
    here = free_port()
    with terminal(fw.command(server, tmp_path, local(here, echo))) as child:
        child.expect(r"\d\d:\d\d:\d\d forwarding through .* port ")
        child.expect(r"\d\d:\d\d:\d\d connected")
        child.expect(cells("listening on", "to", "now", "in all", "sent", "received"))
        child.expect(rf"-L {LOOPBACK}:{here} +{LOOPBACK}:{echo} +0 +0 +0 B +0 B")
        assert not has_echo(child)
        assert fw.ask(here, bytes(2048)) == bytes(2048)
        child.expect(rf"-L {LOOPBACK}:{here} +{LOOPBACK}:{echo} +0 +1 +2\.0 KiB +2\.0 KiB")
        child.sendintr()
        # the last state stays on the screen
        child.expect_exact(CURSOR_SHOWN)
        child.expect(rf"-L {LOOPBACK}:{here} +{LOOPBACK}:{echo} +0 +1 ")
        assert has_echo(child)
        assert ended(child) == 0


def test_a_narrow_terminal_gets_lines(server: peers.Server, echo: int, tmp_path: Path) -> None:
    here = free_port()
    with terminal(fw.command(server, tmp_path, local(here, echo)), width=50) as child:
        child.expect(
            f"-L {LOOPBACK}:{here}\r?\n +to {LOOPBACK}:{echo}\r?\n +0 now, 0 in all\r?\n +sent 0 B, 0 B/s"
        )
        child.setwinsize(30, 100)
        child.expect(cells("listening on", "to", "now"))
        child.setwinsize(30, 50)
        child.expect("0 now, 0 in all")
        child.kill(signal.SIGTERM)
        assert ended(child) == 0


def test_the_table_stays_while_it_connects_again(server: peers.Server, echo: int, tmp_path: Path) -> None:
    here = free_port()
    with terminal(fw.command(server, tmp_path, local(here, echo))) as child:
        child.expect("listening on")
        assert fw.ask(here) == b"hello"
        server.running.close()
        child.expect("disconnected: ")
        child.expect("trying again in 1 s; the listeners stay")
        child.expect("port .*: Connection refused")
        child.expect("trying again in 2 s")
        child.expect(rf"-L {LOOPBACK}:{here} +{LOOPBACK}:{echo} +0 +1 +5 B")
        child.sendintr()
        assert ended(child) == 0


def test_a_lost_connection_with_once_restores_the_terminal(
    server: peers.Server, echo: int, tmp_path: Path
) -> None:
    with terminal(fw.command(server, tmp_path, "--once", local(free_port(), echo))) as child:
        child.expect("listening on")
        fw.end_sessions(server)
        child.expect(f"pyssh forward: {LOOPBACK}: ")
        child.expect_exact(CURSOR_SHOWN)
        assert has_echo(child)
        assert ended(child) == 255


def test_a_terminal_that_cannot_draw_gets_lines(server: peers.Server, echo: int, tmp_path: Path) -> None:
    with terminal(fw.command(server, tmp_path, local(free_port(), echo)), term="dumb") as child:
        child.expect("\nlistening: -L ")
        child.sendintr()
        assert ended(child) == 0


def test_it_can_be_stopped_and_continued(server: peers.Server, echo: int, tmp_path: Path) -> None:
    # a shell with job control; the view must give it a sane terminal
    with terminal(["/bin/bash", "--norc", "--noprofile", "-i"]) as child:
        child.sendline("PS1='rea''dy> '")
        child.expect("ready> ")
        child.sendline(shlex.join(fw.command(server, tmp_path, local(free_port(), echo))))
        child.expect("listening on")
        child.expect_exact("0 B/s")
        child.send("\x1a")
        child.expect_exact(CURSOR_SHOWN)
        child.expect("Stopped.*ready> ")
        child.sendline("fg")
        child.expect_exact(CURSOR_HIDDEN)
        child.expect("listening on")
        child.sendintr()
        child.expect("ready> ")
        child.sendline("echo status $?; exit")
        child.expect("status 0")
        child.expect(pexpect.EOF)


def test_a_password_is_asked_for_on_the_terminal_first(echo: int, tmp_path: Path) -> None:
    with peers.asyncssh_server(password="open sesame") as server:
        (tmp_path / "known_hosts").write_text(server.known_hosts())
        known_hosts = f"UserKnownHostsFile={tmp_path}/known_hosts"
        words = [*fw.PROGRAM, "-F", "none", "-p", str(server.port), "-o", known_hosts]
        only_password = ("-o", "PreferredAuthentications=password")
        with terminal([*words, *only_password, local(free_port(), echo), f"me@{LOOPBACK}"]) as child:
            child.expect("'s password: ")
            assert not has_echo(child)
            child.sendline("open sesame")
            child.expect("listening on")
            child.sendintr()
            assert ended(child) == 0
