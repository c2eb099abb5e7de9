"""`pyssh add` beside ssh-add: the same words and exit codes, and keys that all agents and clients share."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from pyssh_cli.commands import add
from tests.support import peers
from tests.support.processes import RunningProcess
from tests.support.pyssh_client import PYSSH

SECONDS = 60.0
DEVICE = Path(__file__).parents[1] / "unit/keys/data/sk-ssh-ed25519"
KINDS = ("ed25519", "ecdsa", "rsa", "mldsa44-ed25519")


class Said(NamedTuple):
    """How a program ended, and what it printed."""

    code: int
    out: str
    err: str


Add = Callable[..., Said]


@contextlib.contextmanager
def agent(command: Sequence[object], path: Path) -> Iterator[str]:
    """Run an agent that listens at a path."""
    running = RunningProcess([str(word) for word in (*command, "-D", "-a", path)], r"SSH_AUTH_SOCK")
    with contextlib.closing(running):
        yield str(path)


def stock_agent(path: Path) -> contextlib.AbstractContextManager[str]:
    return agent([peers.require(peers.NEWEST).path("ssh-agent")], path)


def our_agent(path: Path) -> contextlib.AbstractContextManager[str]:
    return agent([*PYSSH, "agent"], path)


AGENTS = {"ssh-agent": stock_agent, "pyssh-agent": our_agent}


def ssh_add(*words: str, stdin: bytes = b"") -> Said:
    done = subprocess.run(
        [peers.require(peers.NEWEST).path("ssh-add"), *words],
        check=False,
        input=stdin,
        capture_output=True,
        timeout=SECONDS,
        start_new_session=True,
    )
    # what goes through its log ends as lines on a terminal do
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode().replace("\r", ""))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with keys and certificates."""
    made = tmp_path_factory.mktemp("keys")
    for kind in KINDS:
        peers.make_key(made / kind, kind)
    keygen = str(peers.require(peers.NEWEST).path("ssh-keygen"))

    def run(*words: str) -> None:
        subprocess.run([keygen, "-q", *words], check=True, cwd=made, capture_output=True)

    run("-t", "ed25519", "-N", "secret", "-f", "locked", "-C", "a comment")
    run("-s", "rsa", "-I", "its id", "-n", "me", "-V", "-1d:+20d", "ed25519.pub")
    run("-s", "rsa", "-I", "old", "-n", "me", "-V", "-2d:-1d", "ecdsa.pub")
    for name in ("bare", "alone"):
        shutil.copy(made / "rsa", made / name)
    (made / "bare.pub").write_text(" ".join((made / "rsa.pub").read_text().split()[:2]) + "\n")
    # the file of a key in a security key; agents take it without looking for the device
    shutil.copy(DEVICE, made / "device")
    (made / "device").chmod(0o600)
    (made / "garbage").write_text("garbage\n")
    (made / "garbage").chmod(0o600)
    return made


@pytest.fixture
def folder(keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the keys in it; no terminal and no display may be asked."""
    shutil.copytree(keys, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pyssh_cli.client.prompt._TERMINAL", str(tmp_path / "no-terminal"))
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_ASKPASS_REQUIRE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def pyssh_add(capfd: pytest.CaptureFixture[str]) -> Add:
    """`pyssh add` in this process; standard input is what `stdin` gives."""

    def run(*words: str, stdin: bytes = b"") -> Said:
        capfd.readouterr()
        reader, writer = os.pipe()
        os.write(writer, stdin)
        os.close(writer)
        kept = os.dup(0)
        os.dup2(reader, 0)
        os.close(reader)
        try:
            code = add.main(words)
        finally:
            os.dup2(kept, 0)
            os.close(kept)
        return Said(code, *capfd.readouterr())

    return run


STEPS: tuple[tuple[str, bytes], ...] = (
    ("-l", b""),
    ("-L", b""),
    ("ed25519", b""),
    ("-t 1h30m rsa", b""),
    ("-c -t 10d mldsa44-ed25519", b""),
    ("-l", b""),
    ("-L", b""),
    ("-l -E md5", b""),
    ("-k ed25519", b""),
    ("-q ed25519 rsa", b""),
    ("ecdsa", b""),
    ("-N ecdsa", b""),
    ("missing", b""),
    ("garbage", b""),
    ("locked", b""),
    ("locked", b"wrong\n"),
    ("-c locked ecdsa", b"wrong\nsecret\n"),
    ("-T ed25519.pub rsa", b""),
    ("-d rsa", b""),
    ("-d rsa", b""),
    ("-T rsa", b""),
    ("rsa device", b""),
    ("-d bare", b""),
    ("bare", b""),
    ("-d alone", b""),
    ("alone", b""),
    ("-d bare.pub", b""),
    ("-l", b""),
    ("-d device", b""),
    ("-S /nowhere.so device", b""),
    ("-C -d ed25519", b""),
    ("-d -k ed25519", b""),
    ("-d missing", b""),
    ("-D", b""),
    ("-q -D", b""),
    ("-x", b"one\ntwo\n"),
    ("-X", b"word\n"),
    ("-x", b"word\nword\n"),
    ("-l", b""),
    ("rsa", b""),
    ("-X", b"wrong\n"),
    ("-X", b"word\n"),
    ("-s /nowhere.so", b"pin\n"),
    ("-e /nowhere.so", b""),
    ("-T", b""),
    ("-t bogus rsa", b""),
    ("-E bogus -l", b""),
    ("-l -L", b""),
    ("-l -x", b""),
    ("-h nobody-knows.example rsa", b""),
)


@pytest.mark.parametrize("which", AGENTS)
def test_the_words_and_codes_are_those_of_ssh_add(which: str, folder: Path, pyssh_add: Add) -> None:
    """Each in front of an agent of its own, one step after another."""
    start = AGENTS[which]
    environ = pytest.MonkeyPatch()
    with start(folder / "one") as one, start(folder / "two") as two, environ.context() as changed:
        for words, stdin in STEPS:
            changed.setenv("SSH_AUTH_SOCK", one)
            theirs = ssh_add(*words.split(), stdin=stdin)
            changed.setenv("SSH_AUTH_SOCK", two)
            ours = pyssh_add(*words.split(), stdin=stdin)
            assert ours == theirs, words


def test_keys_of_all_types_are_listed_tested_and_deleted(folder: Path, pyssh_add: Add) -> None:
    with stock_agent(folder / "agent") as path, pytest.MonkeyPatch.context() as changed:
        changed.setenv("SSH_AUTH_SOCK", path)
        for kind in KINDS:
            assert pyssh_add("-N", kind).code == 0
        assert pyssh_add("-L") == ssh_add("-L")
        listed = ssh_add("-l").out
        assert pyssh_add("-l").out == listed
        assert re.findall(r"\((.*)\)", listed) == [
            *("ED25519", "ED25519-CERT", "ECDSA", "ECDSA-CERT", "RSA", "MLDSA44-ED25519"),
        ]
        for kind in KINDS:
            assert ssh_add("-T", kind) == Said(0, "", "")
        assert pyssh_add("-d", *KINDS).code == 0
        assert ssh_add("-l").out == "The agent has no identities.\n"


def test_a_key_is_deleted_when_only_its_public_half_is_left(folder: Path, pyssh_add: Add) -> None:
    with stock_agent(folder / "agent") as path, pytest.MonkeyPatch.context() as changed:
        changed.setenv("SSH_AUTH_SOCK", path)
        assert pyssh_add("-q", "-k", "ed25519").code == 0
        (folder / "ed25519").unlink()
        assert pyssh_add("-d", "-k", "ed25519").code == 0
        assert ssh_add("-l").out == "The agent has no identities.\n"


def test_standard_input(folder: Path, pyssh_add: Add) -> None:
    with stock_agent(folder / "agent") as path, pytest.MonkeyPatch.context() as changed:
        changed.setenv("SSH_AUTH_SOCK", path)
        key = (folder / "ed25519").read_bytes()
        assert pyssh_add("-", stdin=key).err.startswith("Identity added: (stdin) (")
        lines = b"# comment\n\nnonsense\n" + (folder / "ed25519.pub").read_bytes()
        removed = pyssh_add("-d", "-", stdin=lines)
        assert removed.code == 0
        assert removed.err.startswith("(stdin):3: invalid key\nIdentity removed: (stdin) ED25519 (")
        assert pyssh_add("-d", "-", stdin=b"").code == 1


def test_without_an_agent(folder: Path, pyssh_add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(folder / "nobody"))
    assert pyssh_add("-l") == ssh_add("-l")
    monkeypatch.delenv("SSH_AUTH_SOCK")
    assert pyssh_add("-l") == ssh_add("-l") == Said(2, "", ssh_add("-l").err)


def test_certificates_alone(folder: Path, pyssh_add: Add) -> None:
    with stock_agent(folder / "agent") as path, pytest.MonkeyPatch.context() as changed:
        changed.setenv("SSH_AUTH_SOCK", path)
        added = pyssh_add("-C", "-t", "1m", "ed25519")
        assert (added.code, added.err) == (
            0,
            "Certificate added: ed25519-cert.pub (its id)\nLifetime set to 00:01:00\n",
        )
        assert pyssh_add("-C", "rsa").code == 1
        assert ssh_add("-l").out.count("\n") == 1


def test_askpass_is_asked_for_the_passphrase(folder: Path, pyssh_add: Add) -> None:
    askpass = folder / "askpass"
    askpass.write_text('#!/bin/sh\necho "$1" >&2\necho secret\n')
    askpass.chmod(0o755)
    with stock_agent(folder / "agent") as path, pytest.MonkeyPatch.context() as changed:
        changed.setenv("SSH_AUTH_SOCK", path)
        changed.setenv("SSH_ASKPASS", str(askpass))
        changed.setenv("DISPLAY", ":0")
        assert pyssh_add("locked") == ssh_add("locked")
        changed.setenv("SSH_ASKPASS_REQUIRE", "never")
        assert pyssh_add("locked", stdin=b"secret\n") == ssh_add("locked", stdin=b"secret\n")


def test_keys_that_others_can_read_are_not_sent(folder: Path, pyssh_add: Add) -> None:
    (folder / "rsa").chmod(0o640)
    with stock_agent(folder / "agent") as path, pytest.MonkeyPatch.context() as changed:
        changed.setenv("SSH_AUTH_SOCK", path)
        assert pyssh_add("rsa") == ssh_add("rsa")


def test_the_command_is_there(folder: Path) -> None:
    done = subprocess.run([*PYSSH, "add", "-?"], check=False, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 1
    assert "pyssh add: unknown option" in done.stderr
