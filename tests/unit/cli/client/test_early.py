"""Which logins go without a loop."""

from typing import Any

import pytest

from pyssh_cli.client.early import can_log_in_early
from pyssh_cli.settings import Settings
from pyssh_config.client import ClientConfig
from pyssh_config.match import ClientContext


def _settings(*overrides: Any, hops: int = 0) -> Settings:
    environ = {"SSH_AUTH_SOCK": "/the/agent"}
    context = ClientContext(home="/home", local_user="me", uid=0, environ=environ)
    config = ClientConfig.load("h", files=[], overrides=overrides, context=context)
    return Settings((config,) * (hops + 1), session="shell")


@pytest.mark.parametrize("overrides", [(), ("IdentityAgent=/another",), ("ForwardAgent=yes",)])
def test_an_agent_is_no_reason_to_wait_for_a_loop(overrides: tuple[str, ...]) -> None:
    assert can_log_in_early(_settings(*overrides))


def test_other_ways_are() -> None:
    assert not can_log_in_early(_settings("ProxyCommand=nc %h %p"))
    assert not can_log_in_early(_settings(hops=1))
