"""README, manual pages and docstrings say what the code does: flags, keywords, examples, links."""

import contextlib
import doctest
import importlib
import itertools
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

import pyssh
import pyssh_cli
import pyssh_config
from pyssh.algorithms.ciphers import CIPHERS
from pyssh.algorithms.kex import KEX
from pyssh.algorithms.macs import MACS
from pyssh_cli.add import request as add
from pyssh_cli.agent import request as agent
from pyssh_cli.commands import COMMANDS, completion, doctor, forward, serve
from pyssh_cli.copy_id import request as copy_id
from pyssh_cli.flags import NOT_SUPPORTED, SSH_FLAGS
from pyssh_cli.getopt import Flag, parse, parse_host_command
from pyssh_cli.keygen import audit_report
from pyssh_cli.keygen import request as keygen
from pyssh_cli.keyscan import request as keyscan
from pyssh_config.keywords import CLIENT_KEYWORDS, Keyword, Support
from pyssh_config.server_keywords import SERVER_KEYWORDS
from tests.support.processes import RunningProcess, free_port

ROOT: Final = Path(__file__).resolve().parents[1]
README: Final = (ROOT / "README.md").read_text()
PAGES: Final = {
    "add": ("pyssh-add.1", add.FLAGS),
    "agent": ("pyssh-agent.1", agent.FLAGS),
    "completion": ("pyssh-completion.1", completion.FLAGS),
    "connect": ("pyssh.1", SSH_FLAGS),
    "copy-id": ("pyssh-copy-id.1", copy_id.FLAGS),
    "doctor": ("pyssh-doctor.1", doctor.FLAGS),
    "forward": ("pyssh-forward.1", forward.FLAGS),
    "keygen": ("pyssh-keygen.1", (*keygen.FLAGS, *audit_report.FLAGS)),
    "keyscan": ("pyssh-keyscan.1", keyscan.FLAGS),
    "serve": ("pyssh-server.8", serve.FLAGS),
}
# `pyssh` itself has these, whatever the subcommand
OF_ALL: Final = {"version", "debug"}


def page(name: str) -> str:
    return (ROOT / "man" / name).read_text()


def items(text: str, macro: str) -> Iterator[list[str]]:
    """Yield the words of each list item that begins with a macro."""
    for line in text.splitlines():
        if line.startswith(f".It {macro} "):
            yield line.split()[1:]


# --- flags


def documented_flags(text: str) -> set[str]:
    found: set[str] = set()
    for words in items(text, "Fl"):
        for macro, name in itertools.pairwise(words):
            if macro == "Fl":
                found |= {name[1:]} if name.startswith("-") else set(name)
    return found


def spellings(flags: Sequence[Flag]) -> set[str]:
    return {spelling for flag in flags for spelling in (flag.letter, flag.name) if spelling}


def test_every_command_has_a_page() -> None:
    assert set(PAGES) == set(COMMANDS)


@pytest.mark.parametrize("command", PAGES)
def test_flags_and_their_page(command: str) -> None:
    name, flags = PAGES[command]
    documented = documented_flags(page(name))
    refused = set(NOT_SUPPORTED) if command == "connect" else set()
    assert spellings(flags) - refused <= documented, "flags that the page lacks"
    assert documented <= spellings(flags) | OF_ALL, "flags that the command lacks"


# --- keywords


def names(table: dict[str, Keyword], *support: Support) -> set[str]:
    return {row.name for row in table.values() if row.support in support}


def test_client_keywords_and_their_page() -> None:
    described, later = page("pyssh_config.5").split(".Sh KNOWN BUT NOT SUPPORTED YET")
    found = {words[1] for words in items(described, "Cm")}
    assert found == names(dict(CLIENT_KEYWORDS), Support.BUILT, Support.SECTION)
    listed = set(re.findall(r"^\.Cm (\w+) [,.]$", later.partition(".Pp\n.Cm ")[2], re.MULTILINE))
    first = re.search(r"\.Pp\n\.Cm (\w+) ,", later)
    assert first
    assert listed | {first[1]} == names(dict(CLIENT_KEYWORDS), Support.NOT_YET)


def test_server_keywords_and_their_page() -> None:
    section = page("pyssh-server.8").split(".Sh CONFIGURATION")[1].split(".Pp")[0]
    listed = set(re.findall(r"(?<!\.)\b[A-Z]\w{3,}", section.partition("there:")[2]))
    # the one value of it that changes nothing
    assert listed == names(dict(SERVER_KEYWORDS), Support.BUILT, Support.SECTION) | {"UsePAM"}


@pytest.mark.parametrize("registry", [CIPHERS, KEX, MACS], ids=["Ciphers", "KexAlgorithms", "MACs"])
def test_default_algorithms_are_those_of_the_page(registry: Any) -> None:
    text = " ".join(page("pyssh_config.5").split())
    default = registry.default_names
    others = [name for name in registry.names if name not in default]
    assert f"Default: {', '.join(default)}." in text
    assert f"Known besides: {', '.join(others)}." in text


# --- examples in docstrings


def modules() -> Iterator[str]:
    for package in (pyssh, pyssh_config, pyssh_cli):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield found.name


def with_examples() -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    loaded: list[ModuleType] = [importlib.import_module(name) for name in modules()]
    return [test for module in loaded for test in finder.find(module) if test.examples]


@pytest.mark.parametrize("example", with_examples(), ids=lambda example: example.name)
def test_examples_in_docstrings_run(example: doctest.DocTest) -> None:
    runner = doctest.DocTestRunner(verbose=False)
    said: list[str] = []
    runner.run(example, out=said.append)
    assert runner.failures == 0, "".join(said)


# --- README


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def python_block(word: str) -> str:
    (found,) = (block for block in blocks("python") if word in block)
    return found


def run_python(program: str, folder: Path) -> str:
    paths = os.pathsep.join(str(ROOT / part) for part in ("", "config", "cli"))
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_there_are_three_python_examples() -> None:
    assert len(blocks("python")) == 3
    for block in blocks("python"):
        assert len([line for line in block.splitlines() if line.strip()]) <= 14


def test_the_client_of_the_readme_talks_to_its_server(tmp_path: Path) -> None:
    words = shlex.split(re.search(r"`pyssh (keygen -t [^`]*)`", README)[1])  # type: ignore[index]  # it is there
    subprocess.run([sys.executable, ROOT / "pyssh", *words], cwd=tmp_path, check=True)
    port = str(free_port())
    (tmp_path / "server.py").write_text(python_block("serve(").replace("2222", port))
    start = (
        f"import os, sys; os.chdir({str(tmp_path)!r}); sys.path[:0] = {[str(ROOT), str(ROOT / 'config')]!r}; "
    )
    # the example prints nothing, so that this must say when it listens
    said = "from pyssh.aio.server import Server as S; f = S.serve_forever; "
    told = "S.serve_forever = lambda self: (print('listening', flush=True), f(self))[1]; "
    command = [sys.executable, "-c", f"{start}{said}{told}exec(open('server.py').read())"]
    with contextlib.closing(RunningProcess(command, "listening")):
        assert run_python(python_block("connect(").replace("2222", port), tmp_path) == "HELLO THERE\n"


def test_the_keys_of_the_readme(tmp_path: Path) -> None:
    assert run_python(python_block("pyssh.keys"), tmp_path) == ""


def commands() -> Iterator[str]:
    """Yield the commands of the README and of the manual pages, each as somebody would type it."""
    yield from (line for block in blocks("sh") for line in block.splitlines() if line)
    yield from (
        line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")
    )
    yield from re.findall(r"`(pyssh [^`]*)`", README)
    for path in sorted((ROOT / "man").iterdir()):
        yield from re.findall(r"^(?:\.Dl )?\$ (.*)$", path.read_text(), re.MULTILINE)


def first_command(line: str) -> list[str]:
    """Return the words of a line up to what a shell does with them."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(itertools.takewhile(lambda word: not word or not set(word) <= set(";|&<>()"), lexer))


def check_pyssh(words: list[str]) -> None:
    parse_host_command(words, SSH_FLAGS)


PARSERS: Final[dict[str, Callable[[list[str]], object]]] = {
    "pyssh-server": lambda words: parse(words, serve.FLAGS),
    "pyssh add": lambda words: parse(words, add.FLAGS),
    "pyssh agent": lambda words: agent.parse_request(words, {}),
    "pyssh copy-id": copy_id.parse_request,
    "pyssh keyscan": keyscan.parse_request,
    "pyssh doctor": lambda words: parse_host_command(words, doctor.FLAGS),
    "pyssh forward": lambda words: parse_host_command(words, forward.FLAGS),
    "pyssh completion": lambda words: parse(words, completion.FLAGS),
    "pyssh keygen": keygen.parse_request,
    "pyssh connect": check_pyssh,
    "pyssh": check_pyssh,
}


@pytest.mark.parametrize("command", list(dict.fromkeys(commands())))
def test_commands_make_sense(command: str) -> None:
    # a shell's own, around ours
    words = first_command(re.sub(r'eval "\$\(([^)]*)\)"', r"\1", command))
    while "=" in words[0]:
        words.pop(0)
    program, words = words[0], words[1:]
    if program.startswith("scripts/"):
        assert os.access(ROOT / program, os.X_OK)
    elif program == "pyssh" and words and words[0] in COMMANDS:
        PARSERS[f"{program} {words[0]}"](words[1:])
    elif program in PARSERS:
        PARSERS[program](words)
    else:
        assert program in ("pip", "git", "rsync", "scp", "sftp", "cp", "ssh", "ansible"), "who is that?"


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)]*)\)", README))
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target).exists()
