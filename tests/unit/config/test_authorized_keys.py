import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.keys.private import generate_private_key
from pyssh.keys.public import format_public_line
from pyssh_config.authorized_keys import KeyOptions, parse_authorized_keys, parse_options, parse_timestamp
from pyssh_config.errors import ConfigError
from pyssh_config.forwards import HostPattern

KEY = generate_private_key("ed25519", None).key
LINE = format_public_line(KEY, "user@host")


def test_lines_without_and_with_options() -> None:
    text = f'# comment\n\n{LINE}\n  restrict,command="echo \\"a b\\" # c" {LINE}\r\n\tno-pty {LINE}\n'
    result = parse_authorized_keys(text, "f")
    assert not result.unusable
    first, second, third = result.keys
    assert (first.key, first.comment, first.line, first.options) == (KEY, "user@host", 3, KeyOptions())
    assert second.options.command == 'echo "a b" # c'
    assert not second.options.pty
    assert third.options == KeyOptions(pty=False)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("restrict", KeyOptions(False, False, False, False, False)),
        ("restrict,pty", KeyOptions(True, False, False, False, False)),
        ("NO-PTY,no-Port-Forwarding", KeyOptions(pty=False, port_forwarding=False)),
        ("no-agent-forwarding,no-X11-forwarding,no-user-rc", KeyOptions(True, True, False, False, False)),
        ('command="x,y"', KeyOptions(command="x,y")),
        (
            'environment="A=1",environment="B=2",environment="A=3"',
            KeyOptions(environment=(("A", "1"), ("B", "2"))),
        ),
        ('from="*.a,!b.a"', KeyOptions(from_patterns="*.a,!b.a")),
        (
            'permitopen="h:80",permitopen="[::1]:*"',
            KeyOptions(permit_open=(HostPattern("h", 80), HostPattern("::1", 0))),
        ),
        ('permitlisten="8080"', KeyOptions(permit_listen=(HostPattern("*", 8080),))),
        ('expiry-time="20300101Z",expiry-time="20200101Z"', KeyOptions(expiry_time=1577836800.0)),
        ('cert-authority,principals="a,b"', KeyOptions(cert_authority=True, principals=("a", "b"))),
        ("no-touch-required,verify-required", KeyOptions(touch_required=False, verify_required=True)),
    ],
)
def test_options(text: str, options: KeyOptions) -> None:
    assert parse_options(text) == options


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("unheard-of", "the option unheard-of is not known"),
        ('tunnel="0"', "the option tunnel is not known"),
        ("command", "needs a value"),
        ('restrict="x"', "takes no value"),
        ("command=x", "must stand in quotes"),
        ('command="x', "never closed"),
        ('command="a",command="b"', "twice"),
        ('environment="1A=x"', "not a name"),
        ('environment="A"', "NAME=VALUE"),
        ('from="192.0.2.1/24"', "not a network"),
        ('permitopen="h"', "host:port"),
        ('expiry-time="2020"', "is not a time"),
        ('principals="a"', "cert-authority"),
        ('cert-authority,principals="a,,b"', "empty name"),
        ("pty,,pty", "no option"),
        ("pty,", "no comma"),
        ('command="a"pty', "no comma"),
        ("ssh-ed25519x", "there is no"),
    ],
)
def test_a_line_that_is_not_understood_grants_nothing(options: str, problem: str) -> None:
    result = parse_authorized_keys(f"{LINE}\n{options} {LINE}\n", "keys")
    assert len(result.keys) == 1
    (error,) = result.unusable
    assert (error.path, error.line) == ("keys", 2)
    if options != "ssh-ed25519x":
        assert problem in str(error)


@pytest.mark.parametrize(
    "text",
    ["ssh-ed25519", "ssh-ed25519 ???", "ssh-rsa " + LINE.split()[1], "x", "restrict"],
    ids=range(5),  # the key differs from run to run
)
def test_bad_keys(text: str) -> None:
    assert len(parse_authorized_keys(text, "f").unusable) == 1


@given(st.text(max_size=80), st.text(alphabet='a-=",\\ ', max_size=20))
def test_no_text_raises(text: str, options: str) -> None:
    result = parse_authorized_keys(f"{text}\n{options} {LINE}", "f")
    assert all(str(error).isprintable() for error in result.unusable)


def test_refusals() -> None:
    options = KeyOptions(from_patterns="192.0.2.0/24,*.example", expiry_time=1000.0)
    assert options.refusal(host="a.example", address="198.51.100.1", now=999.0) is None
    assert options.refusal(host="x", address="192.0.2.7", now=999.0) is None
    assert (
        options.refusal(host="x\n", address="198.51.100.1", now=0)
        == "its from= does not allow x\\n (198.51.100.1)"
    )
    assert options.refusal(host="a.example", address="192.0.2.7", now=1000.0) == "its expiry-time has passed"


def test_timestamps() -> None:
    assert parse_timestamp("20200102Z") == 1577923200
    assert parse_timestamp("202001020304Z") == 1577923200 + 3 * 3600 + 240
    assert parse_timestamp("20200102030405UTC") == 1577923200 + 3 * 3600 + 245
    assert parse_timestamp("20200102") == time.mktime((2020, 1, 2, 0, 0, 0, 0, 0, -1))
    for bad in ("", "20201301", "2020010", "2020010203x5", "99999999999999999", "\uff12020"):
        with pytest.raises(ConfigError):
            parse_timestamp(bad)
