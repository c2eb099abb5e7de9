"""A login that fails: one line for programs, and on a terminal what was tried."""

from pathlib import Path

import pexpect
import pytest

from tests.support import peers
from tests.support.peers import make_key, openssh_server
from tests.support.pyssh_client import PYSSH, SECONDS, command, run


@pytest.mark.parametrize("agent", ["none", "/no/such/socket"])
def test_permission_denied(tmp_path: Path, agent: str) -> None:
    peers.require(peers.NEWEST)
    with openssh_server() as server:
        wrong = make_key(tmp_path / "wrong")
        options = ["-o", "PasswordAuthentication=no", "-o", "KbdInteractiveAuthentication=no"]
        words = command(server, tmp_path, "true", options=[*options, "-o", f"IdentityAgent={agent}"])
        words[words.index(str(server.identity))] = str(wrong)
        line = f"{server.user}@127.0.0.1: Permission denied (publickey,password,keyboard-interactive)."
        done = run(words)
        assert (done.returncode, done.stderr.decode()) == (255, f"{line}\n")
        child = pexpect.spawn(words[0], words[1:], timeout=SECONDS, encoding="utf-8", dimensions=(50, 300))
        child.expect(pexpect.EOF)
        child.close()
        said = child.before or ""
        assert child.exitstatus == 255
        assert line in said
        assert f"{wrong} (ssh-ed25519 " in said
        assert "from the command line: the server does not take this key for this user" in said
        assert "What to do next:" in said
        assert ("cannot be reached" in said) is (agent != "none")
        assert words[: len(PYSSH)] == PYSSH


@pytest.mark.parametrize(("level", "said"), [("ERROR", True), ("QUIET", False)])
def test_a_lost_connection_is_told_as_an_error(tmp_path: Path, level: str, said: bool) -> None:
    peers.require(peers.NEWEST)
    with openssh_server() as server:
        # the parent is sshd's process for this connection
        options = ["-o", f"LogLevel={level}"]
        done = run(command(server, tmp_path, "kill -KILL $PPID", options=options))
    assert done.returncode == 255
    assert (b"Connection to 127.0.0.1 closed by remote host" in done.stderr) is said
