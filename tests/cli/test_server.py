"""pyssh-server as a user runs it: first start, checking, daemons, and everything that can be wrong."""

import os
import re
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pexpect
import pytest

from pyssh.about import VERSION
from pyssh_cli.commands.serve import FLAGS
from pyssh_cli.server.passwords import parse_hash
from tests.support import peers
from tests.support.processes import LOOPBACK, RunningProcess, free_port
from tests.support.pyssh_server import COMMAND, pyssh_server

SECONDS = 30.0


def run(*words: str, **settings: Any) -> "subprocess.CompletedProcess[str]":
    settings = {"stdin": subprocess.DEVNULL} | settings
    if "input" in settings:
        del settings["stdin"]
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, timeout=SECONDS, check=False, **settings
    )


def started(*words: str) -> RunningProcess:
    return RunningProcess([*COMMAND, "--listen", LOOPBACK, "-p", "0", *words], "^(with|but) ")


# --- starting without any configuration


def test_it_says_where_it_listens_and_how_to_log_in(own_home: Path) -> None:
    server = started()
    server.close()
    port = re.search(r"Server listening on 127\.0\.0\.1 port (\d+)\.", server.log)
    assert port
    assert re.search(r"Host key ssh-ed25519 SHA256:[A-Za-z0-9+/]{43}\n", server.log)
    assert re.search(rf"    \S*ssh.* -p {port[1]} \S+@localhost\n", server.log)


def test_the_host_key_is_made_once_and_is_private(own_home: Path) -> None:
    key = own_home / ".local" / "state" / "pyssh" / "ssh_host_ed25519_key"
    shown = []
    for _ in range(2):
        server = started()
        server.close()
        shown.append(re.search(r"SHA256:\S+", server.log))
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert shown[0]
    assert shown[1]
    assert shown[0][0] == shown[1][0]
    assert [path.name for path in key.parent.iterdir()] == [key.name, f"{key.name}.pub"] or len(
        list(key.parent.iterdir())
    ) == 2


def test_the_state_may_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert run("-t").returncode == 0
    assert (tmp_path / "state" / "pyssh" / "ssh_host_ed25519_key").exists()


def test_several_that_start_at_once_agree_on_a_key() -> None:
    starting = [
        subprocess.Popen([*COMMAND, "-t"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(4)
    ]
    for process in starting:
        assert process.communicate(timeout=SECONDS)[1] == b""
        assert process.returncode == 0


def test_without_a_terminal_no_password_is_made() -> None:
    server = started()
    server.close()
    assert "this run has a password" not in server.log
    assert "nobody can log in yet" in server.log or "an account of this system" in server.log


def test_on_a_terminal_a_password_is_made_for_the_run() -> None:
    peers.require(peers.PARAMIKO)
    import paramiko  # noqa: PLC0415  # a peer may be missing

    port = free_port()
    words = [*COMMAND[1:], "--listen", f"{LOOPBACK}:{port}"]
    child: pexpect.spawn[str] = pexpect.spawn(COMMAND[0], words, encoding="utf-8", timeout=SECONDS)
    child.expect("this run has a password")
    child.expect(r"    ([a-z0-9-]{23})\r\n")
    assert child.match
    password = child.match[1]
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    settings: dict[str, Any] = {"allow_agent": False, "look_for_keys": False, "timeout": SECONDS}
    user = peers.current_user()
    with pytest.raises(paramiko.AuthenticationException):
        client.connect(LOOPBACK, port, user, password=password[:-1], **settings)
    client.connect(LOOPBACK, port, user, password=password, **settings)
    assert client.exec_command("echo in")[1].read() == b"in\n"
    client.close()
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_with_an_authorized_key_no_password_is_made(own_home: Path) -> None:
    (own_home / ".ssh").mkdir(mode=0o700)
    identity = peers.make_key(own_home / ".ssh" / "id")
    keys = own_home / ".ssh" / "authorized_keys"
    keys.write_text(identity.with_suffix(".pub").read_text())
    keys.chmod(0o600)
    port = free_port()
    words = [*COMMAND[1:], "--listen", f"{LOOPBACK}:{port}"]
    child: pexpect.spawn[str] = pexpect.spawn(COMMAND[0], words, encoding="utf-8", timeout=SECONDS)
    child.expect("there is 1")
    assert "password," not in child.before
    done = subprocess.run(
        peers.ssh_command(port, identity, "echo in"), capture_output=True, timeout=SECONDS, check=False
    )
    assert done.stdout == b"in\n"
    child.terminate()
    child.expect(pexpect.EOF)


def test_the_password_of_a_user_leaves_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYSSH_PASSWORD", "secret")
    with pyssh_server(tmp_path, "--user", peers.current_user()) as server:
        done = subprocess.run(server.ssh("env"), capture_output=True, timeout=SECONDS, check=False)
    assert b"HOME=" in done.stdout
    assert b"secret" not in done.stdout


# --- checking and printing


def test_check(tmp_path: Path) -> None:
    config = tmp_path / "sshd_config"
    config.write_text("Port 2222\nMatch User a\nForceCommand b\n")
    done = run("-t", "-f", str(config))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_print(tmp_path: Path) -> None:
    config = tmp_path / "sshd_config"
    config.write_text("Port 2222\nMaxSessions 3\nMaxAuthTries 3\n")
    done = run("-T", "-f", str(config), "-o", "MaxAuthTries=4", "-p", "2200")
    lines = done.stdout.splitlines()
    assert {"Port 2200", "MaxSessions 3", "MaxAuthTries 4"} <= set(lines)
    assert "Port 2222" not in lines
    config.write_text(done.stdout)
    assert run("-T", "-f", str(config)).stdout == done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--version"], f"pyssh-server {VERSION}\n"),
        (["-v", "--version"], f"pyssh-server {VERSION}\n"),
        (["--help"], "usage: pyssh-server"),
    ],
)
def test_questions(words: list[str], said: str) -> None:
    done = run(*words)
    assert done.returncode == 0
    assert done.stdout.startswith(said)


BAD = [
    (["-x"], "unknown option -x; pyssh-server --help"),
    (["--port"], "option --port needs a value: PORT"),
    (["-p", "70000"], '"70000" is not a port'),
    (["-p", "x"], '"x" is not a port'),
    (["--listen", "[::1"], "brackets"),
    (["word"], "nothing to do with word"),
    (["-f", "/no/such/file"], "/no/such/file: there is no such file"),
    (["-o", "Nonsense=1"], "command line: Nonsense: it is not a keyword of sshd_config"),
    (["-o", "UsePAM=yes"], "not supported yet"),
    (["-o", "PermitTunnel=yes"], "not supported yet"),
    (["-o", "Subsystem=sftp internal-sftp"], "internal-sftp is not supported yet"),
    (["-o", "ForceCommand=internal-sftp"], "internal-sftp is not supported yet"),
    (["-o", "MaxAuthTries=x"], "MaxAuthTries"),
    (["-o", "Banner=/no/such/banner"], "/no/such/banner"),
    (["-o", "KexAlgorithms=nothing"], "KexAlgorithms"),
    (["--host-key", "/no/such/key"], "/no/such/key: cannot read it: No such file"),
    (["--host-key", "/etc/passwd"], "/etc/passwd"),
    (["--password-file", "/no/such/file"], "/no/such/file: cannot read it: No such file"),
    (["--user", "me"], "PYSSH_PASSWORD"),
    (["-i", "--daemon"], "cannot go with --daemon"),
    (["-t", "-E", "/no/such/folder/log"], ""),
    (["--listen", "203.0.113.77"], "this machine does not have that address"),
    (["-E", "/no/such/folder/log", "--listen", "127.0.0.1:0"], "cannot write the log"),
]


@pytest.mark.parametrize(
    ("words", "said"), BAD, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_bad_input_is_one_line(words: list[str], said: str) -> None:
    done = run(*words)
    lines = [line for line in done.stderr.splitlines() if line.startswith("pyssh-server: ")]
    if not said:
        assert done.returncode == 0
        return
    assert done.returncode == 1
    assert said in lines[-1]
    assert "Traceback" not in done.stderr


def test_a_host_key_that_others_can_read(tmp_path: Path) -> None:
    key = peers.make_key(tmp_path / "key")
    key.chmod(0o644)
    assert "0644" in run("-t", "--host-key", str(key)).stderr


def test_a_host_key_with_a_passphrase(tmp_path: Path) -> None:
    key = peers.make_key(tmp_path / "key", passphrase="secret")
    assert "passphrase" in run("-t", "--host-key", str(key)).stderr


def test_a_port_that_is_taken() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        done = run("--listen", f"{LOOPBACK}:{port}")
    assert done.returncode == 1
    assert f"port {port}: Address already in use; another server has it" in done.stderr


def test_a_bad_line_of_a_password_file(tmp_path: Path) -> None:
    path = tmp_path / "passwords"
    path.write_text("# users\nme:plain\n")
    assert f"{path} line 2: this is not a hash" in run("--password-file", str(path)).stderr


# --- passwords


def test_hash_password() -> None:
    done = run("--hash-password", input="secret\n")
    assert parse_hash(done.stdout.strip()).matches("secret")
    line = run("--hash-password", "me", input="secret\n").stdout
    assert line.startswith("me:")
    assert parse_hash(line.strip().partition(":")[2]).matches("secret")
    assert run("--hash-password", input="\n").returncode == 1


def test_hash_password_asks_twice_on_a_terminal() -> None:
    words = [*COMMAND[1:], "--hash-password"]
    child: pexpect.spawn[str] = pexpect.spawn(COMMAND[0], words, encoding="utf-8", timeout=SECONDS)
    child.expect("Password: ")
    child.sendline("secret")
    child.expect("The same again: ")
    child.sendline("secret")
    child.expect(pexpect.EOF)
    assert "secret" not in child.before
    assert parse_hash(child.before.strip()).matches("secret")


# --- its life


def test_sigterm_ends_it_and_its_sessions(tmp_path: Path) -> None:
    peers.require(peers.NEWEST)
    with pyssh_server(tmp_path, "-o", f"PidFile={tmp_path}/pid") as server:
        assert (tmp_path / "pid").read_text() == f"{server.pid}\n"
        client = subprocess.Popen(server.ssh("echo in; sleep 1000"), stdout=subprocess.PIPE)
        assert client.stdout is not None
        assert client.stdout.readline() == b"in\n"
        server.running.process.terminate()
        assert server.running.process.wait(SECONDS) == 0
        assert client.wait(SECONDS) == 255
        client.stdout.close()
        assert not (tmp_path / "pid").exists()


def test_it_ends_with_the_terminal_it_was_started_in() -> None:
    words = [*COMMAND[1:], "--listen", LOOPBACK, "-p", "0"]
    child: pexpect.spawn[str] = pexpect.spawn(COMMAND[0], words, encoding="utf-8", timeout=SECONDS)
    child.expect("this run has a password")
    os.kill(child.pid, signal.SIGHUP)  # somebody asks for the configuration to be read again
    child.expect("Received SIGHUP; new connections")
    pid = child.pid
    os.close(child.child_fd)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    child.closed = True


def test_a_daemon(tmp_path: Path) -> None:
    peers.require(peers.NEWEST)
    identity = peers.make_key(tmp_path / "id")
    port = free_port()
    pid_file, log = tmp_path / "pid", tmp_path / "log"
    words = ("--daemon", "--listen", f"{LOOPBACK}:{port}", "-o", f"PidFile={pid_file}", "-E", str(log))
    done = run(*words, "--authorized-keys", str(identity.with_suffix(".pub")), cwd=tmp_path)
    assert done.returncode == 0
    assert f"Server listening on {LOOPBACK} port {port}." in done.stderr
    client = subprocess.run(
        peers.ssh_command(port, identity, "ps -o sid= -p $PPID"),
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    pid = int(pid_file.read_text())
    try:
        assert client.returncode == 0
        assert "Accepted publickey" in log.read_text()
    finally:
        os.kill(pid, signal.SIGTERM)
    for _ in range(int(SECONDS * 20)):
        if not pid_file.exists():
            return
        time.sleep(0.05)
    pytest.fail("the daemon did not end")


def test_one_connection_on_standard_streams(tmp_path: Path) -> None:
    peers.require(peers.NEWEST)
    identity = peers.make_key(tmp_path / "id")
    words = [*COMMAND, "-i", "--authorized-keys", str(identity.with_suffix(".pub"))]
    proxy = " ".join(f"'{word}'" for word in words)
    command = peers.ssh_command(1, identity, "echo in $SSH_CLIENT", options=["-o", f"ProxyCommand={proxy}"])
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout) == (0, "in UNKNOWN 65535 65535\n")
    assert done.stderr == ""


def test_signals_that_were_ignored_act_in_sessions(tmp_path: Path) -> None:
    peers.require(peers.NEWEST)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pyssh_server(tmp_path) as server:
            done = subprocess.run(
                server.ssh("kill -INT $$; echo still here"), capture_output=True, timeout=SECONDS, check=False
            )
    finally:
        signal.signal(signal.SIGINT, before)
    assert done.stdout == b""


def test_every_option_is_in_the_manual_and_the_other_way_round() -> None:
    manual = (Path(__file__).resolve().parents[2] / "man" / "pyssh-server.8").read_text()
    listed = manual.partition("The options are as follows:")[2].partition(".Sh CONFIGURATION")[0]
    there = set(re.findall(r"(?:^\.It|,) Fl (\S+)", listed, re.MULTILINE))
    ours = {flag.letter for flag in FLAGS if flag.letter} | {f"-{flag.name}" for flag in FLAGS if flag.name}
    assert there == ours
