"""AddKeysToAgent: what the agent is given, and who is asked before."""

from pathlib import Path
from typing import Any

import pytest

from pyssh.agent.constraints import NO_CONSTRAINTS, Constraints, decode_constraints
from pyssh.agent.framing import encode_frame
from pyssh.agent.identities import take_identity
from pyssh.agent.messages import AddIdConstrained, AddIdentity, Failure, Success
from pyssh.keys.private import generate_private_key
from pyssh.wire.types import Reader
from pyssh_cli.client.agent_keys import add_to_agent
from pyssh_cli.client.prompt import Prompter
from pyssh_cli.output import Level, Output
from pyssh_config.client import ClientConfig
from tests.support.fake_agent import fake_agent

KEY = generate_private_key("ed25519")


class _Asked(Prompter):
    def __init__(self, answer: bool) -> None:
        super().__init__({})
        self._answer = answer
        self.asked: list[str] = []

    def confirm(self, text: str) -> bool:
        self.asked.append(text)
        return self._answer


def _add(tmp_path: Path, value: str, *, says_yes: bool = True, refuses: bool = False) -> Any:
    """Return what the agent was asked, what the user was asked, and what was said."""
    requests: list[bytes] = []
    said: list[str] = []

    def answer(request: bytes) -> bytes:
        requests.append(request)
        return encode_frame(Failure() if refuses else Success())

    prompter = _Asked(says_yes)
    output = Output("pyssh", level=Level.DEBUG, sink=lambda _, line: said.append(line))
    with fake_agent(tmp_path / "agent", answer) as path:
        config = ClientConfig.load(
            "h", files=[], overrides=[f"AddKeysToAgent={value}", f"IdentityAgent={path}"]
        )
        add_to_agent(config, KEY, ("/the/file", "its comment"), prompter, output)
    return requests, prompter.asked, said


@pytest.mark.parametrize(
    ("value", "constraints"),
    [
        ("yes", NO_CONSTRAINTS),
        ("1h", Constraints(lifetime=3600)),
        ("confirm", Constraints(confirm=True)),
        ("confirm 5m", Constraints(lifetime=300, confirm=True)),
    ],
)
def test_the_key_is_given_with_its_limits(value: str, constraints: Constraints, tmp_path: Path) -> None:
    (request,), asked, said = _add(tmp_path, value)
    message = AddIdentity if constraints == NO_CONSTRAINTS else AddIdConstrained
    reader = Reader(message.decode(request).identity)
    held = take_identity(reader)
    assert (held.private.key, held.comment, held.certificate) == (KEY.key, b"its comment", None)
    assert decode_constraints(reader.take(reader.remaining)) == constraints
    assert asked == []
    assert said == ["debug1: identity added to agent: /the/file"]


def test_a_question_first(tmp_path: Path) -> None:
    (tmp_path / "no").mkdir()
    requests, asked, _ = _add(tmp_path, "ask")
    assert (len(requests), asked) == (1, ["Add key /the/file (its comment) to agent?"])
    requests, asked, _ = _add(tmp_path / "no", "ask", says_yes=False)
    assert (requests, len(asked)) == ([], 1)


def test_an_agent_that_refuses_is_no_failure(tmp_path: Path) -> None:
    _, _, said = _add(tmp_path, "yes", refuses=True)
    assert said == ["debug1: could not add identity to agent: /the/file: the agent refused the request"]


def test_without_an_agent_nothing_happens() -> None:
    config = ClientConfig.load("h", files=[], overrides=["AddKeysToAgent=ask", "IdentityAgent=none"])
    prompter = _Asked(True)
    add_to_agent(config, KEY, ("/the/file", ""), prompter, Output("pyssh"))
    assert prompter.asked == []
