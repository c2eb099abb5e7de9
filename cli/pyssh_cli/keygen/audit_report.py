"""What `pyssh keygen audit` prints: a table on a terminal, lines elsewhere, or JSON."""

import sys
from collections.abc import Sequence

from pyssh.keys.names import short_name
from pyssh_cli.getopt import BadUsageError, Flag, format_flags, parse

from .audit import Audit, look_over, sorted_findings
from .prompts import home
from .report import say, shown

__all__ = ["FLAGS", "run"]

FLAGS = (
    Flag("", "json", "", "print JSON: the keys that were seen, and the findings"),
    Flag("", "help", "", "print this help"),
)


def run(arguments: Sequence[str]) -> int:
    """Look over a directory and say what was found; 1 if there is something, 0 if not."""
    flags = FLAGS
    parsed = parse(arguments, flags)
    given = [key for key, _ in parsed.flags]
    words = list(parsed.words)
    # flags behind the directory as well: there is no command that they could belong to
    behind = parse(words[1:], flags)
    given += [key for key, _ in behind.flags]
    if behind.words:
        raise BadUsageError(f"Too many arguments: {shown(behind.words[0])}; there is one directory")
    if "help" in given:
        say(_help())
        return 0
    audit = look_over(words[0] if words else f"{home()}/.ssh")
    if "json" in given:
        say(_json(audit))
    else:
        _show(audit)
    return 1 if audit.findings else 0


def _help() -> str:
    return "\n".join(
        [
            "usage: pyssh keygen audit [--json] [directory]",
            "",
            "Looks over ~/.ssh, or another directory, for weak and old keys, keys without passphrase,",
            "modes that let others in, duplicates, expired certificates, and lines of authorized_keys that",
            "grant nothing.",
            "The exit status is 0 if nothing was found, 1 if something was, 255 if nobody could look.",
            "",
            format_flags(FLAGS),
        ]
    )


def _json(audit: Audit) -> str:
    import json  # noqa: PLC0415  # only here

    keys = [
        {
            "path": seen.path,
            "line": seen.line or None,
            "format": seen.format,
            "type": seen.key.key_type,
            "bits": seen.key.bits,
            "fingerprint": seen.key.fingerprint(),
            "comment": seen.comment,
            "encrypted": seen.encrypted,
        }
        for seen in audit.keys
    ]
    findings = [
        {"path": found.path, "line": found.line or None, "check": found.kind, "text": found.text}
        for found in sorted_findings(audit)
    ]
    return json.dumps({"directory": audit.directory, "keys": keys, "findings": findings}, indent=2)


def _show(audit: Audit) -> None:
    private = sum(seen.encrypted is not None for seen in audit.keys)
    authorized = sum(bool(seen.line) for seen in audit.keys)
    summary = (
        f"{shown(audit.directory)}: {_count(len(audit.findings), 'finding')}; private keys: {private}, "
        f"public keys: {len(audit.keys) - private - authorized}, authorized keys: {authorized}"
    )
    if audit.findings and sys.stdout is not None and sys.stdout.isatty():
        _table(audit)
    else:
        for found in sorted_findings(audit):
            say(f"{_place(found.path, found.line)}: {found.kind}: {shown(found.text)}")
    say(summary)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def _place(path: str, line: int) -> str:
    return f"{shown(path)}:{line}" if line else shown(path)


def _table(audit: Audit) -> None:
    from rich.console import Console  # noqa: PLC0415  # a terminal is worth its 100 ms
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    names = {(seen.path, seen.line): f"{short_name(seen.key)} {seen.key.bits}" for seen in audit.keys}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("where", "key", "check", "what"):
        table.add_column(title, overflow="fold")
    for found in sorted_findings(audit):
        where = _place(found.path.removeprefix(f"{audit.directory}/"), found.line)
        # `Text`, because rich would take brackets in a `str` for markup
        cells = (where, names.get((found.path, found.line), ""), found.kind, shown(found.text))
        table.add_row(*(Text(cell) for cell in cells))
    Console().print(table)
