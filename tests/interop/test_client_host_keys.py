"""Host keys beyond known_hosts, with stock sshd: revoked ones, commands, certificates, rotation."""

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pexpect
import pytest

from tests.support import peers
from tests.support.peers import Server, make_key, openssh_server
from tests.support.processes import LOOPBACK
from tests.support.pyssh_client import command, run

SECONDS = 30.0


def keygen(*words: str | Path) -> None:
    program = peers.require(peers.NEWEST).path("ssh-keygen")
    subprocess.run([program, "-q", *words], check=True, capture_output=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("ca") / "ca")


@pytest.fixture(scope="module")
def server(ca: Path) -> Iterator[Server]:
    """Has three keys, of which the first has a certificate."""
    certified = make_key(ca.parent / "host")
    keygen("-s", ca, "-h", "-I", "host", "-n", LOOPBACK, f"{certified}.pub")
    lines = [f"HostCertificate {certified}-cert.pub"]
    with openssh_server(host_keys=(certified, "ecdsa", "rsa"), lines=lines) as started:
        yield started


def log_in(server: Server, folder: Path, known: Path, *options: str) -> "subprocess.CompletedProcess[bytes]":
    given = [word for option in options for word in ("-o", option)]
    settings = ["-o", f"UserKnownHostsFile={known}", *given]
    return run(command(server, folder, "echo in", options=settings))


PLAIN = "HostKeyAlgorithms=ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512"


def line_of(server: Server, number: int = 0) -> str:
    return server.known_hosts().splitlines(keepends=True)[number]


@pytest.fixture
def known(tmp_path: Path, server: Server) -> Path:
    """The first key only."""
    path = tmp_path / "known"
    path.write_text(line_of(server))
    return path


# --- RevokedHostKeys


@pytest.mark.parametrize("form", ["text", "krl", "ca", "missing"])
def test_revoked_host_keys(server: Server, ca: Path, tmp_path: Path, known: Path, form: str) -> None:
    revoked = tmp_path / "revoked"
    public = ca.with_suffix(".pub") if form == "ca" else server.host_keys[0]
    if form == "text":
        revoked.write_text(f"# gone\n{public.read_text()}")
    elif form != "missing":
        keygen("-k", "-f", revoked, public)
    known.write_text(f"{known.read_text()}@cert-authority * {ca.with_suffix('.pub').read_text()}")
    done = log_in(server, tmp_path, known, f"RevokedHostKeys={revoked}", "StrictHostKeyChecking=no")
    assert done.returncode == 255
    assert (b"cannot be used" if form == "missing" else b"is revoked by") in done.stderr
    assert done.stderr.endswith(b"Host key verification failed.\n")


def test_other_keys_may_be_revoked(server: Server, tmp_path: Path, known: Path) -> None:
    revoked = tmp_path / "revoked"
    revoked.write_text(server.host_keys[1].read_text())
    assert log_in(server, tmp_path, known, f"RevokedHostKeys={revoked}", PLAIN).stdout == b"in\n"


# --- certificates


@pytest.mark.parametrize(
    "case",
    [
        (LOOPBACK, (), (), ""),
        ("127.0.0.*", (), (), ""),
        ("elsewhere", (), (), "is not for '127.0.0.1', but for 'elsewhere'"),
        (LOOPBACK, ("-V", "20200101:20200102"), (), "has expired"),
        (LOOPBACK, ("-O", "critical:x"), (), "unknown critical option"),
        (LOOPBACK, (), ("CASignatureAlgorithms=rsa-sha2-512",), "'ssh-ed25519', which is not allowed"),
    ],
    ids=["good", "pattern", "name", "expired", "critical", "algorithm"],
)
def test_certificates(
    server: Server, ca: Path, tmp_path: Path, case: tuple[str, Sequence[str], Sequence[str], str]
) -> None:
    names, options, extra, reason = case
    # sshd reads it again for each connection
    host = ca.parent / "host"
    keygen("-s", ca, "-h", "-I", "host", "-n", names, *options, f"{host}.pub")
    known = tmp_path / "known"
    known.write_text(f"@cert-authority * {ca.with_suffix('.pub').read_text()}")
    with openssh_server(host_keys=(host,), lines=[f"HostCertificate {host}-cert.pub"]) as other:
        done = log_in(other, tmp_path, known, "StrictHostKeyChecking=yes", *extra)
    assert done.returncode == (255 if reason else 0)
    assert reason in done.stderr.decode()


# --- KnownHostsCommand


def test_known_hosts_command(server: Server, tmp_path: Path) -> None:
    (tmp_path / "lines").write_text(line_of(server, 1))
    script = tmp_path / "say"
    script.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\ncat {tmp_path}/lines\n')
    script.chmod(0o755)
    option = f"KnownHostsCommand={script} %I %H '%t %f'"
    known = tmp_path / "none"
    done = log_in(server, tmp_path, known, option, "StrictHostKeyChecking=yes")
    assert done.stdout == b"in\n"
    name = f"[{LOOPBACK}]:{server.port}"
    order, asked = (tmp_path / "asked").read_text().splitlines()
    assert order == f"ORDER {name} NONE NONE"
    assert asked.startswith(f"HOSTNAME {name} ecdsa-sha2-nistp256 SHA256:")
    (tmp_path / "lines").write_text("")
    assert log_in(server, tmp_path, known, option, "StrictHostKeyChecking=yes").returncode == 255


@pytest.mark.parametrize("words", ["/bin/false", "/no/such/program", "cat", "'/bin/cat"])
def test_a_command_that_fails_is_the_end(server: Server, tmp_path: Path, known: Path, words: str) -> None:
    done = log_in(server, tmp_path, known, f"KnownHostsCommand={words}", "StrictHostKeyChecking=no")
    assert done.returncode == 255
    assert b"KnownHostsCommand" in done.stderr
    assert b"unforeseen" not in done.stderr


# --- UpdateHostKeys


def types(path: Path) -> list[str]:
    return sorted(line.split()[1] for line in path.read_text().splitlines())


ALL = ["ecdsa-sha2-nistp256", "ssh-ed25519", "ssh-rsa"]


def test_the_other_keys_are_learned_and_lost_ones_forgotten(
    server: Server, tmp_path: Path, known: Path
) -> None:
    lost = make_key(tmp_path / "lost").with_suffix(".pub").read_text()
    known.write_text(f"# mine\nwhat is this?\n{line_of(server)}[{LOOPBACK}]:{server.port} {lost}")
    done = log_in(server, tmp_path, known, "UpdateHostKeys=yes", PLAIN, "LogLevel=VERBOSE")
    assert done.stdout == b"in\n"
    assert done.stderr.count(b"Learned new hostkey") == 2
    assert done.stderr.count(b"Deprecating obsolete hostkey") == 1
    lines = known.read_text().splitlines()
    assert lines[:2] == ["# mine", "what is this?"]
    assert sorted(line.split()[1] for line in lines[2:]) == ALL
    before = known.stat().st_mtime_ns
    assert log_in(server, tmp_path, known, "UpdateHostKeys=yes", PLAIN).stdout == b"in\n"
    assert known.stat().st_mtime_ns == before


def test_hashed_names_stay_hashed(server: Server, tmp_path: Path, known: Path) -> None:
    keygen("-H", "-f", known)
    log_in(server, tmp_path, known, "UpdateHostKeys=yes", "HashKnownHosts=yes", PLAIN)
    assert types(known) == ALL
    assert all(line.startswith("|1|") for line in known.read_text().splitlines())


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_the_user_is_asked_in_the_middle_of_a_session(
    server: Server, tmp_path: Path, known: Path, answer: str
) -> None:
    options = [word for one in ("UpdateHostKeys=ask", PLAIN) for word in ("-o", one)]
    words = command(server, tmp_path, options=["-tt", *options])
    words[words.index(f"UserKnownHostsFile={tmp_path}/known_hosts")] = f"UserKnownHostsFile={known}"
    child = pexpect.spawn(words[0], words[1:], timeout=SECONDS, encoding="utf-8", dimensions=(30, 200))
    child.expect_exact("Accept updated hostkeys? (yes/no): ")
    assert "Learned new hostkey: RSA SHA256:" in (child.before or "")
    child.send(f"{answer}\r")
    # the shell gets what is typed next, and the terminal is raw again
    child.send("echo =$((6 * 7))=; exit\r")
    child.expect_exact("=42=")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert types(known) == (ALL if answer == "yes" else ["ssh-ed25519"])


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("LINE", ("UpdateHostKeys=no",)),
        ("LINE", ()),  # files of the user's own choice are not added to unasked
        ("LINE", ("UpdateHostKeys=ask",)),  # where nobody can be asked
        ("", ("UpdateHostKeys=yes", "StrictHostKeyChecking=accept-new")),
        ("*,LINE", ("UpdateHostKeys=yes",)),
        ("other.example KEY\nLINE", ("UpdateHostKeys=yes",)),
    ],
    ids=["no", "default", "nobody", "new", "pattern", "elsewhere"],
)
def test_no_update(server: Server, tmp_path: Path, text: str, options: Sequence[str]) -> None:
    known = tmp_path / "known"
    key = line_of(server).split(" ", 1)[1]
    known.write_text(text.replace("LINE", line_of(server)).replace("KEY\n", key))
    assert log_in(server, tmp_path, known, *options, PLAIN).stdout == b"in\n"
    assert set(types(known)) == {"ssh-ed25519"}


# --- the rest


def test_this_machine_may_be_exempt(server: Server, tmp_path: Path) -> None:
    known = tmp_path / "none"
    options = ("NoHostAuthenticationForLocalhost=yes", "StrictHostKeyChecking=yes")
    assert log_in(server, tmp_path, known, *options).stdout == b"in\n"
    assert log_in(server, tmp_path, known, *options, "HostKeyAlias=other").returncode == 255


def test_pictures_of_keys(server: Server, tmp_path: Path, known: Path) -> None:
    done = log_in(server, tmp_path, known, "VisualHostKey=yes", PLAIN)
    assert b"Host key fingerprint is SHA256:" in done.stderr
    assert b"+--[ED25519 256]--+" in done.stderr
