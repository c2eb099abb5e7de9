"""Errors as one line."""

import pytest

from pyssh.errors import (
    AuthenticationError,
    ChannelOpenError,
    ConnectionLost,
    Disconnected,
    HostKeyError,
    IntegrityError,
    NegotiationError,
    ProtocolError,
    VersionError,
)
from pyssh_cli.client.dial import UnreachableError
from pyssh_cli.client.report import report
from pyssh_cli.output import Level, Output
from pyssh_config.client import ClientConfig

ESCAPE = "\x1b[31m"


def _said(error: Exception) -> str:
    lines: list[str] = []

    def keep(_: Level, line: str) -> None:
        lines.append(line)

    report(error, ClientConfig.load("h", files=[]), Output("pyssh", sink=keep))
    assert len(lines) == 1
    assert ESCAPE not in lines[0]
    return lines[0]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (AuthenticationError("me@h: Permission denied (publickey)."), "me@h: Permission denied (publickey)."),
        (HostKeyError("Host key verification failed."), "Host key verification failed."),
        (UnreachableError("connect to host h"), "pyssh: connect to host h"),
        (
            Disconnected(2, f"too many{ESCAPE}"),
            r"pyssh: h port 22: the server disconnected: too many\x1b[31m (reason 2)",
        ),
        (
            ChannelOpenError(2, f"refused{ESCAPE}"),
            r"pyssh: h port 22: the server opens no channel: refused\x1b[31m (reason 2)",
        ),
        (ProtocolError("bad"), "pyssh: h port 22: the server broke the protocol: bad"),
        (
            IntegrityError(),
            "pyssh: h port 22: message authentication code incorrect: packet corrupted on its way",
        ),
        (
            ConnectionLost("the peer no longer answers"),
            "pyssh: h port 22: Timeout, server not responding (the peer no longer answers)",
        ),
        (ConnectionLost("early"), "pyssh: h port 22: Connection closed by remote host (early)"),
        (OSError(5, "Input/output error"), "pyssh: h port 22: Input/output error"),
        (TimeoutError(""), "pyssh: h port 22: timed out: the server does not answer"),
        (ValueError("odd"), "pyssh: h port 22: ValueError: odd"),
    ],
)
def test_lines(error: Exception, line: str) -> None:
    assert _said(error) == line


def test_a_bad_length_has_the_line_that_ssh_has_for_it() -> None:
    lines: list[str] = []
    output = Output("pyssh", sink=lambda _, line: lines.append(line))
    report(ProtocolError("bad packet length 16779520"), ClientConfig.load("h", files=[]), output)
    assert lines[0] == "Bad packet length 16779520."
    assert lines[1].startswith("pyssh: h port 22: the server broke the protocol: bad packet length")


def test_a_broken_connection_says_how_it_broke() -> None:
    error = ConnectionLost("lost")
    error.__cause__ = ConnectionResetError(104, "Connection reset by peer")
    assert _said(error).endswith(": the connection broke: Connection reset by peer")


def test_nothing_in_common_says_what_to_try() -> None:
    assert "-o KexAlgorithms=+NAME" in _said(NegotiationError("key exchange method", ("a",), ("b",)))
    assert "-c +NAME" in _said(NegotiationError("cipher", ("a",), ("b",)))


def test_what_is_no_ssh_server_is_told_from_silence() -> None:
    assert "it is not an SSH server" in _said(VersionError(f"a web server {ESCAPE}", "HTTP/1.1"))
    assert "it is not an SSH server" not in _said(VersionError("nothing came", ""))
