"""What a fuzz target is, and where its corpus lies.

A target takes any bytes and says in a few words what came of them; it raises when it found a bug. Equal words
mean that nothing new was seen, so the words guide the search of `scripts/fuzz`.
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeVar

from pyssh.errors import SSHError
from pyssh.record import Record

CORPUS: Final = Path(__file__).parent / "corpus"
_VARYING: Final = re.compile(r"'.*'|\".*\"|[0-9]+")

A = TypeVar("A")


class Target(Record):
    """One parser or machine. `seeds` are inputs that are right, to start from."""

    name: str
    run: Callable[[bytes], str]
    seeds: Callable[[], Iterable[bytes]]

    def corpus(self) -> dict[str, bytes]:
        """Return the kept inputs by file name."""
        folder = CORPUS / self.name
        return {path.name: path.read_bytes() for path in sorted(folder.glob("*")) if path.is_file()}

    def keep(self, kind: str, data: bytes) -> Path:
        """Put an input into the corpus."""
        path = CORPUS / self.name / f"{kind}-{hashlib.sha256(data).hexdigest()[:12]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path


TARGETS: Final[dict[str, Target]] = {}

_R = TypeVar("_R", bound=Callable[[bytes], str])


def target(name: str, seeds: Callable[[], Iterable[bytes]]) -> Callable[[_R], _R]:
    """Declare a function as a target."""

    def declare(run: _R) -> _R:
        TARGETS[name] = Target(name, run, seeds)
        return run

    return declare


def words(error: BaseException) -> str:
    """Return an error without what varies with the input."""
    return f"{type(error).__name__}: {_VARYING.sub('N', str(error))[:80]}"


def outcome(function: Callable[..., A], *arguments: object, errors: type[SSHError]) -> tuple[A | None, str]:
    """Call; return the result, or None and the words of an error that is allowed."""
    try:
        return function(*arguments), ""
    except errors as error:
        return None, words(error)
