"""`pyssh copy-id` with stock servers: the keys let their owner in afterwards, and stand there once."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import peers, pyssh_client
from tests.support.processes import LOOPBACK, Account


@pytest.fixture
def account() -> Iterator[Account]:
    # not below tmp_path, where nobody but root gets; sshd checks all the way up
    done = subprocess.run(["mktemp", "-d", "/run/copy-id-XXXXXX"], check=True, capture_output=True, text=True)
    home = Path(done.stdout.strip())
    try:
        yield Account("guest", "secret word", home)
    finally:
        subprocess.run(["rm", "-rf", str(home)], check=True)


@contextlib.contextmanager
def sshd(account: Account) -> Iterator[peers.Server]:
    lines = ["AuthorizedKeysFile .ssh/authorized_keys", "StrictModes yes", "PasswordAuthentication yes"]
    with peers.openssh_server(lines=lines, accounts=[account]) as server:
        yield server._replace(user=account.name)


def copy_id(
    server: peers.Server, folder: Path, *words: str, password: str = "", **environ: str
) -> tuple[int, str, str]:
    known = folder / "known_hosts"
    known.write_text(server.known_hosts())
    asking = folder / "askpass"
    asking.write_text(f"#!/bin/sh\necho '{password}'\n")
    asking.chmod(0o755)
    options = ("-F", "none", "-p", str(server.port), "-o", f"UserKnownHostsFile={known}")
    command = [*pyssh_client.PYSSH, "copy-id", *words, *options, f"{server.user}@{LOOPBACK}"]
    asked = {"SSH_ASKPASS": str(asking), "SSH_ASKPASS_REQUIRE": "force"} if password else {}
    done = pyssh_client.run(command, b"", **asked, **environ)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def gets_in(server: peers.Server, identity: Path) -> bool:
    command = peers.ssh_command(server.port, identity, "true", user=server.user)
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_password_once_and_never_again(account: Account, tmp_path: Path) -> None:
    peers.require(peers.ROOT)
    key = peers.make_key(tmp_path / "key")
    with sshd(account) as server:
        assert not gets_in(server, key)
        code, out, err = copy_id(server, tmp_path, "-n", "-i", str(key), password=account.password)
        assert code == 0
        assert key.with_suffix(".pub").read_text() in out
        assert not (account.home / ".ssh").exists()
        code, out, err = copy_id(server, tmp_path, "-i", str(key), password=account.password)
        assert code == 0, err
        assert "Number of key(s) added: 1" in out
        assert gets_in(server, key)
        file = account.home / ".ssh/authorized_keys"
        assert (file.parent.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
        code, out, err = copy_id(server, tmp_path, "-i", str(key), password="wrong")
        assert (code, out) == (0, "")
        assert "nothing is installed" in err
        # by force, which does not try first: and yet it stands there once
        code, out, err = copy_id(server, tmp_path, "-f", "-i", str(key), password=account.password)
        assert code == 0, err
        assert "Number of key(s) added: 0" in out
        assert file.read_text() == key.with_suffix(".pub").read_text()


def test_by_sftp(account: Account, tmp_path: Path) -> None:
    peers.require(peers.ROOT)
    sftp = peers.require(peers.NEWEST).path("sftp")
    program = tmp_path / "bin" / "sftp"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sftp} "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}:/usr/bin:/bin"
    key, other = (peers.make_key(tmp_path / name) for name in ("key", "other"))
    lines = [each.with_suffix(".pub").read_text() for each in (key, other)]
    file = account.home / ".ssh/authorized_keys"
    with sshd(account) as server:

        def install(identity: Path) -> tuple[int, str, str]:
            words = ("-s", "-f", "-i", str(identity))
            return copy_id(server, tmp_path, *words, password=account.password, PATH=path)

        code, out, err = install(key)
        assert code == 0, err
        assert "Number of key(s) added: 1" in out
        assert gets_in(server, key)
        assert (file.parent.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
        file.write_text(f"# {lines[1]}{lines[0].rstrip()}")
        code, out, err = install(other)
        assert code == 0, err
        assert file.read_text() == f"# {lines[1]}{lines[0]}{lines[1]}"
        code, out, err = install(other)
        assert (code, "Number of key(s) added: 0" in out) == (0, True)
        assert file.read_text() == f"# {lines[1]}{lines[0]}{lines[1]}"
        # what cannot be read is not written over
        file.unlink()
        file.mkdir()
        code, out, err = install(other)
        assert (code, out) == (1, "")
        assert "is there and cannot be read" in err
        assert file.is_dir()
        code, out, err = copy_id(server, tmp_path, "-s", "-f", "-i", str(key), PATH=str(tmp_path))
        assert (code, out) == (1, "")
        assert "sftp, which is not on this machine" in err


def test_what_is_there_stays_and_gets_the_modes_that_sshd_wants(account: Account, tmp_path: Path) -> None:
    peers.require(peers.ROOT)
    key = peers.make_key(tmp_path / "key")
    with sshd(account) as server:
        folder = account.home / ".ssh"
        folder.mkdir(mode=0o777)
        folder.chmod(0o777)
        file = folder / "authorized_keys"
        line = key.with_suffix(".pub").read_text()
        file.write_text(f"# {line}ssh-ed25519 AAAA without an end of line")
        file.chmod(0o666)
        subprocess.run(["chown", "-R", str(account.uid), str(folder)], check=True)
        code, out, err = copy_id(server, tmp_path, "-x", "-i", str(key), password=account.password)
        assert code == 0, err
        assert "Number of key(s) added: 1" in out
        assert "the server says: + umask 077" in err
        assert file.read_text() == f"# {line}ssh-ed25519 AAAA without an end of line\n{line}"
        assert gets_in(server, key)
        code, out, err = copy_id(
            server, tmp_path, "-f", "-t", "sub dir/it's", "-i", str(key), password=account.password
        )
        assert code == 0, err
        assert (account.home / "sub dir/it's").read_text() == line


def test_errors_are_one_line(account: Account, tmp_path: Path) -> None:
    peers.require(peers.ROOT)
    key = peers.make_key(tmp_path / "key")
    with sshd(account) as server:
        code, _, err = copy_id(server, tmp_path, "-f", "-i", str(key), password="wrong")
        assert code == 1
        assert err.splitlines()[-1].endswith("Permission denied (publickey,password,keyboard-interactive).")
        words = ("-f", "-t", "/proc/no/such", "-i", str(key))
        code, _, err = copy_id(server, tmp_path, *words, password=account.password)
        assert code == 1
        assert err.splitlines()[-1] == "pyssh copy-id: the server did not write the keys to /proc/no/such"
        server.running.close()
        code, _, err = copy_id(server, tmp_path, "-i", str(key))
        assert code == 1
        assert ": Connection refused; " in err.splitlines()[-1]


def test_keys_of_an_agent(account: Account, tmp_path: Path) -> None:
    peers.require(peers.ROOT)
    first, second = peers.make_key(tmp_path / "first"), peers.make_key(tmp_path / "second", "ecdsa")
    command = f'ssh-add -q {first} {second} && exec "$@"'
    folder = str(peers.NEWEST.folder)
    with sshd(account) as server:
        known = tmp_path / "known_hosts"
        known.write_text(server.known_hosts())
        asking = tmp_path / "askpass"
        asking.write_text(f"#!/bin/sh\necho '{account.password}'\n")
        asking.chmod(0o755)
        options = ("-F", "none", "-p", str(server.port), "-o", f"UserKnownHostsFile={known}")
        words = [*pyssh_client.PYSSH, "copy-id", *options, f"{account.name}@{LOOPBACK}"]
        done = pyssh_client.run(
            [
                str(peers.NEWEST.path("ssh-agent")),
                "sh",
                "-c",
                f"PATH={folder}:$PATH; {command}",
                "sh",
                *words,
            ],
            b"",
            SSH_ASKPASS=str(asking),
            SSH_ASKPASS_REQUIRE="force",
        )
        assert done.returncode == 0, done.stderr
        assert b"Number of key(s) added: 2" in done.stdout
        assert gets_in(server, first)
        assert gets_in(server, second)


def test_output_that_goes_nowhere(tmp_path: Path) -> None:
    key = peers.make_key(tmp_path / "key")
    with Path("/dev/full").open("wb") as full:
        words = [*pyssh_client.PYSSH, "copy-id", "-n", "-f", "-i", str(key), "host"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == b"pyssh copy-id: cannot write: No space left on device"


def test_dropbear(tmp_path: Path) -> None:
    key = peers.make_key(tmp_path / "key")
    with peers.dropbear_server() as server:
        login = ("-o", f"IdentityFile={server.identity}", "-o", "IdentitiesOnly=yes")
        code, out, err = copy_id(server, tmp_path, *login, "-i", str(key))
        assert code == 0, err
        assert "Number of key(s) added: 1" in out
        code, out, err = copy_id(server, tmp_path, *login, "-i", str(key))
        assert (code, out) == (0, "")
