"""Clients of other makes log in to pyssh-server: Dropbear, PuTTY, AsyncSSH, Paramiko, an older OpenSSH."""

import asyncio
import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyssh_cli.server.passwords import hash_password
from tests.support import peers
from tests.support.pyssh_server import PysshServer, pyssh_server

SECONDS = 60.0
PASSWORD = "correct horse"
DIGEST = "sha256sum"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PysshServer]:
    with pyssh_server(tmp_path_factory.mktemp("clients"), "-v") as running:
        yield running


@pytest.fixture(scope="module")
def password_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PysshServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSSH_PASSWORD", PASSWORD)
        folder = tmp_path_factory.mktemp("password")
        with pyssh_server(folder, "-v", "--user", peers.current_user()) as running:
            yield running


@pytest.fixture
def megabyte() -> bytes:
    return os.urandom(1 << 20)


def hashed(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def check(command: list[str], data: bytes) -> None:
    done = subprocess.run(command, input=data, capture_output=True, timeout=SECONDS, check=False)
    assert done.stdout.split()[:1] == [hashed(data)], done.stderr
    assert done.returncode == 0


def test_older_openssh(server: PysshServer, megabyte: bytes) -> None:
    check(peers.ssh_command(server.port, server.identity, DIGEST, peer=peers.DISTRIBUTION), megabyte)


def test_dropbear(server: PysshServer, megabyte: bytes) -> None:
    check(peers.dbclient_command(server.port, server.identity, DIGEST), megabyte)


def test_dropbear_gets_the_status(server: PysshServer) -> None:
    command = peers.dbclient_command(server.port, server.identity, "exit 9")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=SECONDS, check=False)
    assert done.returncode == 9


def test_putty(server: PysshServer, megabyte: bytes) -> None:
    peers.require(peers.PUTTY)
    keygen = peers.require(peers.NEWEST).path("ssh-keygen")
    listed = subprocess.run([keygen, "-l", "-f", server.host_key], capture_output=True, text=True, check=True)
    fingerprint = listed.stdout.split()[1]
    check(peers.plink_command(server.port, server.identity, fingerprint, DIGEST), megabyte)


def asyncssh_options(server: PysshServer, **more: Any) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": server.port,
        "username": server.user,
        "known_hosts": None,
        "config": None,
        "agent_path": None,
    } | more


async def test_asyncssh(server: PysshServer, megabyte: bytes) -> None:
    peers.require(peers.ASYNCSSH)
    import asyncssh  # noqa: PLC0415  # a peer may be missing

    options = asyncssh_options(server, client_keys=[str(server.identity)])
    async with asyncssh.connect(**options) as connection:
        both = [connection.run(DIGEST, input=megabyte, encoding=None) for _ in range(3)]
        for done in await asyncio.gather(*both):
            assert done.stdout is not None
            assert done.stdout.split()[0] == hashed(megabyte)
        killed = await connection.run("kill -TERM $$")
        assert killed.exit_signal is not None
        assert killed.exit_signal[0] == "TERM"
        for _ in range(10):
            # most of these come before the program has been started
            process = await connection.create_process("sleep 1000; true")
            process.send_signal("TERM")
            terminated = await process.wait()
            assert terminated.exit_signal is not None
            assert terminated.exit_signal[0] == "TERM"
        shown = await connection.run("stty size", term_type="vt100", term_size=(99, 44))
        assert str(shown.stdout).split() == ["44", "99"]


@pytest.mark.parametrize("methods", [["password"], ["keyboard-interactive"]])
async def test_asyncssh_with_a_password(password_server: PysshServer, methods: list[str]) -> None:
    peers.require(peers.ASYNCSSH)
    import asyncssh  # noqa: PLC0415  # a peer may be missing

    options = asyncssh_options(password_server, client_keys=None, preferred_auth=methods)
    async with asyncssh.connect(**options, password=PASSWORD) as connection:
        assert (await connection.run("echo in")).stdout == "in\n"
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect(**options, password="wrong")
    assert PASSWORD not in password_server.log
    assert "the password is wrong" in password_server.log


async def test_unknown_users_are_offered_the_same(password_server: PysshServer) -> None:
    peers.require(peers.ASYNCSSH)
    import asyncssh  # noqa: PLC0415  # a peer may be missing

    options = asyncssh_options(password_server, client_keys=None, password=PASSWORD)
    with pytest.raises(asyncssh.PermissionDenied) as caught:
        await asyncssh.connect(**options | {"username": "nobody-here"})
    assert "nobody-here" not in str(caught.value) or "Permission denied" in str(caught.value)
    assert "Invalid user nobody-here" in password_server.log


def test_paramiko(server: PysshServer, megabyte: bytes) -> None:
    peers.require(peers.PARAMIKO)
    import paramiko  # noqa: PLC0415  # a peer may be missing

    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(
        "127.0.0.1",
        server.port,
        server.user,
        key_filename=str(server.identity),
        allow_agent=False,
        look_for_keys=False,
        timeout=SECONDS,
    )
    try:
        stdin, stdout, _ = client.exec_command(DIGEST, timeout=SECONDS)
        stdin.write(megabyte)
        stdin.channel.shutdown_write()
        assert stdout.read().split()[0] == hashed(megabyte)
        assert stdout.channel.recv_exit_status() == 0
        shell = client.invoke_shell("vt100", 77, 22)
        shell.settimeout(SECONDS)
        shell.sendall(b"stty size; exit\n")
        said = b""
        while piece := shell.recv(4096):
            said += piece
        assert b"22 77" in said
    finally:
        client.close()


def test_a_password_file(tmp_path: Path) -> None:
    peers.require(peers.PARAMIKO)
    import paramiko  # noqa: PLC0415  # a peer may be missing

    user = peers.current_user()
    (tmp_path / "passwords").write_text(f"# ours\n{user}:{hash_password('secret')}\n")
    with pyssh_server(tmp_path, "--password-file", str(tmp_path / "passwords")) as server:
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        settings: dict[str, Any] = {"allow_agent": False, "look_for_keys": False, "timeout": SECONDS}
        with pytest.raises(paramiko.AuthenticationException):
            client.connect("127.0.0.1", server.port, user, password="Secret", **settings)
        client.connect("127.0.0.1", server.port, user, password="secret", **settings)
        client.close()
