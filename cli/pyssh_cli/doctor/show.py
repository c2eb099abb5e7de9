"""Prints what the doctor found: tables for people, JSON for programs."""

import json
from collections.abc import Iterator

from pyssh_cli.doctor.findings import Findings, Offer, Status
from pyssh_cli.output import Output

__all__ = ["print_json", "print_tables"]

_WORDS = {
    Status.FINE: ("ok", "green"),
    Status.NOTE: ("", ""),
    Status.WARNING: ("warning", "yellow"),
    Status.PROBLEM: ("PROBLEM", "bold red"),
}


def print_json(findings: Findings, host: str, output: Output) -> None:
    """Print everything as one object."""
    output.result(json.dumps(findings.as_json(host), indent=2))


def print_tables(findings: Findings, host: str, *, is_whole: bool = False) -> None:
    """Print the configuration, the algorithms and the findings, the most important last.

    Unless it is to be the whole, algorithms that only one side has are left out where there are others.
    """
    from rich.console import Console  # noqa: PLC0415  # worth its 100 ms only here
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)

    def table(title: str, *columns: str) -> Table:
        made = Table(title=title, title_justify="left", title_style="bold", box=None, header_style="dim")
        for column in columns:
            made.add_column(column, overflow="fold")
        return made

    if findings.values:
        shown = table("Configuration in effect", "keyword", "value", "from")
        for one in findings.values:
            place = f"{one.path} line {one.line}" if one.line else one.path
            # `Text`, because rich would take brackets in a `str` for markup
            shown.add_row(Text(one.keyword), Text(one.value), Text(place))
        console.print(shown, "")
    if findings.offers:
        title = "Algorithms, best first; * was chosen" + ("" if is_whole else "; -v shows those of one side")
        console.print(Text(title, style="bold italic"), soft_wrap=True)
        for line, style in _algorithm_lines(findings.offers, is_whole=is_whole):
            # a line each: a table would break the names where it is narrow
            console.print(Text(line, style=style), soft_wrap=True)
        console.print("")
    shown = table(f"What was found at {host}", "about", "", "")
    previous = ""
    for finding in findings.all:
        word, style = _WORDS[finding.status]
        area = "" if finding.area == previous else finding.area
        shown.add_row(Text(area), Text(word, style=style), Text(finding.text))
        previous = finding.area
    console.print(shown)
    problems = sum(finding.status is Status.PROBLEM for finding in findings.all)
    verdict = "No problem was found." if not problems else f"{problems} problem{'s' * (problems != 1)}."
    console.print("", Text(verdict, style="green" if not problems else "bold red"))


def _algorithm_lines(offers: list[Offer], *, is_whole: bool) -> Iterator[tuple[str, str]]:
    """Yield lines and their styles: the kind at its first algorithm, what was chosen, who has it."""
    merged = [(offer, [*_algorithms(offer, is_whole=is_whole)]) for offer in _merged(offers)]
    kinds = max(len(offer.kind) for offer, _ in merged)
    names = max((len(name) for _, rows in merged for name, _ in rows), default=0)
    for offer, rows in merged:
        kind = offer.kind
        if not offer.chosen:
            yield f" {kind.ljust(kinds)}    nothing in common", "bold red"
            kind = ""
        for name, sides in rows:
            mark = "*" if name == offer.chosen else " "
            line = f" {kind.ljust(kinds)}  {mark} {name.ljust(names)}  {sides}".rstrip()
            yield line, "green" if mark == "*" else ""
            kind = ""


def _algorithms(offer: Offer, *, is_whole: bool) -> Iterator[tuple[str, str]]:
    """Yield algorithms, ours in our order before theirs, and which side has them."""
    if offer.chosen and offer.chosen not in offer.ours:
        # what is no algorithm, but says why there is none
        yield offer.chosen, ""
        if not is_whole:
            return
    for name in dict.fromkeys((*offer.ours, *offer.theirs)):
        is_ours, is_theirs = name in offer.ours, name in offer.theirs
        sides = "both" if is_ours and is_theirs else "this side" if is_ours else "that side"
        if is_whole or sides == "both" or not offer.chosen or name == offer.chosen:
            yield name, sides


def _merged(offers: list[Offer]) -> list[Offer]:
    """Return offers, those of both directions as one where they are the same."""
    merged: list[Offer] = []
    for offer in offers:
        kind = offer.kind.partition(" to the ")[0].partition(" from the ")[0]
        whole = offer.replace(kind=kind)
        if merged and merged[-1].replace(kind=kind) == whole and merged[-1].kind.startswith(kind):
            merged[-1] = whole
        else:
            merged.append(offer)
    return merged
