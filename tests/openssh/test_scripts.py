"""OpenSSH's own regression scripts with pyssh as the client, and as the programs for keys and agents.

`client.passing` and `keys.passing` name the scripts that must pass; those lists only grow. What does not pass
stands in `client.reasons` and `keys.reasons` with the reason; a script that begins to pass fails its test
until it has been moved. `others.reasons` names the scripts in which no program of pyssh takes part.
"""

import warnings
from pathlib import Path

import pytest

from tests.support import regress, regress_background
from tests.support.peers import require

LISTS = Path(__file__).parent
ROLES = ("client", "keys")
SLEEPERS = (
    "client:rekey",
    "client:forward-control",
    "client:channel-timeout",
    "client:multiplex",
    "client:connection-timeout",
    "client:exit-status",
    "client:ssh-tty",
    "keys:agent-timeout",
    "client:login-timeout",
    "client:penalty-expire",
    "client:stderr-data",
    "client:reconfigure",
)
"""Scripts that mostly wait, as their own `sleep` says; they run all at once, beside the others."""


def passing(role: str) -> tuple[str, ...]:
    """The scripts of a role that must pass."""
    return tuple((LISTS / f"{role}.passing").read_text().split())


def reasons(role: str) -> dict[str, str]:
    """The scripts of a role that do not pass, and why: `name: reason`, and lines that go on are indented."""
    text = (LISTS / f"{role}.reasons").read_text().replace("\n ", " ")
    pairs = [line.split(":", 1) for line in text.splitlines() if line and not line.startswith("#")]
    return {name: " ".join(reason.split()) for name, reason in pairs}


def jobs() -> list[str]:
    """Every script of every role, those that are waited for last."""
    every = [f"{role}:{name}" for role in ROLES for name in (*passing(role), *reasons(role))]
    return [job for job in every if job not in SLEEPERS] + [job for job in every if job in SLEEPERS]


@pytest.fixture(scope="session")
def background(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Where the outcomes of the sleepers appear that this run waits for."""
    require(regress.SCRIPTS)
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if hasattr(request.config, "workerinput") else base
    folder /= "openssh-tests"
    folder.mkdir(exist_ok=True)
    wanted = {
        item.callspec.params["job"]
        for item in request.session.items
        if hasattr(item, "callspec") and "job" in item.callspec.params
    }
    regress_background.start(folder, [job for job in SLEEPERS if job in wanted])
    return folder


@pytest.mark.parametrize("job", jobs())
def test_script(job: str, background: Path) -> None:
    role, name = job.split(":")
    reason = reasons(role).get(name)
    if reason and reason.startswith("not run"):
        pytest.skip(reason)
    if job in SLEEPERS:
        outcome = regress_background.outcome(background, job)
    else:
        outcome = regress.run(regress.ROLES[role], name)
    if reason:
        assert not outcome.passed, f"{name} passes now: move it from {role}.reasons to {role}.passing"
        pytest.xfail(reason)
    if not outcome.passed:
        # most scripts give others a second or so, which a loaded machine may need for itself
        warnings.warn(f"{job} did not pass at first:\n{outcome.text}", stacklevel=1)
        outcome = regress.run(regress.ROLES[role], name)
    assert outcome.passed, outcome.text


def test_every_script_is_on_a_list() -> None:
    require(regress.SCRIPTS)
    known = {*reasons("others")}
    for role in ROLES:
        assert not {*passing(role)} & {*reasons(role)}
        known |= {*passing(role), *reasons(role)}
    assert known == {*regress.all_scripts(), *regress.FILE_TESTS}


def test_the_lists_are_as_long_as_they_were() -> None:
    # a script that passed and does not any more is a defect, not a line to move
    assert len(passing("client")) >= 64
    assert len(passing("keys")) >= 33
