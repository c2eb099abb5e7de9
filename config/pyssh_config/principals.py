"""authorized_principals: names in certificates that open an account (sshd_config(5)).

As in authorized_keys, a line that is not wholly understood grants nothing.
"""

from pyssh.record import Record

from .authorized_keys import KeyOptions, parse_options
from .errors import ConfigError

__all__ = ["PrincipalLine", "PrincipalLines", "parse_principals"]


class PrincipalLine(Record):
    """A name, and what whoever has it may do."""

    principal: str
    options: KeyOptions
    path: str
    line: int


class PrincipalLines(Record):
    """A file's lines; `unusable` says which of them grant nothing, and why."""

    lines: tuple[PrincipalLine, ...]
    unusable: tuple[ConfigError, ...]


def parse_principals(text: str, path: str) -> PrincipalLines:
    """Parse a whole file; no line of it raises."""
    lines: list[PrincipalLine] = []
    unusable: list[ConfigError] = []
    for number, line in enumerate(text.split("\n"), 1):
        # as sshd does, wherever in the line it stands
        stripped = line.partition("#")[0].strip(" \t\r")
        if stripped:
            try:
                lines.append(_parse(stripped, path, number))
            except ConfigError as error:
                unusable.append(error.at(path, number))
    return PrincipalLines(tuple(lines), tuple(unusable))


def _parse(text: str, path: str, line: int) -> PrincipalLine:
    # the name is what follows the last blank
    *before, principal = text.replace("\t", " ").rsplit(" ", 1)
    options = parse_options(text[: len(before[0])].strip(" \t")) if before else KeyOptions()
    if options.cert_authority:
        raise ConfigError("the option cert-authority is for authorized_keys")
    return PrincipalLine(principal, options, path, line)
