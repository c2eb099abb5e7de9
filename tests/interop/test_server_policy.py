"""Who gets in to pyssh-server, and how far: keys, options, Match blocks, several methods, bounds."""

import datetime
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.processes import LOOPBACK
from tests.support.pyssh_server import PysshServer, pyssh_server

SECONDS = 30.0


@pytest.fixture(autouse=True)
def _openssh() -> None:
    peers.require(peers.NEWEST)


def run(server: PysshServer, *words: str, options: Sequence[str] = (), given: str = "") -> tuple[int, str]:
    done = subprocess.run(
        server.ssh(*words, options=options),
        input=given,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


NOTHING = [
    word
    for method in ("Pubkey", "Password", "KbdInteractive")
    for word in ("-o", f"{method}Authentication=no")
]


def tomorrow(days: int) -> str:
    return (datetime.datetime.now(tz=datetime.UTC) + datetime.timedelta(days=days)).strftime("%Y%m%d%H%MZ")


@pytest.mark.parametrize(
    ("key_options", "arguments", "reason"),
    [
        ('from="192.0.2.1"', (), "its from= does not allow"),
        (f'expiry-time="{tomorrow(-2)}"', (), "its expiry-time has passed"),
        ("frobnicate", (), "the option frobnicate is not known"),
        ("cert-authority", (), "no line of .* has this key"),
        ("", NOTHING, "nobody can log in: no authentication method is switched on"),
        (
            "",
            ("-o", "PubkeyAuthentication=no", "--user", peers.current_user()),
            "may log in by: password, keyboard-interactive",
        ),
        ("", ("-o", "DenyUsers=*"), "DenyUsers"),
        ("", ("-o", "AllowUsers=somebody-else"), "is not in AllowUsers"),
        ("", ("-o", "AllowGroups=no-such-group"), "is in no group of AllowGroups"),
        ("", ("-o", "PubkeyAcceptedAlgorithms=rsa-sha2-512"), "Failed publickey"),
    ],
    # the time is in some of them, and the names must be the same in every process of a run
    ids=map(str, range(10)),
)
def test_refused_and_the_log_says_why(
    key_options: str,
    arguments: Sequence[str],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYSSH_PASSWORD", "secret")
    with pyssh_server(tmp_path, "-v", *arguments, key_options=key_options) as server:
        assert run(server, "true")[0] == 255
        server.running.wait_for(reason)


@pytest.mark.parametrize(
    "key_options",
    ['from="127.0.0.0/8,!192.0.2.1"', f'expiry-time="{tomorrow(2)}"', "restrict", "restrict,pty"],
    ids=("from", "expiry-time", "restrict", "restrict,pty"),
)
def test_options_that_let_in(key_options: str, tmp_path: Path) -> None:
    with pyssh_server(tmp_path, "-v", key_options=key_options) as server:
        assert run(server, "echo in") == (0, "in\n")


def test_a_file_that_others_can_write_opens_nothing(tmp_path: Path) -> None:
    with pyssh_server(tmp_path, "-v") as server:
        (tmp_path / "authorized_keys").chmod(0o666)
        assert run(server, "true")[0] == 255
        server.running.wait_for("bad modes: 0666")


def test_a_forced_command(tmp_path: Path) -> None:
    options = 'command="echo forced: $SSH_ORIGINAL_COMMAND",no-pty'
    sftp = ("-o", "Subsystem=sftp /bin/false")
    with pyssh_server(tmp_path, "-v", *sftp, key_options=options) as server:
        assert run(server, "anything at all") == (0, "forced: anything at all\n")
        assert run(server, "sftp", options=["-s"]) == (0, "forced: /bin/false\n")
        assert run(server, options=["-T"]) == (0, "forced:\n")


def test_force_command_of_the_configuration_wins(tmp_path: Path) -> None:
    with pyssh_server(
        tmp_path, "-o", "ForceCommand=echo by config", key_options='command="echo by key"'
    ) as server:
        assert run(server, "x") == (0, "by config\n")


@pytest.mark.parametrize(
    ("key_options", "arguments"), [("no-pty", ()), ("restrict", ()), ("", ("-o", "PermitTTY=no"))]
)
def test_no_terminal(key_options: str, arguments: Sequence[str], tmp_path: Path) -> None:
    with pyssh_server(tmp_path, *arguments, key_options=key_options) as server:
        command = server.ssh("tty", options=["-tt"])
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert "PTY allocation request failed" in done.stderr
        assert run(server, "tty", options=["-T"])[1].strip() == "not a tty"


def test_environment_of_a_key_needs_permission(tmp_path: Path) -> None:
    options = 'environment="A_GOOD=1",environment="LD_PRELOAD=x",environment="B_BAD=1"'
    with pyssh_server(tmp_path, key_options=options) as server:
        assert "A_GOOD" not in run(server, "env")[1]
    (tmp_path / "second").mkdir(mode=0o700)
    with pyssh_server(
        tmp_path / "second", "-o", "PermitUserEnvironment=A_*,LD_*", key_options=options
    ) as server:
        said = run(server, "env")[1]
        assert "A_GOOD=1" in said
        assert "LD_PRELOAD" not in said
        assert "B_BAD" not in said


def test_environment_of_the_client_by_list(tmp_path: Path) -> None:
    lines = ("-o", "AcceptEnv=LANG X_* LD_* BASH_ENV PYTHON*", "-o", "SetEnv=FROM_ADMIN=yes LANG=C")
    sent = [f"SetEnv={name}=x" for name in ("X_ONE", "LD_PRELOAD", "BASH_ENV", "PYTHONPATH", "OTHER", "LANG")]
    with pyssh_server(tmp_path, *lines) as server:
        options = ["-o", "SetEnv=X_ONE=x LD_PRELOAD=x BASH_ENV=x PYTHONPATH=x OTHER=x LANG=x"]
        said = run(server, "env", options=options)[1].split()
    assert sent
    assert {"X_ONE=x", "FROM_ADMIN=yes", "LANG=C"} <= set(said)
    assert not [line for line in said if line.startswith(("LD_", "BASH_ENV", "PYTHON", "OTHER"))]


def certificate(tmp_path: Path, *options: str) -> Path:
    """A certificate beside `user`, signed by the key `ca`."""
    authority, user = peers.make_key(tmp_path / "ca"), peers.make_key(tmp_path / "user")
    keygen = peers.NEWEST.path("ssh-keygen")
    command: list[str | Path] = [
        keygen,
        "-q",
        "-s",
        authority,
        "-I",
        "an id",
        *options,
        user.with_suffix(".pub"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return user


@pytest.mark.parametrize(
    ("signed", "principals", "status", "reason"),
    [
        (("-n", "ME"), "", 0, "CA SHA256"),
        (("-n", "ME", "-V", "-2d:-1d"), "", 255, "has expired"),
        (("-n", "somebody"), "", 255, "is not for"),
        (("-n", "somebody"), ',principals="x,somebody"', 0, "CA SHA256"),
        (("-n", "ME"), ',principals="somebody"', 255, "is not for .somebody., but for"),
        (
            ("-n", "ME", "-O", "source-address=192.0.2.0/24"),
            "",
            255,
            "not good for connections from 127.0.0.1",
        ),
        (("-n", "ME", "-O", "critical:unheard-of=1"), "", 255, "unknown critical option"),
    ],
)
def test_certificates(
    signed: Sequence[str], principals: str, status: int, reason: str, tmp_path: Path
) -> None:
    me = peers.current_user()
    user = certificate(tmp_path, *(me if word == "ME" else word for word in signed))
    line = f"cert-authority{principals} {(tmp_path / 'ca.pub').read_text()}"
    with pyssh_server(tmp_path, "-v", authorized_keys=line) as server:
        ours = server._replace(identity=user)
        assert run(ours, "true")[0] == status
        server.running.wait_for(reason)


def test_a_certificate_without_permit_pty_gives_no_terminal(tmp_path: Path) -> None:
    me = peers.current_user()
    user = certificate(
        tmp_path, "-n", me, "-O", "clear", "-O", "force-command=tty; echo $SSH_ORIGINAL_COMMAND"
    )
    line = f"cert-authority {(tmp_path / 'ca.pub').read_text()}"
    with pyssh_server(tmp_path, authorized_keys=line) as server:
        ours = server._replace(identity=user)
        assert run(ours, "asked", options=["-T"])[1].split("\n")[:2] == ["not a tty", "asked"]
        assert run(ours, "asked", options=["-tt"])[0] == 255


def test_match_blocks_are_for_each_connection(tmp_path: Path) -> None:
    me = peers.current_user()
    config = tmp_path / "sshd_config"
    config.write_text(
        f"ForceCommand echo everybody\nMatch User {me} Address 127.0.0.1\nForceCommand echo me\n"
    )
    with pyssh_server(tmp_path, "-f", str(config)) as server:
        assert run(server, "x") == (0, "me\n")
        config.write_text("Match User nobody-here\nForceCommand echo nobody\n")
        server.running.process.send_signal(1)
        server.running.wait_for("Received SIGHUP")
        assert run(server, "echo x") == (0, "x\n")
        config.write_text("Nonsense yes\n")
        server.running.process.send_signal(1)
        server.running.wait_for("line 1: Nonsense: it is not a keyword")
        assert run(server, "echo x") == (0, "x\n")


async def test_several_methods_in_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peers.require(peers.ASYNCSSH)
    import asyncssh  # noqa: PLC0415  # a peer may be missing

    monkeypatch.setenv("PYSSH_PASSWORD", "secret")
    me = peers.current_user()
    with pyssh_server(
        tmp_path, "-v", "--user", me, "-o", "AuthenticationMethods=publickey,password"
    ) as server:
        common = {"username": me, "known_hosts": None, "config": None}
        for settings in (
            {"password": "secret", "client_keys": None},
            {"client_keys": [str(server.identity)]},
        ):
            with pytest.raises(asyncssh.PermissionDenied):
                await asyncssh.connect(LOOPBACK, server.port, **common, **settings)
        both = {"password": "secret", "client_keys": [str(server.identity)]}
        async with asyncssh.connect(LOOPBACK, server.port, **common, **both) as connection:
            assert (await connection.run("echo in")).stdout == "in\n"
        server.running.wait_for("Partial publickey for .* wanted next: password")


def test_attempts_are_counted(tmp_path: Path) -> None:
    others = [peers.make_key(tmp_path / f"other{number}") for number in range(3)]
    keys = [word for other in others for word in ("-i", str(other))]
    with pyssh_server(tmp_path, "-o", "MaxAuthTries=2") as server:
        assert run(server, "true")[0] == 0
        assert run(server, "true", options=keys)[0] == 255
        server.running.wait_for("Too many authentication failures")


def test_sessions_are_counted(tmp_path: Path) -> None:
    with pyssh_server(tmp_path, "-o", "MaxSessions=0") as server:
        assert run(server, "true")[0] == 255
        server.running.wait_for("MaxSessions")


def test_the_grace_time_ends_connections_that_only_wait(tmp_path: Path) -> None:
    with pyssh_server(tmp_path, "-o", "LoginGraceTime=1") as server:
        with socket.create_connection((LOOPBACK, server.port)) as sock:
            sock.settimeout(SECONDS)
            sock.sendall(b"SSH-2.0-slow\r\n")
            while sock.recv(65536):
                pass
        server.running.wait_for("the time to log in is over")


def test_too_many_that_have_not_logged_in_are_dropped(tmp_path: Path) -> None:
    with pyssh_server(tmp_path, "-o", "MaxStartups=2:100:3") as server:
        with (
            socket.create_connection((LOOPBACK, server.port)),
            socket.create_connection((LOOPBACK, server.port)),
        ):
            third = socket.create_connection((LOOPBACK, server.port))
            third.settimeout(SECONDS)
            with third:
                assert third.recv(100) == b""
            server.running.wait_for("dropped: MaxStartups")
        assert run(server, "true")[0] in (0, 255)


def test_some_places_log_more(tmp_path: Path) -> None:
    with pyssh_server(tmp_path, "-o", "LogVerbose=handler.py:connected():*") as server:
        assert run(server, "true")[0] == 0
        server.running.wait_for(r"Connection from .* on ")
        assert "closed" not in server.log


def test_a_banner(tmp_path: Path) -> None:
    (tmp_path / "banner").write_text("Authorised use only\n")
    with pyssh_server(tmp_path, "-o", f"Banner={tmp_path}/banner") as server:
        command = server.ssh("true", options=["-o", "LogLevel=INFO"])
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert "Authorised use only" in done.stderr


def test_a_match_block_has_a_banner_and_keepalives_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "banner").write_text("Everybody\n")
    (tmp_path / "other").write_text("Some only\n")
    (tmp_path / "config").write_text(
        f"Banner {tmp_path}/banner\nMatch User {peers.current_user()}\n"
        f" Banner {tmp_path}/other\n ClientAliveInterval 1\n"
    )
    with pyssh_server(tmp_path, "-f", str(tmp_path / "config")) as server:
        words = server.ssh("sleep 3", options=["-o", "LogLevel=DEBUG1"])
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert "Some only" in done.stderr
        assert "Everybody" not in done.stderr
        assert "rtype keepalive@openssh.com" in done.stderr
        nobody = server.ssh("true", user="nobody-here", options=["-o", "LogLevel=INFO"])
        done = subprocess.run(nobody, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert "Everybody" in done.stderr


def test_what_is_not_ssh_gets_a_line_in_the_log(tmp_path: Path) -> None:
    with pyssh_server(tmp_path) as server:
        with socket.create_connection((LOOPBACK, server.port)) as sock:
            sock.settimeout(SECONDS)
            sock.sendall(b"GET / HTTP/1.1\r\nHost: \x1b[31mred\r\n\r\n")
            while sock.recv(65536):
                pass
        server.running.wait_for("failed before login")
        assert "\x1b" not in server.log
