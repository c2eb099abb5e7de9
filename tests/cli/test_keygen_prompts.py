"""`pyssh keygen` at a terminal: prompts, hidden passphrases, and the terminal as it was afterwards."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60


class Terminal:
    """A shell's place: starts `pyssh keygen` on a terminal of its own."""

    def __init__(self, folder: Path) -> None:
        path = ":".join(str(ROOT / part) for part in (".", "cli", "config"))
        self.folder = folder
        self._environment = {**os.environ, "PYTHONPATH": path}
        self.started: list[pexpect.spawn[str]] = []

    def start(self, *arguments: str) -> "pexpect.spawn[str]":
        """Start it; it is closed at the end of the test."""
        child = pexpect.spawn(
            sys.executable,
            ["-m", "pyssh", "keygen", *arguments],
            cwd=str(self.folder),
            env=self._environment,
            encoding="utf-8",
            timeout=SECONDS,
        )
        self.started.append(child)
        return child


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path)
    yield made
    for child in made.started:
        child.close(force=True)


def finish(child: "pexpect.spawn[str]") -> tuple[str, int]:
    child.expect(pexpect.EOF)
    child.close()
    text: str = child.before
    return text.replace("\r\n", "\n"), child.exitstatus


def answer(child: "pexpect.spawn[str]", prompt: str, text: str) -> None:
    child.expect_exact(prompt)
    child.waitnoecho()
    child.sendline(text)


def test_asks_for_the_passphrase_twice_and_hides_it(terminal: Terminal) -> None:
    child = terminal.start("-f", "key", "-C", "mine")
    prompt = 'Enter passphrase for "key" (empty for no passphrase): '
    answer(child, prompt, "hidden1")
    answer(child, "Enter same passphrase again: ", "hidden2")
    child.expect_exact("Passphrases do not match.  Try again.\r\n")
    answer(child, prompt, "hidden3")
    answer(child, "Enter same passphrase again: ", "hidden3")
    said, code = finish(child)
    assert code == 0
    assert said.startswith("\nYour identification has been saved in key\n")
    assert "hidden" not in said
    child = terminal.start("-y", "-f", "key")
    answer(child, 'Enter passphrase for "key": ', "hidden3")
    said, code = finish(child)
    assert code == 0
    assert said == "\n" + (terminal.folder / "key.pub").read_text()


def test_asks_for_old_and_new_passphrase(terminal: Terminal) -> None:
    finish(terminal.start("-q", "-f", "key", "-N", "old", "-C", "mine"))
    child = terminal.start("-p", "-f", "key")
    answer(child, "Enter old passphrase: ", "old")
    child.expect_exact("Key has comment 'mine'")
    answer(child, "Enter new passphrase (empty for no passphrase): ", "new")
    answer(child, "Enter same passphrase again: ", "new")
    said, code = finish(child)
    assert (said, code) == ("\nYour identification has been saved with the new passphrase.\n", 0)


def test_asks_before_it_overwrites(terminal: Terminal) -> None:
    (terminal.folder / "key").write_text("precious")
    child = terminal.start("-q", "-f", "key", "-N", "")
    child.expect_exact("key already exists.\r\nOverwrite (y/n)? ")
    child.sendline("n")
    assert finish(child)[1] == 1
    assert (terminal.folder / "key").read_text() == "precious"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_echo_is_back_after_a_signal(terminal: Terminal, how: signal.Signals) -> None:
    child = terminal.start("-f", "key")
    child.expect_exact("(empty for no passphrase): ")
    child.waitnoecho()
    child.kill(how)
    child.wait()
    assert child.getecho()
    # an exit code of 130 would let the loop of a shell go on
    assert child.signalstatus == how


def test_is_asked_again_after_a_stop(terminal: Terminal) -> None:
    child = terminal.start("-q", "-f", "key")
    child.expect_exact("(empty for no passphrase): ")
    child.waitnoecho()
    child.kill(signal.SIGTSTP)
    # the prompt's line is ended by the way out; then the terminal is as the shell left it
    child.expect_exact("\r\n")
    child.kill(signal.SIGCONT)
    answer(child, "(empty for no passphrase): ", "hidden")
    answer(child, "Enter same passphrase again: ", "hidden")
    assert finish(child)[1] == 0
