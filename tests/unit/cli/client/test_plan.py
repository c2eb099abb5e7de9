"""What a session asks the server for, as far as it lets the server reach back."""

from pathlib import Path

import pytest

from pyssh.connection import requests
from pyssh_cli.client.plan import SessionPlan, plan_session
from pyssh_cli.output import Level, Output
from pyssh_cli.settings import Settings
from pyssh_config.client import ClientConfig
from pyssh_config.match import ClientContext

FORWARD = requests.AuthAgentReq()


def _plan(agent: Path, *overrides: str, may_forward: bool = True) -> tuple[SessionPlan, list[str]]:
    said: list[str] = []
    environ = {"SSH_AUTH_SOCK": str(agent), "OTHER": "/other"}
    context = ClientContext(home="/home", local_user="me", uid=0, environ=environ)
    config = ClientConfig.load("h", files=[], overrides=overrides, context=context)
    output = Output("pyssh", level=Level.INFO, sink=lambda _, line: said.append(line))
    settings = Settings((config,), "exec", b"true", terminal="no")
    return plan_session(settings, output, may_forward=may_forward), said


@pytest.mark.parametrize(
    ("value", "is_forwarded"), [("yes", True), ("no", False), ("$SSH_AUTH_SOCK", True), ("$OTHER", False)]
)
def test_an_agent_that_is_there_is_forwarded(value: str, is_forwarded: bool, tmp_path: Path) -> None:
    agent = tmp_path / "agent"
    agent.touch()
    plan, said = _plan(agent, f"ForwardAgent={value}")
    assert (plan.agent, FORWARD in plan.silent) == (str(agent) if is_forwarded else "", is_forwarded)
    assert said == []


def test_without_an_agent_nothing_is_asked(tmp_path: Path) -> None:
    plan, _ = _plan(tmp_path / "missing", "ForwardAgent=yes")
    assert (plan.agent, plan.silent) == ("", ())


def test_a_host_whose_key_has_changed_gets_no_agent(tmp_path: Path) -> None:
    (tmp_path / "agent").touch()
    plan, said = _plan(tmp_path / "agent", "ForwardAgent=yes", may_forward=False)
    assert (plan.agent, plan.silent) == ("", ())
    assert said == ["pyssh: the agent is not forwarded: the host key has changed"]
