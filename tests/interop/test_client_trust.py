"""What pyssh does with host keys: unknown, changed, revoked, hashed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.peers import Server, make_key, openssh_server
from tests.support.pyssh_client import command, run


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with openssh_server(host_keys=("ecdsa", "ed25519")) as started:
        yield started


def _with(server: Server, folder: Path, known: Path, checking: str, *more: str) -> list[str]:
    options = ["-o", f"UserKnownHostsFile={known}", "-o", f"StrictHostKeyChecking={checking}", *more]
    return command(server, folder, "echo in", options=options)


@pytest.mark.parametrize("checking", ["accept-new", "no", "off"])
def test_a_new_key_is_written_once(server: Server, tmp_path: Path, checking: str) -> None:
    known = tmp_path / "known"
    for _ in range(2):
        assert run(_with(server, tmp_path, known, checking)).stdout == b"in\n"
    assert known.read_text().count(f"[127.0.0.1]:{server.port} ssh-ed25519 ") == 1
    assert known.stat().st_mode & 0o777 == 0o600


def test_a_new_name_is_hashed_when_asked_for(server: Server, tmp_path: Path) -> None:
    known = tmp_path / "known"
    words = _with(server, tmp_path, known, "accept-new", "-o", "HashKnownHosts=yes")
    assert run(words).returncode == 0
    assert known.read_text().startswith("|1|")
    assert run(_with(server, tmp_path, known, "yes")).returncode == 0


@pytest.mark.parametrize("checking", ["yes", "ask"])
def test_an_unknown_key_is_refused_where_nobody_can_be_asked(
    server: Server, tmp_path: Path, checking: str
) -> None:
    known = tmp_path / "known"
    done = run(_with(server, tmp_path, known, checking))
    assert done.returncode == 255
    assert b"SHA256:" in done.stderr
    assert done.stderr.endswith(b"Host key verification failed.\n")
    assert not known.exists()


def test_the_known_type_of_key_is_asked_for(server: Server, tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.write_text("".join(line for line in server.known_hosts().splitlines(True) if "ecdsa" in line))
    done = run(_with(server, tmp_path, known, "yes", "-v"))
    assert done.returncode == 0
    assert b"host key algorithm: ecdsa" in done.stderr


def test_a_changed_key_is_refused_with_both_fingerprints(server: Server, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text()
    known = tmp_path / "known"
    known.write_text(f"# comment\n[127.0.0.1]:{server.port} {other}")
    done = run(_with(server, tmp_path, known, "accept-new"))
    assert done.returncode == 255
    said = done.stderr.decode()
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in said
    assert f"{known} line 2" in said
    assert said.count("SHA256:") == 2
    assert said.endswith("Host key verification failed.\n")


def test_with_checking_off_a_changed_key_costs_passwords_and_forwards(server: Server, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text()
    known = tmp_path / "known"
    known.write_text(f"[127.0.0.1]:{server.port} {other}")
    done = run(_with(server, tmp_path, known, "no", "-R", "0:localhost:1"))
    assert done.stdout == b"in\n"
    assert b"nothing is forwarded" in done.stderr
    assert b"Allocated port" not in done.stderr
    done = run(_with(server, tmp_path, known, "no", "-o", "PubkeyAuthentication=no"))
    assert done.returncode == 255


def test_a_revoked_key_is_always_refused(server: Server, tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.write_text(
        "".join(f"@revoked * {line.split(' ', 1)[1]}" for line in server.known_hosts().splitlines(True))
    )
    done = run(_with(server, tmp_path, known, "no"))
    assert done.returncode == 255
    assert b"REVOKED" in done.stderr
