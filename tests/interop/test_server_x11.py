"""X11 forwarding by pyssh-server, with the newest ssh as client and with pyssh: display, cookie, refusals."""

import contextlib
import os
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.processes import LOOPBACK, Account
from tests.support.pyssh_client import PYSSH
from tests.support.pyssh_server import PysshServer, pyssh_server
from tests.support.x11 import CLIENT, COOKIE, FIRST_PORT, PROTOCOL, require_xauth, x_server

X11 = ("-o", "X11Forwarding=yes")
SHOW = "echo ${DISPLAY-none}"


@contextlib.contextmanager
def _server(folder: Path, *options: str, key_options: str = "") -> Iterator[PysshServer]:
    """A server whose sessions have an Xauthority of their own; not the file of who runs the test."""
    require_xauth()
    authority = folder / "remote-Xauthority"
    authority.touch(mode=0o600)
    with pyssh_server(
        folder, *options, "-o", f"SetEnv=XAUTHORITY={authority}", key_options=key_options
    ) as started:
        yield started


def _run(words: Sequence[str], environ: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        words, env=os.environ | environ, capture_output=True, text=True, check=False, timeout=120
    )


def _client(order: str) -> str:
    return shlex.join([sys.executable, "-c", CLIENT, order])


def _pyssh(server: PysshServer, *words: str, options: Sequence[str] = ()) -> list[str]:
    known = server.identity.parent / "known"
    known.write_text(f"[{LOOPBACK}]:{server.port} {server.host_key.read_text()}")
    own = ("-F", "none", "-i", str(server.identity), "-p", str(server.port))
    files = ("-o", f"UserKnownHostsFile={known}", "-o", "GlobalKnownHostsFile=none", "-o", "BatchMode=yes")
    return [*PYSSH, *own, *files, *options, f"{server.user}@{LOOPBACK}", *words]


@pytest.mark.parametrize("client", ["ssh", "pyssh"])
@pytest.mark.parametrize("order", ["B", "l"])
def test_programs_reach_the_display(tmp_path: Path, client: str, order: str) -> None:
    with _server(tmp_path, *X11) as server, x_server(tmp_path) as display:
        words = (server.ssh if client == "ssh" else lambda *w, options: _pyssh(server, *w, options=options))(
            _client(order), options=["-Y"]
        )
        done = _run(words, display.environ)
    remote_display, fake, answer = done.stdout.split()
    assert remote_display.startswith("localhost:")
    assert int(remote_display.partition(":")[2].partition(".")[0]) >= 10
    assert bytes.fromhex(fake) != COOKIE
    assert answer == "welcome"
    assert display.seen == [(order.encode(), PROTOCOL, COOKIE)]


def test_displays_begin_at_the_offset_and_end_with_their_session(tmp_path: Path) -> None:
    with (
        _server(tmp_path, *X11, "-o", "X11DisplayOffset=61") as server,
        x_server(tmp_path) as display,
        # somebody has the first one
        socket.create_server((LOOPBACK, FIRST_PORT + 61)),
    ):
        done = _run(server.ssh(SHOW, options=["-Y"]), display.environ)
        assert done.stdout == "localhost:62.0\n"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((LOOPBACK, FIRST_PORT + 62))


@pytest.mark.parametrize(
    ("options", "key_options", "reason"),
    [
        ((), "", "X11Forwarding is no"),
        (X11, "no-X11-forwarding", "the key does not allow it"),
        (X11, "restrict", "the key does not allow it"),
        ((*X11, "-o", "DisableForwarding=yes"), "", "DisableForwarding is yes"),
        ((*X11, "-o", "XAuthLocation=/nonexistent"), "", "no xauth program at /nonexistent"),
    ],
)
def test_who_may_not_has_none(tmp_path: Path, options: Sequence[str], key_options: str, reason: str) -> None:
    with _server(tmp_path, *options, key_options=key_options) as server, x_server(tmp_path) as display:
        done = _run(server.ssh(SHOW, options=["-Y"]), display.environ)
        server.running.wait_for(reason)
    assert done.stdout == "none\n"
    assert "X11 forwarding request failed" in done.stderr


def test_a_restricted_key_may_get_it_back(tmp_path: Path) -> None:
    with (
        _server(tmp_path, *X11, key_options="restrict,X11-forwarding") as server,
        x_server(tmp_path) as display,
    ):
        assert _run(server.ssh(SHOW, options=["-Y"]), display.environ).stdout.startswith("localhost:")


def test_another_user_has_the_cookie_in_a_file_of_their_own(tmp_path: Path) -> None:
    peers.require(peers.ROOT)
    require_xauth()
    # pytest's own folders are for root alone
    with tempfile.TemporaryDirectory(prefix="x11-", dir="/tmp") as name, x_server(tmp_path) as display:
        folder = Path(name)
        folder.chmod(0o755)
        guest = Account("guest", "secret", folder / "guest")
        with pyssh_server(folder, *X11, accounts=[guest]) as server:
            script = "stat -c '%U %a' ~/.Xauthority; xauth list $DISPLAY"
            done = _run(server.ssh(script, options=["-Y"]), display.environ)
    owner, entry = done.stdout.splitlines()
    assert owner == "guest 600"
    assert PROTOCOL.decode() in entry
