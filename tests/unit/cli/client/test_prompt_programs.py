"""SSH_ASKPASS and SSH_ASKPASS_REQUIRE: who is asked, by the rules of ssh's read_passphrase."""

import os
from pathlib import Path

import pytest

from pyssh_cli.client import prompt
from pyssh_cli.client.prompt import Prompter


@pytest.fixture
def askpass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A program that answers with its question and hint; there is no terminal."""
    monkeypatch.setattr(prompt, "_TERMINAL", str(tmp_path / "no-terminal"))
    program = tmp_path / "askpass"
    program.write_text('#!/bin/sh\necho "$1/$SSH_ASKPASS_PROMPT"\n')
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(
    ("variables", "is_asked"),
    [
        ({}, False),
        ({"DISPLAY": ":0"}, True),
        ({"DISPLAY": ""}, False),
        ({"WAYLAND_DISPLAY": "w"}, True),
        ({"DISPLAY": ":0", "SSH_ASKPASS_REQUIRE": "never"}, False),
        ({"DISPLAY": ":0", "SSH_ASKPASS_REQUIRE": "Prefer"}, True),
        ({"SSH_ASKPASS_REQUIRE": "prefer"}, False),
        ({"SSH_ASKPASS_REQUIRE": "FORCE"}, True),
    ],
)
def test_when_the_program_is_asked(variables: dict[str, str], is_asked: bool, askpass: str) -> None:
    prompter = Prompter({"SSH_ASKPASS": askpass, **variables})
    assert prompter.ask("question") == ("question/" if is_asked else None)


def test_a_batch_asks_nobody(askpass: str) -> None:
    environ = {"SSH_ASKPASS": askpass, "SSH_ASKPASS_REQUIRE": "force"}
    assert Prompter(environ, batch=True).ask("question") is None
    assert not Prompter(environ, batch=True).confirm("question")


@pytest.mark.parametrize(
    ("answer", "granted"),
    [("echo yes", True), ("echo YES", True), ("echo", True), ("echo no", False), ("exit 1", False)],
)
def test_permission(answer: str, granted: bool, askpass: str) -> None:
    Path(askpass).write_text(f'#!/bin/sh\ntest "$SSH_ASKPASS_PROMPT" = confirm || exit 2\n{answer}\n')
    environ = {"SSH_ASKPASS": askpass, "DISPLAY": ":0"}
    assert Prompter(environ).confirm("may I?") is granted
    # without a display there is nobody to ask, and so no permission
    assert not Prompter({"SSH_ASKPASS": askpass}).confirm("may I?")


def test_a_program_that_is_not_there_answers_nothing(tmp_path: Path) -> None:
    environ = {"SSH_ASKPASS": str(tmp_path / "missing"), "SSH_ASKPASS_REQUIRE": "force"}
    assert Prompter(environ).ask("question") is None


def test_standard_input_answers_line_by_line(askpass: str, capfd: pytest.CaptureFixture[str]) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"one\ntwo\nlast")
    os.close(writer)
    kept = os.dup(0)
    os.dup2(reader, 0)
    os.close(reader)
    try:
        prompter = Prompter({"SSH_ASKPASS": askpass}, from_stdin=True)
        assert [prompter.ask(f"{number}? ") for number in range(4)] == ["one", "two", "last", None]
        # with a display, a program is better than a pipe that may be anything
        assert Prompter({"SSH_ASKPASS": askpass, "DISPLAY": ":0"}, from_stdin=True).ask("q") == "q/"
    finally:
        os.dup2(kept, 0)
        os.close(kept)
    assert capfd.readouterr().err == "0? 1? 2? 3? "
