"""Programs that run ssh, with pyssh in its place: git, rsync, scp, sftp."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.peers import OpenSSH, Server, openssh_server
from tests.support.processes import LOOPBACK
from tests.support.pyssh_client import SECONDS, replacement

CONTENT = os.urandom(2_000_000)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with openssh_server() as started:
        yield started


@pytest.fixture
def stand_in(server: Server, tmp_path: Path) -> Path:
    return replacement(tmp_path, server)


def _run(*words: str | Path, stdin: str = "", environ: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        words,
        input=stdin,
        capture_output=True,
        check=False,
        text=True,
        timeout=SECONDS,
        env=os.environ | (environ or {}),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_git_pushes_and_clones(server: Server, stand_in: Path, tmp_path: Path) -> None:
    peers.require(peers.GIT)
    identity = {
        **{f"GIT_{who}_{what}": "test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        "GIT_SSH_COMMAND": str(stand_in),
    }
    work, bare, clone = tmp_path / "work", tmp_path / "bare.git", tmp_path / "clone"
    url = f"ssh://{server.user}@{LOOPBACK}:{server.port}{bare}"
    _run("git", "init", "-q", "-b", "main", work)
    _run("git", "init", "-q", "-b", "main", "--bare", bare)
    (work / "content").write_bytes(CONTENT)
    _run("git", "-C", work, "add", ".")
    _run("git", "-C", work, "commit", "-qm", "content", environ=identity)
    _run("git", "-C", work, "push", "-q", url, "main", environ=identity)
    _run("git", "clone", "-q", url, clone, environ=identity)
    assert (clone / "content").read_bytes() == CONTENT


def test_rsync_copies_both_ways(server: Server, stand_in: Path, tmp_path: Path) -> None:
    peers.require(peers.RSYNC)
    here, there, back = (tmp_path / name for name in ("here", "there", "back"))
    here.mkdir()
    (here / "content").write_bytes(CONTENT)
    shell = f"{stand_in} -p {server.port}"
    remote = f"{server.user}@{LOOPBACK}:{there}/"
    _run("rsync", "-a", "-e", shell, f"{here}/", remote)
    _run("rsync", "-a", "-e", shell, remote, f"{back}/")
    assert (back / "content").read_bytes() == CONTENT


@pytest.mark.parametrize("peer", [peers.NEWEST, peers.DISTRIBUTION], ids=str)
@pytest.mark.parametrize("old_protocol", [(), ("-O",)], ids=["sftp", "rcp"])
def test_scp_copies_both_ways(
    server: Server, stand_in: Path, tmp_path: Path, peer: OpenSSH, old_protocol: Sequence[str]
) -> None:
    here, there, back = (tmp_path / name for name in ("here", "there", "back"))
    here.write_bytes(CONTENT)
    scp: list[str | Path] = [
        peers.require(peer).path("scp"),
        "-q",
        *old_protocol,
        "-S",
        stand_in,
        "-P",
        str(server.port),
    ]
    _run(*scp, here, f"{server.user}@{LOOPBACK}:{there}")
    _run(*scp, f"{server.user}@{LOOPBACK}:{there}", back)
    assert back.read_bytes() == CONTENT


@pytest.mark.parametrize("peer", [peers.NEWEST, peers.DISTRIBUTION], ids=str)
def test_sftp_works_through_a_batch(server: Server, stand_in: Path, tmp_path: Path, peer: OpenSSH) -> None:
    here, there, back = (tmp_path / name for name in ("here", "there", "back"))
    here.write_bytes(CONTENT)
    words: list[str | Path] = [
        peers.require(peer).path("sftp"),
        "-q",
        "-b",
        "-",
        "-S",
        stand_in,
        "-P",
        str(server.port),
    ]
    said = _run(
        *words, f"{server.user}@{LOOPBACK}", stdin=f"put {here} {there}\nls {there}\nget {there} {back}\n"
    )
    assert str(there) in said
    assert back.read_bytes() == CONTENT
