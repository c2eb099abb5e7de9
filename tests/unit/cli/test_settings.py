"""Flags over files over defaults."""

from pathlib import Path

import pytest

from pyssh.errors import SSHError
from pyssh_cli.flags import NOT_SUPPORTED, SSH_FLAGS
from pyssh_cli.getopt import parse_host_command
from pyssh_cli.output import Level, Output
from pyssh_cli.settings import Settings, load
from pyssh_config.forwards import Address, Forward, UnixPath

# what ssh 10.6 takes (its getopt string), and our own --help
SSH_LETTERS = "1246ab:c:e:fgi:kl:m:no:p:qstvxAB:CD:E:F:GI:J:KL:MNO:P:Q:R:S:TVw:W:XYy"


def _load(*words: str, output: Output | None = None) -> Settings:
    command = parse_host_command(["-F", "none", *words], SSH_FLAGS)
    return load(command, output or Output("pyssh"))


def test_every_flag_of_ssh_is_known_and_takes_a_value_where_ssh_does() -> None:
    known = {flag.letter: bool(flag.value) for flag in SSH_FLAGS if flag.letter}
    letters = {c: SSH_LETTERS[i + 1 : i + 2] == ":" for i, c in enumerate(SSH_LETTERS) if c not in ":12"}
    letters["2"] = known.setdefault("2", False)
    assert known == letters
    assert set(NOT_SUPPORTED) <= set(known)


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (("-4", "h"), "address_family", "inet"),
        (("-b", "::1", "h"), "bind_address", "::1"),
        (("-C", "h"), "compression", True),
        (("-e", "^A", "h"), "escape_char", "\x01"),
        (("-e", "none", "h"), "escape_char", None),
        (("-g", "h"), "gateway_ports", True),
        (
            ("-i", "/dev/null", "-i", "/no/such", "-i", "/dev/zero", "h"),
            "identity_file",
            ("/dev/null", "/dev/zero"),
        ),
        (("-6", "-4", "-o", "AddressFamily=inet6", "h"), "address_family", "inet"),
        (("-v", "-q", "h"), "log_level", "QUIET"),
        (("bob@h", "-l", "eve"), "user", "bob"),
        (("-l", "eve", "bob@h"), "user", "eve"),
        (("-o", "User=eve", "bob@h"), "user", "eve"),
        (("-B", "lo", "h"), "bind_interface", "lo"),
        (("-S", "a b", "h"), "control_path", "a b"),
        (("-l", "bob", "h"), "user", "bob"),
        (("bob@h",), "user", "bob"),
        (("-p", "2222", "h"), "port", 2222),
        (("ssh://bob@h:2222",), "port", 2222),
        (("-p", "1", "ssh://bob@h:2222"), "port", 1),
        (("-o", "Port=3", "-p", "4", "h"), "port", 3),
        (("h", "-p", "5"), "port", 5),
        (("-n", "h"), "stdin_null", True),
        (("-q", "h"), "log_level", "QUIET"),
        (("-vv", "h"), "log_level", "DEBUG2"),
        (("-vvvv", "h"), "log_level", "DEBUG3"),
        (("-L8080:a:80", "h"), "local_forward", (Forward(Address(None, 8080), Address("a", 80)),)),
        (("-L", "/l:/r", "h"), "local_forward", (Forward(UnixPath("/l"), UnixPath("/r")),)),
        (("-R", "0:a:1", "h"), "remote_forward", (Forward(Address(None, 0), Address("a", 1)),)),
        (("-R", "1080", "h"), "remote_forward", (Forward(Address(None, 1080)),)),
        (("-D", "*:1080", "h"), "dynamic_forward", (Forward(Address("*", 1080)),)),
        (("-c", "+aes128-cbc", "h"), "ciphers", "+aes128-cbc"),
    ],
)
def test_flags_become_keywords(words: tuple[str, ...], field: str, value: object) -> None:
    assert getattr(_load(*words).config, field) == value


@pytest.mark.parametrize(
    ("words", "terminal"),
    [
        (("h",), "auto"),
        (("-t", "h"), "yes"),
        (("-tt", "h"), "force"),
        (("-t", "h", "-t"), "force"),
        (("-T", "h"), "no"),
        (("-t", "-T", "h"), "no"),
        (("-N", "h"), "no"),
        (("-o", "RequestTTY=no", "-t", "h"), "yes"),
        (("-o", "RequestTTY=force", "h"), "force"),
    ],
)
def test_whether_a_terminal_is_asked_for(words: tuple[str, ...], terminal: str) -> None:
    assert _load(*words).terminal == terminal


@pytest.mark.parametrize(
    ("words", "session", "command"),
    [
        (("h",), "shell", b""),
        (("h", "echo", "a b"), "exec", b"echo a b"),
        (("h", "-v", "echo", "-v"), "exec", b"echo -v"),
        (("-s", "--", "h", "sftp"), "subsystem", b"sftp"),
        (("-N", "h"), "none", b""),
        (("-o", "RemoteCommand=uptime %n", "h"), "exec", b"uptime h"),
        (("-o", "RemoteCommand=none", "h", "x"), "exec", b"x"),
    ],
)
def test_what_runs(words: tuple[str, ...], session: str, command: bytes) -> None:
    settings = _load(*words)
    assert (settings.session, settings.command) == (session, command)


def test_standard_streams_to_an_address_imply_other_flags() -> None:
    settings = _load("-W", "a:80", "-L", "1:b:2", "h")
    assert settings.stdio_forward == Address("a", 80)
    assert (settings.session, settings.terminal, settings.has_forwards) == ("none", "no", False)
    assert settings.config.exit_on_forward_failure
    kept = _load("-o", "ClearAllForwardings=no", "-W", "a:80", "-L", "1:b:2", "h")
    assert kept.has_forwards


@pytest.mark.parametrize(
    "words",
    [
        ("-s", "h"),
        ("-f", "h"),
        ("-o", "RemoteCommand=a", "h", "b"),
        ("-l", "a;b", "h"),
        ("-N", "-s", "h", "x"),
        ("-W", "a:1", "-W", "b:2", "h"),
        ("-J", "a", "-J", "b", "h"),
        ("-w", "x", "h"),
    ],
)
def test_what_makes_no_sense_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(SSHError):
        _load(*words)


def _config(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "config"
    path.write_text(text)
    return ["-F", str(path)]


def test_files_come_after_flags(tmp_path: Path) -> None:
    words = _config(tmp_path, "Host h\n Port 2222\n User bob\n HostName long\nHost *\n Port 1\n")
    config = load(parse_host_command([*words, "-l", "eve", "h"], SSH_FLAGS), Output("pyssh")).config
    assert (config.host_name, config.port, config.user) == ("long", 2222, "eve")


def test_the_way_through_other_hosts(tmp_path: Path) -> None:
    words = _config(
        tmp_path,
        "Host first\n Port 11\nHost second\n ProxyJump first\n Port 22\nHost third\n ProxyJump elsewhere\n",
    )

    def ports(*more: str) -> list[int]:
        command = parse_host_command([*words, *more], SSH_FLAGS)
        return [config.port for config in load(command, Output("pyssh")).route]

    assert ports("-p", "9", "h") == [9]
    assert ports("-J", "bob@first:10,third:30", "-p", "9", "h") == [10, 30, 9]
    assert ports("-J", "second", "-p", "9", "h") == [11, 22, 9]


def test_a_host_is_not_reached_through_itself(tmp_path: Path) -> None:
    words = _config(tmp_path, "Host *\n ProxyJump gate\n")
    route = load(parse_host_command([*words, "gate"], SSH_FLAGS), Output("pyssh")).route
    assert [config.host_name for config in route] == ["gate"]


def test_hosts_in_a_circle_are_an_error(tmp_path: Path) -> None:
    words = _config(tmp_path, "Host a\n ProxyJump b\nHost b\n ProxyJump a\n")
    with pytest.raises(SSHError, match="hosts on the way"):
        load(parse_host_command([*words, "a"], SSH_FLAGS), Output("pyssh"))


def test_messages_go_where_they_are_wanted(tmp_path: Path) -> None:
    output = Output("pyssh")
    log = tmp_path / "log"
    settings = _load("-v", "-E", str(log), "h", output=output)
    output.error("something")
    assert "pyssh: something" in log.read_text()
    assert output.level is Level.DEBUG
    assert not settings.logs_to_stderr


def test_what_has_no_effect_is_said() -> None:
    said: list[str] = []
    output = Output("pyssh", sink=lambda _level, line: said.append(line))
    _load("-o", "GSSAPIAuthentication=yes", "-o", "GSSAPIDelegateCredentials=no", "h", output=output)
    assert said == ["command line: GSSAPIAuthentication: it is not supported, so it has no effect"]
