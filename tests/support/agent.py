"""Runs `pyssh agent`, and ssh-add beside it."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.support import peers
from tests.support.processes import RunningProcess
from tests.support.pyssh_client import PYSSH

SECONDS = 30.0


class Said(NamedTuple):
    """How a program ended, and what it printed."""

    code: int
    out: str
    err: str


class Agent:
    """An agent in the foreground, which tells what it does."""

    def __init__(self, folder: Path, running: RunningProcess) -> None:
        self.folder = folder
        self.path = folder / "agent"
        self.running = running

    @property
    def log(self) -> str:
        return self.running.log

    def environ(self, **more: str) -> dict[str, str]:
        """The environment of those who ask it."""
        return {**os.environ, "SSH_AUTH_SOCK": str(self.path), **more}

    def add(self, *arguments: str | Path, peer: peers.OpenSSH = peers.NEWEST, **environ: str) -> Said:
        """Run a real ssh-add, which cannot ask on a terminal."""
        done = subprocess.run(
            [peers.require(peer).path("ssh-add"), *arguments],
            env=self.environ(**environ),
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            timeout=SECONDS,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def listed(self, peer: peers.OpenSSH = peers.NEWEST) -> list[str]:
        """Types and blobs of the keys that ssh-add lists."""
        said = self.add("-L", peer=peer)
        if said.code:
            assert (said.code, said.out) == (1, "The agent has no identities.\n"), said
            return []
        return [" ".join(line.split()[:2]) for line in said.out.splitlines()]


@contextlib.contextmanager
def running_agent(*flags: str, environ: Mapping[str, str] | None = None) -> Iterator[Agent]:
    """`pyssh agent -d` with these flags and more variables in its environment."""
    # a short path: the names of sockets are limited to 107 bytes
    with tempfile.TemporaryDirectory(prefix="agent") as name:
        folder = Path(name)
        # accounts other than root look into it
        folder.chmod(0o755)
        settings = [f"{variable}={value}" for variable, value in (environ or {}).items()]
        command = ["env", *settings, *PYSSH, "agent", "-d", "-a", str(folder / "agent"), *flags]
        with contextlib.closing(RunningProcess(command, r"Agent pid \d+")) as running:
            yield Agent(folder, running)


@contextlib.contextmanager
def started(command: Sequence[str | Path], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process that does not outlive the test, however that ends."""
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def answering_program(path: Path, text: str, code: int = 0) -> Path:
    """A program for SSH_ASKPASS that notes its question and kind beside itself, and answers with `text`."""
    path.write_text(
        f'#!/bin/sh\nprintf "%s|%s\\n" "$SSH_ASKPASS_PROMPT" "$1" >> {path}.asked\n'
        f"printf '%s\\n' '{text}'\nexit {code}\n"
    )
    path.chmod(0o700)
    return path
