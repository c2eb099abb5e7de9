"""What command lines of copy-id ask for."""

import pytest

from pyssh_cli.copy_id.request import Request, parse_request
from pyssh_cli.getopt import BadUsageError


def asked(*arguments: str) -> Request:
    request = parse_request(arguments)
    assert request
    return request


def test_options_of_the_login_come_last_and_in_order() -> None:
    request = asked("-fnx", "-oUser=a", "-p22", "-i", "key", "-Fnone", "host", "-t", "keys")
    assert (request.is_forced, request.only_show, request.trace) == (True, True, True)
    assert (request.host, request.identity, request.target) == ("host", "key", "keys")
    flags = request.login("First=yes").flags
    assert flags[:4] == (("a", ""), ("x", ""), ("T", ""), ("o", "First=yes"))
    assert flags[-3:] == (("o", "User=a"), ("p", "22"), ("F", "none"))


def test_no_session_of_the_configuration_gets_in_the_way() -> None:
    options = {value for key, value in asked("host").login().flags if key == "o"}
    assert {"RemoteCommand=none", "ControlPath=none", "ClearAllForwardings=yes"} <= options


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "which host"),
        (("-i", "a", "-i", "b", "host"), "only once"),
        (("host", "command"), "no command to run here: command"),
        (("-t", "a\nb", "host"), "without line breaks"),
        (("-t", "", "host"), "without line breaks"),
    ],
)
def test_what_makes_no_sense(arguments: tuple[str, ...], problem: str) -> None:
    with pytest.raises(BadUsageError, match=problem):
        parse_request(arguments)


def test_sftp_is_asked_for() -> None:
    assert asked("-s", "host").by_sftp
    assert not asked("host").by_sftp
    assert parse_request(["--help"]) is None
