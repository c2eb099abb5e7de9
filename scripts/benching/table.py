"""Takes measures in rounds, and prints what came out."""

import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from benching.measures import Measure
from benching.peers import Pair

# apart by less than this, two medians say nothing: the base itself differed by as much from round to round
_SPREAD = 0.4
_BUSY = 0.15


class Row(NamedTuple):
    measure: str
    unit: str
    values: dict[str, float]
    higher_is_better: bool
    spread: float


def say(text: str) -> None:
    """Tell on stderr what is going on."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def _jiffies() -> tuple[int, int]:
    fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return sum(fields), fields[3] + fields[4]


def busy() -> float:
    """Return how much of the machine others use, from 0 to 1, while we sleep half a second."""
    total, idle = _jiffies()
    time.sleep(0.5)
    total_after, idle_after = _jiffies()
    return 1 - (idle_after - idle) / max(1, total_after - total)


def collect(measure: Measure, pairs: list[Pair], rounds: int) -> list[Row]:
    """Measure all pairs in turn, `rounds` times, so that a slow minute hits all alike."""
    pairs = [
        pair
        for pair in pairs
        if (measure.asyncssh if "asyncssh" in pair.name else pair.client in measure.clients)
    ]
    taken: dict[str, list[Any]] = {pair.name: [] for pair in pairs}
    for _ in range(rounds):
        for pair in pairs:
            taken[pair.name].append(measure.take(pair))
    base = taken[pairs[0].name]
    if isinstance(base[0], list):
        rows = []
        for title, pick in (("p50", 50), ("p99", 99)):
            picked = {
                name: [statistics.quantiles(one, n=100)[pick - 1] for one in ones]
                for name, ones in taken.items()
            }
            rows.append(_row(f"{measure.name}, {title}", measure, picked))
        return rows
    return [_row(measure.name, measure, taken)]


def _row(name: str, measure: Measure, taken: dict[str, list[float]]) -> Row:
    base = next(iter(taken.values()))
    spread = (max(base) - min(base)) / statistics.median(base) if len(base) > 1 else 0.0
    values = {pair: statistics.median(ones) for pair, ones in taken.items()}
    return Row(name, measure.unit, values, measure.higher_is_better, spread)


def show(rows: list[Row], names: list[str]) -> None:
    """Print rows with ratios to the first pair."""
    base = names[0]
    lines = [["measure", *names]]
    for row in rows:
        cells = [row.measure]
        for name in names:
            if name not in row.values:
                cells.append("")
                continue
            value = f"{row.values[name]:.3g}" if row.values[name] < 1000 else f"{row.values[name]:.0f}"
            ratio = "" if name == base else f" ({row.values[name] / row.values[base]:.2f}x)"
            cells.append(f"{value} {row.unit}{ratio}")
        lines.append(cells)
    show_lines(lines)


def show_lines(lines: list[list[str]]) -> None:
    """Print a table whose first line is its head."""
    head, *rest = lines
    print("| " + " | ".join(head) + " |")
    print("|---" * len(head) + "|")
    for cells in rest:
        print("| " + " | ".join(cells) + " |")


def noise(rows: list[Row], idle: float) -> list[str]:
    """Return what makes the figures doubtful, in words."""
    found = [f"{row.measure} ({row.spread:.0%})" for row in rows if row.spread > _SPREAD]
    words = []
    if idle > _BUSY:
        words.append(
            f"other programs used {idle:.0%} of this machine's {os.cpu_count()} cores before the run"
        )
    if found:
        words.append(f"too noisy to tell smaller differences apart: {', '.join(found)}")
    return words
