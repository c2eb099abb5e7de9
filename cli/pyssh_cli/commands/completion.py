"""`pyssh completion bash|zsh|fish`: print the script that completes pyssh's words in a shell.

What the scripts call is fast and prints nothing but candidates: `--words INDEX WORD...`, or
`--words --line LINE BREAKS` from bash, which cuts words at more places than a shell's grammar does.
"""

import os
import shlex
from collections.abc import Sequence
from typing import Final

from pyssh_cli import exit_codes
from pyssh_cli.completion.scripts import SCRIPTS
from pyssh_cli.completion.words import FILES, SHELLS, candidates
from pyssh_cli.getopt import BadUsageError, Flag, parse
from pyssh_cli.output import Output

__all__ = ["FLAGS", "main"]

FLAGS: Final = (Flag(name="help", help="print this"),)
USAGE: Final = f"usage: pyssh completion {'|'.join(SHELLS)}"
_WORDS: Final = "--words"
_LINE: Final = "--line"


def main(arguments: Sequence[str]) -> int:
    """Print a script, or the candidates that one of them asks for; return the exit code."""
    if arguments[:1] == [_WORDS]:
        _print_candidates(list(arguments[1:]))
        return exit_codes.OK
    output = Output("pyssh completion")
    try:
        given = parse(arguments, FLAGS)
    except BadUsageError as error:
        return _refuse(str(error), output)
    if given.flags:
        output.result(f"{USAGE}\n\nPrint the script that completes pyssh's words in a shell.")
        return exit_codes.OK
    if len(given.words) != 1 or given.words[0] not in SCRIPTS:
        return _refuse("which shell? There are scripts for bash, zsh and fish", output)
    output.result(SCRIPTS[given.words[0]].rstrip("\n"))
    return exit_codes.OK


def _refuse(problem: str, output: Output) -> int:
    output.error(problem)
    output.info(USAGE)
    return exit_codes.USAGE


def _print_candidates(arguments: Sequence[str]) -> None:
    if arguments[:1] == [_LINE] and len(arguments) == 3:
        words = _split(arguments[1])
        index, breaks = len(words) - 1, arguments[2]
    elif arguments and arguments[0].isascii() and arguments[0].isdigit():
        words, index, breaks = list(arguments[1:]), int(arguments[0][:4]), ""
    else:
        return
    current = words[index] if 0 <= index < len(words) else ""
    # bash replaces only what stands behind the last of its breaks, and begins with @ if that is it
    done = max((current.rfind(mark) + (mark != "@") for mark in breaks), default=0)
    home = os.path.expanduser("~")  # noqa: PTH111  # pathlib costs 5 ms
    for candidate in candidates(words, index, home):
        text = candidate.text if candidate.text == FILES else candidate.text[max(done, 0) :]
        print(f"{text}\t{candidate.meaning}" if candidate.meaning else text)


def _split(line: str) -> list[str]:
    """Return the words of a line behind its first one, of which the last may be empty or without its end."""
    for end in ("", '"', "'"):
        try:
            words = shlex.split(line + end)
        except ValueError:
            continue
        if not end and line[-1:].isspace():
            words.append("")
        return words[1:]
    return []
