"""Prints what the doctor found: tables for people, JSON for programs."""

import json

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


def print_tables(findings: Findings, host: str) -> None:
    """Print the configuration, the algorithms and the findings, the most important last."""
    from rich.console import Console  # noqa: PLC0415  # worth its 100 ms only here
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)

    def table(title: str, *columns: str) -> Table:
        made = Table(title=title, title_justify="left", title_style="bold", box=None, header_style="dim")
        for column in columns:
            made.add_column(column, overflow="fold", ratio=1 if column.endswith("side") else None)
        return made

    if findings.values:
        shown = table("Configuration in effect", "keyword", "value", "from")
        for one in findings.values:
            place = f"{one.path} line {one.line}" if one.line else one.path
            # `Text`, because rich would take brackets in a `str` for markup
            shown.add_row(Text(one.keyword), Text(one.value), Text(place))
        console.print(shown, "")
    if findings.offers:
        shown = table("Algorithms, best first", "kind", "chosen", "this side", "that side")
        for offer in _merged(findings.offers):
            names = (Text(", ".join(side) or "none") for side in (offer.ours, offer.theirs))
            style = "green" if offer.chosen else "bold red"
            shown.add_row(Text(offer.kind), Text(offer.chosen or "nothing", style=style), *names)
        console.print(shown, "")
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
