"""`ConfigError`: what is wrong in a file or an option, and where."""

from typing import Self

from pyssh.errors import SSHError

COMMAND_LINE = "command line"
SHOWN_CHARACTERS = 200  # what ssh shows of a value; enough to recognise it, too little to flood a terminal


def escape(text: str) -> str:
    """Return `text` fit for terminals and logs: one line, not endless, no control characters."""
    cut = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."
    return "".join(c if c.isprintable() else _escaped_character(c) for c in cut)


def _escaped_character(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8 (surrogateescape)
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


class ConfigError(SSHError):
    """A value, line or file that cannot be used.

    `problem` says what is wrong and what is allowed; text of the file inside it is already escaped. `path`,
    `line` (from 1; 0 is the file as a whole) and `keyword` say where, as far as known.
    """

    def __init__(self, problem: str, *, path: str = "", line: int = 0, keyword: str = "") -> None:
        where = escape(path)
        if line:
            where = f"{where} line {line}"
        super().__init__(": ".join(part for part in (where, escape(keyword), problem) if part))
        self.problem = problem
        self.path = path
        self.line = line
        self.keyword = keyword

    def at(self, path: str, line: int, keyword: str = "") -> Self:
        """Return the same error with a place, for parsers of values that do not know theirs."""
        return type(self)(
            self.problem,
            path=self.path or path,
            line=self.line or line,
            keyword=self.keyword or keyword,
        )
