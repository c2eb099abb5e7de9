"""Sessions of pyssh-server with the newest ssh as the client: commands, pipes, statuses, terminals, ends."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from tests.support import peers
from tests.support.pyssh_server import PysshServer, pyssh_server

SECONDS = 30.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PysshServer]:
    peers.require(peers.NEWEST)
    sftp = f"Subsystem=sftp {peers.NEWEST.path('sftp-server')}"
    with pyssh_server(tmp_path_factory.mktemp("server"), "-v", "-o", sftp) as running:
        yield running


def run(server: PysshServer, *words: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(server.ssh(*words), input=given, capture_output=True, timeout=SECONDS, check=False)


def wait_for(condition: object, what: str) -> None:
    assert callable(condition)
    for _ in range(int(SECONDS * 20)):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail(what)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_outputs_stay_apart_and_the_status_is_exact(server: PysshServer) -> None:
    done = run(server, "echo out; echo err >&2; exit 7")
    assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 7)


@pytest.mark.parametrize("status", [0, 1, 127, 255])
def test_statuses(server: PysshServer, status: int) -> None:
    assert run(server, f"exit {status}").returncode == status


@pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV"])
def test_a_command_that_dies_of_a_signal_says_so(server: PysshServer, name: str) -> None:
    command = server.ssh(f"kill -{name} $$", options=["-o", "LogLevel=DEBUG1"])
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 255
    assert "rtype exit-signal" in done.stderr


def test_a_shell_that_cannot_find_the_command_says_so_itself(server: PysshServer) -> None:
    done = run(server, "no-such-command-here")
    assert done.returncode == 127
    assert b"not found" in done.stderr


def test_the_end_of_input_is_passed_on_and_output_goes_on(server: PysshServer, tmp_path: Path) -> None:
    data = os.urandom(3 * 1024 * 1024)
    target = tmp_path / "file"
    done = run(server, f"cat > {target}; wc -c < {target}", given=data)
    assert done.stdout.split() == [str(len(data)).encode()]
    assert target.read_bytes() == data


def test_much_on_all_three_streams_at_once(server: PysshServer) -> None:
    data = os.urandom(2 * 1024 * 1024)
    done = run(server, "tee /dev/stderr", given=data)
    assert done.stdout == data
    assert done.stderr == data


def test_a_command_that_does_not_read_its_input(server: PysshServer) -> None:
    assert run(server, "head -c 5", given=b"x" * 4_000_000).stdout == b"xxxxx"


def test_a_shell_without_a_terminal(server: PysshServer) -> None:
    done = subprocess.run(
        server.ssh(options=["-T"]),
        input=b"echo $0 $((6 * 7))\n",
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.stdout.split()[-1] == b"42"
    assert done.stdout.startswith(b"-")  # a login shell


def test_the_environment_is_made_from_nothing(server: PysshServer) -> None:
    done = run(server, "env")
    found = dict(line.split("=", 1) for line in done.stdout.decode().splitlines() if "=" in line)
    assert {"HOME", "USER", "LOGNAME", "SHELL", "PATH", "SSH_CONNECTION", "SSH_CLIENT"} <= found.keys()
    assert not {name for name in found if name.startswith(("PYTHON", "PYTEST", "LD_"))}
    peer, peer_port, local, local_port = found["SSH_CONNECTION"].split()
    assert (peer, local, local_port) == ("127.0.0.1", "127.0.0.1", str(server.port))
    assert found["SSH_CLIENT"] == f"{peer} {peer_port} {local_port}"


def terminal(server: PysshServer, *words: str) -> "pexpect.spawn[str]":
    command = server.ssh(*words, options=["-tt"])
    child: pexpect.spawn[str] = pexpect.spawn(
        command[0], command[1:], dimensions=(33, 101), encoding="utf-8", timeout=SECONDS
    )
    return child


def test_a_shell_in_a_terminal(server: PysshServer) -> None:
    child = terminal(server)
    child.sendline("PS1=; echo ready$((1 + 1))")
    child.expect("ready2")
    child.sendline("stty size; echo $0,$TERM,$SSH_TTY,$(tty); echo done$((2 + 2))")
    child.expect("done4")
    assert "33 101" in child.before
    facts = next(line for line in child.before.splitlines() if line.startswith("-")).split(",")
    assert facts[2].startswith("/dev/pts/")
    assert facts[2] == facts[3]
    child.setwinsize(44, 99)
    child.sendline("until stty size | grep -q '44 99'; do :; done; echo resized$((3 + 3))")
    child.expect("resized6")
    child.sendline("sleep 1000")
    child.sendintr()
    child.sendline("echo status$?,$((4 + 4))")
    child.expect("status130,8")
    child.sendline("exit 3")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3


def test_terminal_modes_are_those_of_the_client(server: PysshServer) -> None:
    child = terminal(server, "stty -a; true")
    # a mode that nobody has by default, set on the client's terminal before ssh reads it
    child.expect(pexpect.EOF)
    assert "intr = ^C" in child.before
    command = " ".join(f"'{word}'" for word in server.ssh("stty -a", options=["-tt"]))
    changed: pexpect.spawn[str] = pexpect.spawn(
        "/bin/sh", ["-c", f"stty intr ^K -ixon; exec {command}"], encoding="utf-8", timeout=SECONDS
    )
    changed.expect(pexpect.EOF)
    assert "intr = ^K" in changed.before
    assert " -ixon" in changed.before


def test_a_job_in_the_background_does_not_keep_the_terminal(server: PysshServer) -> None:
    child = terminal(server, "sleep 1000 & echo $!; echo last words")
    child.expect(pexpect.EOF)
    assert "last words" in child.before
    os.kill(int(child.before.split()[0]), signal.SIGKILL)


@pytest.mark.parametrize("options", [[], ["-tt"]])
def test_a_connection_that_dies_takes_its_processes_along(
    server: PysshServer, options: list[str], tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    command = server.ssh(f"sleep 1000 & echo $$ $! > {pids}; sleep 1000", options=options)
    client = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 2, "the command did not start")
    shell, job = map(int, pids.read_text().split())
    client.kill()
    client.wait()
    wait_for(lambda: not is_alive(shell) and not is_alive(job), "processes are left")
    # reaped, too: none of the server's children is a zombie
    wait_for(lambda: not Path(f"/proc/{shell}").exists(), "the shell was not reaped")


def test_descriptors_are_given_back(server: PysshServer) -> None:
    folder = Path(f"/proc/{server.pid}/fd")
    run(server, "true")
    before = len(list(folder.iterdir()))
    for _ in range(3):
        run(server, "echo out")
        terminal(server, "true").expect(pexpect.EOF)
    wait_for(lambda: len(list(folder.iterdir())) <= before, "descriptors are left")


def test_a_client_that_does_not_read_costs_no_memory(server: PysshServer) -> None:
    def resident() -> int:
        text = Path(f"/proc/{server.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) * 1024

    run(server, "head -c 20000000 /dev/zero")
    before = resident()
    client = subprocess.Popen(server.ssh("echo go; yes"), stdout=subprocess.PIPE)
    assert client.stdout is not None
    assert client.stdout.read(3) == b"go\n"
    try:
        # until `yes` has filled everything between it and us, and nothing moves any more
        seen = [Path(f"/proc/{server.pid}/io").read_text()]
        wait_for(lambda: _has_settled(server.pid, seen), "the transfer did not stop")
        assert resident() - before < 10_000_000
    finally:
        client.kill()
        client.wait()
        client.stdout.close()


def _has_settled(pid: int, seen: list[str]) -> bool:
    time.sleep(0.2)
    seen.append(Path(f"/proc/{pid}/io").read_text())
    return seen[-1] == seen[-2]


def test_sftp_and_scp_through_an_sftp_server(server: PysshServer, tmp_path: Path) -> None:
    data = os.urandom(1_000_000)
    (tmp_path / "here").write_bytes(data)
    common = ["-S", str(peers.NEWEST.path("ssh")), *peers.ssh_options(), "-i", str(server.identity)]
    where = f"{server.user}@127.0.0.1"
    scp = [str(peers.NEWEST.path("scp")), "-q", *common, "-P", str(server.port), str(tmp_path / "here")]
    subprocess.run([*scp, f"{where}:{tmp_path}/there"], check=True, timeout=SECONDS)
    assert (tmp_path / "there").read_bytes() == data
    sftp = [str(peers.NEWEST.path("sftp")), "-q", *common, "-P", str(server.port), "-b", "-", where]
    batch = f"get {tmp_path}/there {tmp_path}/again\n"
    subprocess.run(sftp, input=batch.encode(), check=True, timeout=SECONDS, capture_output=True)
    assert (tmp_path / "again").read_bytes() == data


def test_an_unknown_subsystem_is_refused(server: PysshServer) -> None:
    command = server.ssh("nothing", options=["-s"])
    done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode != 0
    assert "subsystem nothing refused" in server.log


def test_more_host_keys_are_told_and_proved(tmp_path: Path) -> None:
    peers.require(peers.NEWEST)
    other = peers.make_key(tmp_path / "other", "ecdsa")
    known = tmp_path / "known_hosts"
    with pyssh_server(tmp_path, "--host-key", str(other)) as server:
        kind, blob, *_ = server.host_key.read_text().split()
        known.write_text(f"[127.0.0.1]:{server.port} {kind} {blob}\n")
        settings = {"UserKnownHostsFile": known, "UpdateHostKeys": "yes", "StrictHostKeyChecking": "yes"}
        options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        # the command ends when ssh has written down the key that it did not know
        command = f"timeout {SECONDS} sh -c 'until grep -q ecdsa {known}; do :; done'"
        done = subprocess.run(server.ssh(command, options=options), timeout=2 * SECONDS, check=False)
    assert done.returncode == 0
    assert other.with_suffix(".pub").read_text().split()[1] in known.read_text()
