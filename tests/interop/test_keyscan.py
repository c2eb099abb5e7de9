"""`pyssh keyscan` and ssh-keyscan print the same of the same servers, and give up on the same."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyssh.about import SOFTWARE_VERSION
from tests.support import peers, pyssh_client
from tests.support.processes import LOOPBACK, free_port
from tests.support.pyssh_server import pyssh_server

TYPES = ("ed25519", "ecdsa", "rsa", "mldsa44-ed25519")


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[peers.Server]:
    folder = tmp_path_factory.mktemp("keys")
    keygen = peers.require(peers.NEWEST).path("ssh-keygen")
    authority = peers.make_key(folder / "ca")
    keys = [peers.make_key(folder / kind, kind) for kind in TYPES]
    subprocess.run([keygen, "-q", "-s", authority, "-h", "-I", "x", folder / "ed25519.pub"], check=True)
    lines = [f"HostCertificate {folder / 'ed25519-cert.pub'}"]
    with peers.openssh_server(host_keys=keys, lines=lines) as server:
        yield server


def ours(*words: str, stdin: bytes = b"") -> tuple[int, list[str], str]:
    done = pyssh_client.run([*pyssh_client.PYSSH, "keyscan", *words], stdin)
    return done.returncode, sorted(done.stdout.decode().splitlines()), done.stderr.decode()


def theirs(*words: str, stdin: bytes = b"") -> tuple[int, list[str], str]:
    done = pyssh_client.run([str(peers.NEWEST.path("ssh-keyscan")), *words], stdin)
    return done.returncode, sorted(done.stdout.decode().splitlines()), done.stderr.decode()


@pytest.mark.parametrize(
    "flags",
    [(), ("-t", "rsa,ed25519"), ("-t", "ecdsa-sha2-nistp256"), ("-c",), ("-D", "-t", "rsa"), ("-t", "sk")],
    ids=" ".join,
)
def test_the_same_lines(sshd: peers.Server, flags: tuple[str, ...]) -> None:
    words = [*flags, "-p", str(sshd.port)]
    code, lines, _ = theirs(*words, LOOPBACK)
    assert ours(*words, LOOPBACK)[:2] == (code, lines)
    assert code or lines


def test_names_ranges_and_files(sshd: peers.Server, tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text(f"{LOOPBACK} first,Second # by name\n\n127.0.0.0/31\n")
    words = ["-t", "ed25519", "-p", str(sshd.port), "-f", str(path), "-f", "-"]
    code, lines, said = theirs(*words, stdin=b"127.0.0.1 third")
    assert (code, len([line for line in lines if line.startswith("[")]), said) == (0, 4, "")
    assert ours(*words, stdin=b"127.0.0.1 third") == (code, lines, said)


def test_hidden_names_are_known_hosts(sshd: peers.Server, tmp_path: Path) -> None:
    code, lines, remarks = ours("-q", "-H", "-p", str(sshd.port), LOOPBACK)
    assert (code, len(lines), remarks) == (0, len(TYPES), "")
    known = tmp_path / "known"
    known.write_text("\n".join([*lines, ""]))
    options = ("-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={known}")
    command = peers.ssh_command(sshd.port, sshd.identity, "echo", "in", options=options)
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"in\n"


def test_ssh_keyscan_and_ours_see_the_same_of_pyssh_server(tmp_path: Path) -> None:
    peers.require(peers.NEWEST)
    with pyssh_server(tmp_path) as server:
        expected = f"[{LOOPBACK}]:{server.port} " + " ".join(server.host_key.read_text().split()[:2])
        remark = f"# {LOOPBACK}:{server.port} SSH-2.0-{SOFTWARE_VERSION}"
        words = ("-p", str(server.port), "-t", "ed25519", LOOPBACK)
        assert theirs(*words)[:2] == ours(*words)[:2] == (0, [remark, expected])


def test_who_does_not_answer_holds_nobody_up(sshd: peers.Server) -> None:
    code, lines, remarks = ours(
        "-t", "ed25519", "-p", str(sshd.port), "nobody.invalid", LOOPBACK, f"{LOOPBACK},x 127.0.0.9"
    )
    assert (code, len(lines)) == (0, 4)
    assert f"nobody.invalid port {sshd.port}: " in remarks
    code, lines, remarks = ours("-p", str(free_port()), LOOPBACK)
    assert (code, lines) == (1, [])
    assert remarks.endswith(": Connection refused\n")
    assert remarks.count("\n") == 1


def test_a_server_that_drips_gets_no_more_time_than_another() -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:
        done = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    while not done.wait(0.1):
                        connection.sendall(b"not yet\r\n")
                except OSError:
                    pass

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            port = listener.getsockname()[1]
            code, lines, remarks = ours("-T", "1", "-p", str(port), LOOPBACK)
        finally:
            done.set()
            thread.join()
    assert (code, lines) == (1, [])
    assert remarks == f"pyssh keyscan: {LOOPBACK} port {port}: no key within 1 s\n"


def test_output_that_goes_nowhere(sshd: peers.Server) -> None:
    words = [*pyssh_client.PYSSH, "keyscan", "-p", str(sshd.port), LOOPBACK, LOOPBACK]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (255, b"pyssh keyscan: cannot write: No space left on device\n")
    done = subprocess.run(["sh", "-c", '"$@" | head -n 1', "sh", *words], capture_output=True, check=False)
    assert (done.stdout.count(b"\n"), done.stderr) == (1, b"")
