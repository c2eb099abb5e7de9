import importlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pyssh.about import VERSION
from pyssh_cli import main
from pyssh_cli.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[3]


def _called(monkeypatch: pytest.MonkeyPatch, result: object = 7) -> list[tuple[str, list[str]]]:
    calls: list[tuple[str, list[str]]] = []

    def load(module: str) -> SimpleNamespace:
        def run(words: list[str]) -> object:
            calls.append((module, words))
            if isinstance(result, BaseException):
                raise result
            return result

        return SimpleNamespace(main=run)

    monkeypatch.setattr(importlib, "import_module", load)
    return calls


@pytest.mark.parametrize(
    ("words", "command", "rest"),
    [
        (["keygen", "-l"], "keygen", ["-l"]),
        (["serve"], "serve", []),
        (["example.org", "uptime"], "connect", ["example.org", "uptime"]),
        (["connect", "keygen"], "connect", ["keygen"]),
        (["-p", "22", "keygen"], "connect", ["-p", "22", "keygen"]),
        (["connect", "--help"], "connect", ["--help"]),
        ([], "connect", []),
    ],
)
def test_the_first_word_chooses(
    words: list[str], command: str, rest: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = _called(monkeypatch)
    assert main.run(words) == 7
    assert calls == [(COMMANDS[command].module, rest)]


@pytest.mark.parametrize(
    ("words", "error", "code"),
    [
        (["host"], KeyboardInterrupt(), 130),
        (["host"], ValueError("bad\nthing"), 255),
        (["keygen"], ValueError("bad\nthing"), 255),
        (["serve"], ValueError("bad\nthing"), 1),
    ],
)
def test_failures_are_one_line(
    words: list[str],
    error: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _called(monkeypatch, error)
    assert main.run(words) == code
    said = capsys.readouterr().err
    assert said == "" if isinstance(error, KeyboardInterrupt) else said.count("\n") == 1


def test_debug_shows_where(monkeypatch: pytest.MonkeyPatch) -> None:
    _called(monkeypatch, ValueError("bad"))
    with pytest.raises(ValueError, match="bad"):
        main.run(["--debug", "host"])


def test_help_names_each_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"  {name}" in said for name in COMMANDS)


def test_it_runs_from_a_bare_checkout_wherever_the_user_is(tmp_path: Path) -> None:
    (tmp_path / "cli").mkdir()
    (tmp_path / "config.py").write_text("raise SystemExit('hijacked')")
    command = [sys.executable, "-m", "pyssh", "--version"]
    said = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    assert said.stdout == f"pyssh {VERSION}\n"


@pytest.mark.parametrize("words", ["-Q cipher", "completion bash", "agent -D"])
def test_a_full_device_is_told_of(words: str) -> None:
    command = [sys.executable, str(ROOT / "pyssh"), *words.split()]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode != 0
    assert done.stderr == "pyssh: cannot write: No space left on device\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_reason_to_fail(closed: str) -> None:
    command = [sys.executable, str(ROOT / "pyssh"), "keyscan", "--help"]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *command], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
