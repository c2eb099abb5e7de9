"""Completion in real shells: bash as Readline calls it, zsh in a terminal, fish by its own engine."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.support.pyssh_client import PYSSH, run

SECONDS = 60


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A home with a host, and `pyssh` on the path."""
    (tmp_path / ".ssh").mkdir(mode=0o700)
    (tmp_path / ".ssh" / "config").write_text("Host alphacentauri betelgeuse\n")
    (tmp_path / "some file").touch()
    program = tmp_path / "bin" / "pyssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {" ".join(PYSSH)} "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    return {"HOME": str(tmp_path), "PATH": path, "TERM": "dumb", "XDG_CONFIG_HOME": str(tmp_path)}


def _shell(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not here")
    return found


def _terminal(words: Sequence[str], environ: dict[str, str], folder: Path) -> Any:
    environment = os.environ | environ | {"PS1": "READY> ", "INPUTRC": "/dev/null"}
    child = pexpect.spawn(
        words[0], list(words[1:]), timeout=SECONDS, encoding="utf-8", env=environment, cwd=str(folder)
    )
    child.expect_exact("READY> ")
    return child


def _complete(child: Any, typed: str, whole: str) -> None:
    """Type something and a tab; then let the shell print the words that it has become."""
    child.send(f"{typed}\t\x01echo GOT: \r")
    child.expect(rf"\nGOT: {re.escape(whole.strip())}\r?\n")
    child.expect_exact("READY> ")


CASES = [
    ("pyssh alphac", "pyssh alphacentauri "),
    ("pyssh connect betel", "pyssh connect betelgeuse "),
    ("pyssh keyg", "pyssh keygen "),
    ("pyssh root@alphac", "pyssh root@alphacentauri "),
    ("pyssh -o StrictHostKeyC", "pyssh -o StrictHostKeyChecking="),
    ("pyssh forward --hel", "pyssh forward --help "),
]


@pytest.mark.parametrize(("shell", "options"), [("bash", ["--norc", "--noprofile"]), ("zsh", ["-f"])])
def test_in_a_terminal(environ: dict[str, str], tmp_path: Path, shell: str, options: list[str]) -> None:
    child = _terminal([_shell(shell), *options, "-i"], environ, tmp_path)
    start = "autoload -U compinit; compinit -D; " if shell == "zsh" else ""
    child.sendline(f'{start}eval "$(pyssh completion {shell})"; echo LOAD""ED')
    child.expect_exact("LOADED")
    child.expect_exact("READY> ")
    for typed, whole in CASES:
        _complete(child, typed, whole)
    _complete(child, "pyssh -i som", "pyssh -i some file")
    child.sendline("exit")
    child.expect(pexpect.EOF)


@pytest.mark.parametrize(("typed", "whole"), CASES)
def test_fish(environ: dict[str, str], tmp_path: Path, typed: str, whole: str) -> None:
    script = f"pyssh completion fish | source; complete -C {typed!r}"
    done = subprocess.run(
        [_shell("fish"), "--no-config", "-c", script],
        env=os.environ | environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    words = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert words == [whole.rsplit(maxsplit=1)[-1]], done.stderr


@pytest.mark.parametrize("words", [(), ("tcsh",), ("bash", "zsh"), ("--nonsense",)])
def test_wrong_usage_is_told(words: Sequence[str]) -> None:
    done = run([*PYSSH, "completion", *words])
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"pyssh completion: ")
    assert done.stderr.endswith(b"usage: pyssh completion bash|zsh|fish\n")


@pytest.mark.parametrize(
    "words", [(), ("x",), ("7",), ("0",), ("--line", "pyssh 'open", ""), ("--line", "pyssh \\", "")]
)
def test_whatever_a_shell_asks_nothing_is_said_but_words(words: Sequence[str]) -> None:
    done = run([*PYSSH, "completion", "--words", *words])
    assert (done.returncode, done.stderr) == (0, b"")
