"""The peers work with one another: what fails later is then ours."""

import subprocess
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.processes import Account


def output(command: list[str]) -> str:
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("client", [peers.NEWEST, peers.DISTRIBUTION], ids=repr)
@pytest.mark.parametrize("server", [peers.NEWEST, peers.DISTRIBUTION], ids=repr)
def test_openssh_logs_into_openssh(server: peers.OpenSSH, client: peers.OpenSSH) -> None:
    with peers.openssh_server(server) as running:
        assert (
            output(peers.ssh_command(running.port, running.identity, "echo", "hello", peer=client))
            == "hello\n"
        )


def test_openssh_logs_into_openssh_with_extra_account(tmp_path: Path) -> None:
    guest = Account("guest", "guest", tmp_path / "home")
    with peers.openssh_server(accounts=[guest], lines=["PasswordAuthentication yes"]) as running:
        assert (
            output(peers.ssh_command(running.port, running.identity, "id", "-un", user="guest")) == "guest\n"
        )


def test_openssh_logs_into_dropbear() -> None:
    with peers.dropbear_server() as running:
        assert (
            output(peers.ssh_command(running.port, running.identity, "id", "-un", user=running.user))
            == "guest\n"
        )


def test_dropbear_logs_into_openssh() -> None:
    with peers.openssh_server() as running:
        assert output(peers.dbclient_command(running.port, running.identity, "echo", "hello")) == "hello\n"


def test_plink_logs_into_openssh() -> None:
    with peers.openssh_server() as running:
        listed = output([str(peers.NEWEST.path("ssh-keygen")), "-l", "-f", str(running.host_keys[0])])
        command = peers.plink_command(running.port, running.identity, listed.split()[1], "echo", "hello")
        assert output(command) == "hello\n"


def test_openssh_logs_into_asyncssh() -> None:
    with peers.asyncssh_server(encryption_algs=["aes128-ctr"]) as running:
        assert output(peers.ssh_command(running.port, running.identity, "echo", "hello")) == "hello\n"
