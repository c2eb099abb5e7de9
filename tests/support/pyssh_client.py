"""The pyssh command as a user runs it, with a server's keys at hand and nothing of the machine's."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.peers import Server
from tests.support.processes import LOOPBACK

ROOT = Path(__file__).resolve().parents[2]
PYSSH = [sys.executable, str(ROOT / "pyssh")]
"""The words that start the command of this checkout."""

SECONDS = 120.0
"""A command that takes longer than this never ends; it is far more than any takes on a loaded machine."""


def arguments(server: Server, folder: Path, *options: str) -> list[str]:
    """Options that lead to a server whose host keys are known; `folder` is the test's own."""
    known = folder / "known_hosts"
    known.write_text(server.known_hosts())
    return [
        *options,
        *("-F", "none", "-i", str(server.identity), "-o", "IdentitiesOnly=yes", "-p", str(server.port)),
        *("-o", f"UserKnownHostsFile={known}", "-o", "GlobalKnownHostsFile=none"),
        *("-o", "WarnWeakCrypto=no"),
    ]


def destination(server: Server) -> str:
    """`user@host` of a server."""
    return f"{server.user}@{LOOPBACK}"


def command(server: Server, folder: Path, *words: str, options: Sequence[str] = ()) -> list[str]:
    """The command line that runs `words` on a server."""
    return [*PYSSH, *arguments(server, folder, *options), destination(server), *words]


def run(words: Sequence[str], stdin: bytes = b"", /, **environ: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a command line to its end, without a terminal; what it writes is kept."""
    return subprocess.run(
        words,
        input=stdin,
        capture_output=True,
        check=False,
        timeout=SECONDS,
        env=os.environ | environ,
        start_new_session=True,
    )


def replacement(folder: Path, server: Server) -> Path:
    """A program that stands in for ssh: pyssh with a server's key and known hosts."""
    known = folder / "known_hosts"
    known.write_text(server.known_hosts())
    options = (
        f"-F none -i {server.identity} -o IdentitiesOnly=yes -o UserKnownHostsFile={known} "
        "-o GlobalKnownHostsFile=none -o WarnWeakCrypto=no"
    )
    program = folder / "stand-in"
    program.write_text(f'#!/bin/sh\nexec {" ".join(PYSSH)} {options} "$@"\n')
    program.chmod(0o755)
    return program
