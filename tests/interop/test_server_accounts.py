"""pyssh-server as root logs users in as themselves, and reads nothing of theirs with its own rights."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cryptography
import pytest

from tests.support import peers
from tests.support.processes import LOOPBACK, Account, RunningProcess, free_port, namespace
from tests.support.pyssh_server import COMMAND, PysshServer, pyssh_server

SECONDS = 30.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # below the root, since the accounts must reach their homes; pytest's own folders are for root alone
    path = Path("/tmp") / f"accounts-{os.getpid()}"
    path.mkdir(mode=0o755)
    return path


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[PysshServer]:
    peers.require(peers.NEWEST)
    peers.require(peers.ROOT)
    guest = Account("guest", "secret", folder / "guest")
    other = Account("other", "secret", folder / "other", uid=4243)
    with pyssh_server(folder, "-v", accounts=[guest, other]) as running:
        yield running
    subprocess.run(["rm", "-rf", folder], check=True)


def run(server: PysshServer, *words: str, user: str, options: tuple[str, ...] = ()) -> str:
    done = subprocess.run(
        server.ssh(*words, user=user, options=options),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    return done.stdout


def rights(status: str) -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)


@pytest.mark.parametrize("options", [(), ("-tt",)])
def test_everything_is_dropped(server: PysshServer, options: tuple[str, ...]) -> None:
    found = rights(run(server, "cat /proc/self/status; pwd", user="guest", options=options))
    assert found["Uid"].split() == ["4242"] * 4
    assert found["Gid"].split() == ["4242"] * 4
    assert found["Groups"].split() == ["4242"]
    assert int(found["CapEff"], 16) == 0
    assert int(found["CapPrm"], 16) == 0


def test_each_has_a_home_and_a_terminal_of_their_own(server: PysshServer) -> None:
    for user in ("guest", "other"):
        said = run(server, "pwd; stat -c %U $(tty); stat -c %a $(tty)", user=user, options=("-tt",))
        home, owner, mode = said.split()
        assert (Path(home).name, owner, mode) == (user, user, "620")


def test_a_home_that_cannot_be_entered_is_no_reason_to_stay_out(server: PysshServer, folder: Path) -> None:
    home = folder / "other"
    os.chown(home, 0, 0)
    try:
        # the key cannot be read either, so the login itself needs the home open to be looked into
        home.chmod(0o711)
        assert run(server, "pwd", user="other").strip() in (str(home), "/")
    finally:
        home.chmod(0o755)
        os.chown(home, 4243, 4243)


def test_keys_are_read_with_the_rights_of_their_user(server: PysshServer, folder: Path) -> None:
    keys = folder / "guest" / ".ssh" / "authorized_keys"
    secret = folder / "roots_keys"
    secret.write_text(keys.read_text())
    secret.chmod(0o600)
    saved = keys.rename(keys.with_name("saved"))
    keys.symlink_to(secret)
    try:
        command = server.ssh("true", user="guest")
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        assert done.returncode == 255
        server.running.wait_for("roots_keys: Permission denied|cannot read it: Permission denied")
    finally:
        saved.rename(keys)


def test_strict_modes(server: PysshServer, folder: Path) -> None:
    keys = folder / "guest" / ".ssh" / "authorized_keys"
    keys.chmod(0o666)
    try:
        done = subprocess.run(
            server.ssh("true", user="guest"), capture_output=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 255
        server.running.wait_for("bad modes: 0666")
    finally:
        keys.chmod(0o644)


def test_sockets_are_reached_with_the_rights_of_the_user(server: PysshServer, folder: Path) -> None:
    path = folder / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o600)
        command = server.ssh(user="guest", options=["-W", str(path)])
        done = subprocess.run(command, input=b"", capture_output=True, timeout=SECONDS, check=False)
        assert done.returncode == 255
        path.chmod(0o666)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
            listener.settimeout(SECONDS)
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"hello")
            assert client.communicate(timeout=SECONDS)[0] == b"hello"


def test_sockets_are_made_and_removed_by_the_user(server: PysshServer, folder: Path) -> None:
    path = folder / "guest" / "listener"
    forbidden = folder / "roots" / "listener"
    forbidden.parent.mkdir(mode=0o755)
    with socket.create_server((LOOPBACK, 0)) as target:
        port = target.getsockname()[1]
        settings = ["-o", "ExitOnForwardFailure=yes"]
        refused = server.ssh(
            "true", user="guest", options=[*settings, "-R", f"{forbidden}:{LOOPBACK}:{port}"]
        )
        done = subprocess.run(refused, capture_output=True, timeout=SECONDS, check=False)
        assert done.returncode == 255
        options = [*settings, "-R", f"{path}:{LOOPBACK}:{port}"]
        # the command itself uses the socket, so it is there by then
        command = server.ssh(f"stat -c '%U %a' {path}; cat", user="guest", options=options)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
            assert client.stdout is not None
            assert client.stdout.readline() == b"guest 600\n"
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(str(path))
                target.settimeout(SECONDS)
                connection, _ = target.accept()
                with connection:
                    connection.sendall(b"hello")
                assert sock.recv(5) == b"hello"
            client.communicate(timeout=SECONDS)
    for _ in range(int(SECONDS * 20)):
        if not path.exists():
            return
        time.sleep(0.05)
    pytest.fail("the socket is left behind")


def test_low_ports_are_for_root(server: PysshServer) -> None:
    options = ["-o", "ExitOnForwardFailure=yes", "-R", "1003:127.0.0.1:1"]
    command = server.ssh("true", user="guest", options=options)
    done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == 255
    server.running.wait_for("ports below 1024 are for root")


async def test_passwords_of_the_system(server: PysshServer) -> None:
    peers.require(peers.ASYNCSSH)
    import asyncssh  # noqa: PLC0415  # a peer may be missing

    async def log_in(user: str, password: str) -> str:
        async with asyncssh.connect(
            "127.0.0.1",
            server.port,
            username=user,
            password=password,
            client_keys=None,
            known_hosts=None,
            config=None,
        ) as connection:
            return str((await connection.run("id -un")).stdout).strip()

    assert await log_in("guest", "secret") == "guest"
    for user, password in (("guest", "wrong"), ("root", "secret"), ("nobody", ""), ("absent", "secret")):
        with pytest.raises(asyncssh.PermissionDenied):
            await log_in(user, password)


def _interpreter(drop: list[str]) -> list[str]:
    """Words that start a Python which the user may execute: ours may lie in root's home."""
    packages = str(Path(cryptography.__file__).parents[1])
    for words in ([sys.executable], [f"PYTHONPATH={packages}", "/usr/bin/python3"]):
        command = [*drop, "env", *words, "-c", "import cryptography.hazmat.bindings._rust"]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return words
    pytest.skip("no Python here that an ordinary user may execute")


def test_started_by_a_user_it_logs_in_that_user_and_nobody_else(folder: Path) -> None:
    peers.require(peers.NEWEST)
    peers.require(peers.ROOT)
    mine = folder / "personal"
    mine.mkdir(mode=0o755)
    account = Account("someone", "secret", mine / "home", uid=4244)
    before = namespace([account], mine)
    identity = peers.make_key(mine / "identity")
    (account.home / ".ssh").mkdir(mode=0o700)
    keys = account.home / ".ssh" / "authorized_keys"
    keys.write_text(identity.with_suffix(".pub").read_text())
    for path in (keys, keys.parent):
        os.chown(path, account.uid, account.uid)
    port = free_port()
    drop = ["setpriv", "--reuid", str(account.uid), "--regid", str(account.uid), "--clear-groups"]
    home = ["env", f"HOME={account.home}", *_interpreter(drop)]
    command = [*before, *drop, *home, *COMMAND[1:], "-v", "--listen", f"{LOOPBACK}:{port}"]
    with contextlib.closing(RunningProcess(command, "there is 1")) as running:
        server = PysshServer(port, account.name, identity, identity, running)
        options = ("-tt",)
        assert run(server, "id -un; tty", user="someone", options=options).split()[0] == "someone"
        assert (account.home / ".local/state/pyssh/ssh_host_ed25519_key").stat().st_uid == account.uid
        for user in ("root", "guest", "absent"):
            done = subprocess.run(
                server.ssh("true", user=user), capture_output=True, timeout=SECONDS, check=False
            )
            assert done.returncode == 255
            running.wait_for(f"Failed publickey for invalid user {user} .*there is no such user here")
