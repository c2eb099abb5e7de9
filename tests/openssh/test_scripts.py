"""OpenSSH's own regression scripts with pyssh as the client, and as the programs for keys and agents.

`client.passing` and `keys.passing` name the scripts that must pass; those lists only grow. What does not pass
stands in `client.reasons` and `keys.reasons` with the reason; a script that begins to pass fails its test
until it has been moved. `others.reasons` names the scripts in which no program of pyssh takes part.
"""

from pathlib import Path

import pytest

from tests.support import regress
from tests.support.peers import require

LISTS = Path(__file__).parent


def passing(role: str) -> tuple[str, ...]:
    """The scripts of a role that must pass."""
    return tuple((LISTS / f"{role}.passing").read_text().split())


def reasons(role: str) -> dict[str, str]:
    """The scripts of a role that do not pass, and why: `name: reason`, and lines that go on are indented."""
    text = (LISTS / f"{role}.reasons").read_text().replace("\n ", " ")
    pairs = [line.split(":", 1) for line in text.splitlines() if line and not line.startswith("#")]
    return {name: " ".join(reason.split()) for name, reason in pairs}


CASES = [
    pytest.param(role, name, id=f"{role}-{name}")
    for role in ("client", "keys")
    for name in (*passing(role), *reasons(role))
]


@pytest.mark.parametrize(("role", "name"), CASES)
def test_script(role: str, name: str, tmp_path: Path) -> None:
    require(regress.SCRIPTS)
    reason = reasons(role).get(name)
    if reason and reason.startswith("not run"):
        pytest.skip(reason)
    outcome = regress.run(regress.ROLES[role], name)
    if reason is None:
        assert outcome.passed, outcome.text
    else:
        assert not outcome.passed, f"{name} passes now: move it from {role}.reasons to {role}.passing"
        pytest.xfail(reason)


def test_every_script_is_on_a_list() -> None:
    require(regress.SCRIPTS)
    known = {*reasons("others")}
    for role in ("client", "keys"):
        assert not {*passing(role)} & {*reasons(role)}
        known |= {*passing(role), *reasons(role)}
    assert known == {*regress.all_scripts(), *regress.FILE_TESTS}


def test_the_lists_are_as_long_as_they_were() -> None:
    # a script that passed and does not any more is a defect, not a line to move
    assert len(passing("client")) >= 37
    assert len(passing("keys")) >= 25
