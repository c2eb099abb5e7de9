"""What the doctor finds: sentences by area, and the algorithms of both sides."""

from collections.abc import Sequence
from enum import Enum
from typing import Any

from pyssh.record import Record

__all__ = ["Finding", "Findings", "Offer", "Status", "Value"]


class Status(Enum):
    """How a finding is meant."""

    FINE = "ok"
    NOTE = "note"
    """Neither good nor bad."""
    WARNING = "warning"
    """It works, and could be better."""
    PROBLEM = "problem"


class Finding(Record):
    """One sentence. Text from outside in it is harmless."""

    area: str
    status: Status
    text: str


class Value(Record):
    """A line of the configuration that took effect; `line` is 0 on the command line."""

    keyword: str
    value: str
    path: str
    line: int


class Offer(Record):
    """What both sides have of one kind of algorithm; `chosen` is "" where they have nothing in common."""

    kind: str
    chosen: str
    ours: tuple[str, ...]
    theirs: tuple[str, ...]


class Findings:
    """Everything, in the order in which it was found."""

    def __init__(self) -> None:
        self.all: list[Finding] = []
        self.values: list[Value] = []
        self.offers: list[Offer] = []

    def fine(self, area: str, text: str) -> None:
        """Add what is as it should be."""
        self.all.append(Finding(area, Status.FINE, text))

    def note(self, area: str, text: str) -> None:
        """Add what is good to know."""
        self.all.append(Finding(area, Status.NOTE, text))

    def warn(self, area: str, text: str) -> None:
        """Add what could be better."""
        self.all.append(Finding(area, Status.WARNING, text))

    def problem(self, area: str, text: str) -> None:
        """Add what is wrong."""
        self.all.append(Finding(area, Status.PROBLEM, text))

    @property
    def is_well(self) -> bool:
        """Whether there is no problem."""
        return all(finding.status is not Status.PROBLEM for finding in self.all)

    def as_json(self, host: str) -> dict[str, Any]:
        """Return it as values for JSON."""
        return {
            "host": host,
            "ok": self.is_well,
            "findings": [{"area": f.area, "status": f.status.value, "text": f.text} for f in self.all],
            "configuration": [_fields(value) for value in self.values],
            "algorithms": [_fields(offer) for offer in self.offers],
        }


def _fields(record: Record) -> dict[str, Any]:
    fields = {name: getattr(record, name) for name in record.__match_args__}
    return {name: list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
            for name, value in fields.items()}  # fmt: skip
