"""Runs `pyssh keygen` in this process, and ssh-keygen beside it."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from pyssh_cli.commands import keygen
from tests.support import peers


class Said(NamedTuple):
    """How a program ended, and what it printed."""

    code: int
    out: str
    err: str


class Keygen:
    """`pyssh keygen` with nobody at the terminal; standard input is what `stdin` gives."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd

    @classmethod
    def in_folder(
        cls, folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> "Keygen":
        """Works in a folder, and asks no terminal of whoever runs the tests."""
        monkeypatch.chdir(folder)
        monkeypatch.setattr("pyssh_cli.keygen.prompts.TERMINAL", str(folder / "no-terminal"))
        return cls(capfd)

    def __call__(self, *arguments: str | Path, stdin: bytes = b"") -> Said:
        self._capfd.readouterr()
        reader, writer = os.pipe()
        os.write(writer, stdin)
        os.close(writer)
        kept = os.dup(0)
        os.dup2(reader, 0)
        os.close(reader)
        try:
            code = keygen.main([str(argument) for argument in arguments])
        finally:
            os.dup2(kept, 0)
            os.close(kept)
        out, err = self._capfd.readouterr()
        return Said(code, out, err)


def ssh_keygen(
    peer: peers.OpenSSH, *arguments: str | Path, stdin: bytes = b"", cwd: Path | None = None
) -> Said:
    """Runs a real ssh-keygen in a session of its own, so that it cannot ask on a terminal."""
    done = subprocess.run(
        [peers.require(peer).path("ssh-keygen"), *arguments],
        check=False,
        input=stdin,
        capture_output=True,
        cwd=cwd,
        start_new_session=True,
    )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode().replace("\r\n", "\n"))
