"""pyssh-server turns away who misbehaves: PerSourcePenalties, PerSourceMaxStartups, with real clients."""

import contextlib
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.processes import LOOPBACK
from tests.support.pyssh_server import PysshServer, pyssh_server

SECONDS = 60.0


def _code(server: PysshServer, *, user: str = "", key: Path | None = None) -> int:
    words = peers.ssh_command(server.port, key or server.identity, "true", user=user or server.user)
    return subprocess.run(words, capture_output=True, check=False, timeout=SECONDS).returncode


def _is_dropped(server: PysshServer) -> bool:
    """Whether a connection is closed before anything is said."""
    with socket.create_connection((LOOPBACK, server.port), SECONDS) as sock, contextlib.suppress(OSError):
        return not sock.recv(1)
    return True


@pytest.mark.parametrize(
    ("offence", "reason"),
    [
        ("authfail", "penalty: failed authentication"),
        ("invaliduser", "penalty: attempted authentication by invalid user"),
        ("noauth", "penalty: connections without attempting authentication"),
    ],
)
def test_who_misbehaves_is_turned_away(tmp_path: Path, offence: str, reason: str) -> None:
    other = peers.make_key(tmp_path / "other")
    with pyssh_server(tmp_path, "-o", f"PerSourcePenalties={offence}:300 min:400") as server:
        for _ in range(2):
            # who has paid nothing, or not enough yet, gets in
            assert _code(server) == 0
            if offence == "noauth":
                socket.create_connection((LOOPBACK, server.port)).close()
            else:
                user = "nobody-here" if offence == "invaliduser" else ""
                assert _code(server, user=user, key=other) == 255
        server.running.wait_for(f"new penalty of .* seconds: {reason.removeprefix('penalty: ')}")
        assert _is_dropped(server)
        server.running.wait_for(f"dropped: {reason}")


def test_the_time_to_log_in_has_its_price(tmp_path: Path) -> None:
    options = ("-o", "PerSourcePenalties=grace-exceeded:300", "-o", "LoginGraceTime=1")
    with pyssh_server(tmp_path, *options) as server:
        with socket.create_connection((LOOPBACK, server.port), SECONDS) as sock:
            while sock.recv(1000):
                pass
        server.running.wait_for("new penalty of .* seconds: exceeded LoginGraceTime")
        assert _is_dropped(server)


def test_some_addresses_are_exempt(tmp_path: Path) -> None:
    options = ("-o", "PerSourcePenalties=noauth:300", "-o", f"PerSourcePenaltyExemptList={LOOPBACK}/32")
    with pyssh_server(tmp_path, "-v", *options) as server:
        for _ in range(3):
            socket.create_connection((LOOPBACK, server.port)).close()
        server.running.wait_for("Connection from .* failed before login")
        assert _code(server) == 0


def test_one_source_may_have_so_many_that_wait(tmp_path: Path) -> None:
    with pyssh_server(tmp_path, "-o", "PerSourceMaxStartups=2") as server, contextlib.ExitStack() as stack:
        for _ in range(2):
            sock = stack.enter_context(socket.create_connection((LOOPBACK, server.port), SECONDS))
            assert sock.recv(4) == b"SSH-"
        assert _is_dropped(server)
        server.running.wait_for(rf"dropped: PerSourceMaxStartups \(2 from {LOOPBACK}/32 not logged in\)")
