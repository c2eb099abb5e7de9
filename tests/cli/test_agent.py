"""`pyssh agent` as a command: flags, what it prints, sockets, processes, signals."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyssh.agent.framing import LENGTH_SIZE, decode_length, encode_frame
from pyssh.agent.identities import encode_identity
from pyssh.agent.messages import AddIdentity, IdentitiesAnswer, RequestIdentities
from pyssh.keys.private import generate_private_key
from pyssh_cli.agent.request import DEFAULT_DIRECTORY, CommandError, parse_request
from pyssh_cli.agent.sockets import expand
from pyssh_cli.commands import agent
from pyssh_cli.main import run
from tests.support.agent import SECONDS, running_agent, started
from tests.support.peers import NEWEST, ROOT, require
from tests.support.pyssh_client import PYSSH

PRINTED = re.compile(
    r"SSH_AUTH_SOCK=(\S+); export SSH_AUTH_SOCK;\nSSH_AGENT_PID=(\d+); export SSH_AGENT_PID;\n"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose name is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="agent") as name:
        yield Path(name)


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def ask(path: str | Path, request: bytes) -> bytes:
    """Ask an agent one thing; returns the payload of its answer, or nothing if it closes the connection."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(SECONDS)
        sock.connect(str(path))
        sock.sendall(request)
        stream = sock.makefile("rb")
        header = stream.read(LENGTH_SIZE)
        return stream.read(decode_length(header)) if header else b""


def count(path: str | Path) -> int:
    return IdentitiesAnswer.decode(ask(path, encode_frame(RequestIdentities()))).number_of_keys


def add_key(path: str | Path) -> None:
    request = AddIdentity(encode_identity(generate_private_key("ed25519"), ""))
    assert ask(path, encode_frame(request)) == b"\6"


def pyssh_agent(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PYSSH, "agent", *arguments],
        env={**os.environ, **environ},
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


@contextlib.contextmanager
def background(*arguments: str | Path, **environ: str) -> Iterator[tuple[str, int, str]]:
    """An agent in the background: its socket, its process, and what was printed."""
    done = pyssh_agent(*arguments, **environ)
    assert done.returncode == 0, done.stderr
    found = re.search(r"SSH_AUTH_SOCK[= ]'?([^;']+)'?;[^\0]*Agent pid (\d+)", done.stdout)
    assert found, done.stdout
    path, process = found[1], int(found[2])
    try:
        yield path, process, done.stdout
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)
        wait_until(lambda: not Path(path).exists())


# --- beginning and end


def test_in_the_background(folder: Path) -> None:
    with background("-s", "-A", "user:%h/a", HOME=str(folder)) as (path, process, printed):
        assert PRINTED.match(printed)
        assert re.fullmatch(rf"{folder}/a/s\.\w{{10}}\.local\.\d+\.\w{{10}}", path)
        status = Path(path).stat()
        assert status.st_mode & 0o777 == 0o600
        assert Path(path).parent.stat().st_mode & 0o777 == 0o700
        assert count(path) == 0
        # nothing keeps it to the terminal or folder that it was started in
        assert os.getsid(process) == process
        assert Path(f"/proc/{process}/cwd").readlink() == Path("/")
        # keys do not get into core files
        assert re.search(r"Max core file size +0 +0 ", Path(f"/proc/{process}/limits").read_text())
        done = pyssh_agent("-k", SSH_AGENT_PID=str(process))
        assert done.returncode == 0
        assert (
            done.stdout == f"unset SSH_AUTH_SOCK;\nunset SSH_AGENT_PID;\necho Agent pid {process} killed;\n"
        )
        wait_until(lambda: not Path(path).exists())


def test_no_agent_stays_that_nobody_was_told_of(folder: Path) -> None:
    path = folder / "sock"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PYSSH, "agent", "-a", path], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (1, "pyssh: cannot write: No space left on device\n")
    wait_until(lambda: not path.exists())


def test_for_a_c_shell(folder: Path) -> None:
    with background("-a", folder / "agent", SHELL="/bin/tcsh") as (path, process, printed):
        assert printed == (
            f"setenv SSH_AUTH_SOCK {path};\nsetenv SSH_AGENT_PID {process};\necho Agent pid {process};\n"
        )
        done = pyssh_agent("-c", "-k", SSH_AGENT_PID=str(process))
        assert done.stdout.startswith("unsetenv SSH_AUTH_SOCK;\nunsetenv SSH_AGENT_PID;\n")
        wait_until(lambda: not Path(path).exists())


def test_a_shell_reads_any_path(folder: Path) -> None:
    path = folder / "it's; $HOME"
    script = f'eval "$("$@")"; test -S "$SSH_AUTH_SOCK" && {" ".join(PYSSH)} agent -k'
    command = ["sh", "-c", script, "sh", *PYSSH, "agent", "-s", "-a", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS)
    assert done.stdout.startswith("Agent pid ")
    wait_until(lambda: not path.exists())


def test_a_private_directory_of_its_own(folder: Path) -> None:
    with background("-T", TMPDIR=str(folder)) as (path, _, _):
        assert re.fullmatch(rf"{folder}/ssh-\w+/agent\.local\.\d+", path)
        assert Path(path).parent.stat().st_mode & 0o777 == 0o700
    wait_until(lambda: not list(folder.iterdir()))


def test_a_command_under_it(folder: Path) -> None:
    path = folder / "agent"
    script = f'test -S "$SSH_AUTH_SOCK" && test "$SSH_AUTH_SOCK" = {path} && kill -0 $SSH_AGENT_PID && exit 7'
    assert pyssh_agent("-a", path, "sh", "-c", script).returncode == 7
    # and it ends with the command
    wait_until(lambda: not path.exists())


def test_a_command_that_is_none(folder: Path) -> None:
    done = pyssh_agent("-a", folder / "agent", "no-such-command")
    assert (done.returncode, done.stderr) == (1, "no-such-command: No such file or directory\n")
    wait_until(lambda: not (folder / "agent").exists())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_end_it(number: signal.Signals) -> None:
    with running_agent() as running:
        os.kill(running.running.process.pid, number)
        assert running.running.process.wait(SECONDS) == 2
        assert not running.path.exists()


def test_a_signal_has_it_forget_all_keys() -> None:
    with running_agent() as running:
        add_key(running.path)
        assert count(running.path) == 1
        os.kill(running.running.process.pid, signal.SIGUSR1)
        running.running.wait_for("removing all keys")
        assert count(running.path) == 0


def test_keys_go_after_the_time_that_the_command_gives() -> None:
    with running_agent("-t", "1") as running:
        add_key(running.path)
        running.running.wait_for("expired: ssh-ed25519")
        assert count(running.path) == 0


def test_keys_may_stay_for_years() -> None:
    """No system call waits as long as that."""
    with running_agent("-t", "520w") as running:
        add_key(running.path)
        assert count(running.path) == 1


# --- sockets


def test_a_socket_from_systemd(folder: Path) -> None:
    path = folder / "socket"
    # what systemd does: the socket is descriptor 3, and the variables name this very process
    launcher = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3); "
        "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1'); "
        "os.execv(sys.argv[2], sys.argv[2:])"
    )
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        descriptor = listener.fileno()
        command = [sys.executable, "-c", launcher, str(descriptor), *PYSSH, "agent", "-D"]
        with started(command, pass_fds=(descriptor,), stdout=subprocess.PIPE) as process:
            add_key(path)
            assert count(path) == 1
            process.terminate()
            assert process.wait(SECONDS) == 2
            assert process.stdout
            assert process.stdout.read() == b""
    # it is systemd's
    assert path.exists()


def test_sockets_of_dead_agents_are_deleted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = folder / "a"
    with background("-A", f"user:{directory}") as (path, _, _):
        prefix = ".".join(Path(path).name.split(".")[:2])

        def make(name: str, *, age: float, listens: bool = False) -> socket.socket:
            made = socket.socket(socket.AF_UNIX)
            made.bind(str(directory / name))
            if listens:
                made.listen()
            os.utime(directory / name, (time.time() - age,) * 2)
            return made

        with (
            make(f"{prefix}.dead", age=4000),
            make(f"{prefix}.young", age=10),
            make(f"{prefix}.alive", age=4000, listens=True),
            make("s.elsewhere.dead", age=4000),
        ):
            (directory / f"{prefix}.file").touch()
            os.utime(directory / f"{prefix}.file", (0, 0))
            kept = {Path(path).name, f"{prefix}.young", f"{prefix}.alive", f"{prefix}.file"}
            assert agent.main(["-u", "-A", f"user:{directory}"]) == 0
            assert capsys.readouterr().out.count("\n") == 1
            assert {found.name for found in directory.iterdir()} == kept | {"s.elsewhere.dead"}
            assert agent.main(["-u", "-u", "-A", f"user:{directory}"]) == 0
            assert {found.name for found in directory.iterdir()} == kept


def test_an_agent_that_starts_cleans_up(folder: Path) -> None:
    with background("-A", f"user:{folder}/a") as (path, _, _):
        prefix = ".".join(Path(path).name.split(".")[:2])
    stale = folder / "a" / f"{prefix}.stale"
    for flags, remains in ((("-U",), True), ((), False)):
        with socket.socket(socket.AF_UNIX) as dead:
            if not stale.exists():
                dead.bind(str(stale))
        os.utime(stale, (0, 0))
        with background(*flags, "-A", f"user:{folder}/a"):
            assert stale.exists() is remains


@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_directory_that_others_can_change_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], mode: int
) -> None:
    (folder / "open").mkdir()
    (folder / "open").chmod(mode)
    assert agent.main(["-D", "-A", f"user:{folder}/open"]) == 1
    assert "not yours alone" in capsys.readouterr().err


def test_other_users_are_refused() -> None:
    require(ROOT)
    look = [sys.executable, "-c"]
    look += ["import socket, sys; s = socket.socket(1); s.connect(sys.argv[1]); s.send(b'\\0\\0\\0\\1\\x0b')"]
    look[-1] += "; sys.stdout.buffer.write(s.recv(9))"
    with running_agent() as running:
        running.path.chmod(0o666)
        as_root = subprocess.run([*look, running.path], check=True, capture_output=True)
        assert as_root.stdout == b"\0\0\0\5\x0c\0\0\0\0"
        other = ["setpriv", "--reuid", "65534", "--clear-groups", "--"]
        as_other = subprocess.run([*other, *look, running.path], check=False, capture_output=True)
        assert as_other.stdout == b""
        running.running.wait_for("a connection refused: it is of user 65534")


def test_the_memory_of_an_agent_is_nobody_elses(folder: Path) -> None:
    require(ROOT)
    folder.chmod(0o777)
    # what the other user can no longer read is loaded before; a change of user alone protects the memory, so
    # that is taken back (PR_SET_DUMPABLE)
    script = (
        "import ctypes, os, sys; import pyssh_cli.agent.start, pyssh_cli.agent.server, pyssh.keys.ed25519; "
        "from pyssh_cli.commands import agent; os.setgid(65534); os.setuid(65534); "
        "ctypes.CDLL(None).prctl(4, 1, 0, 0, 0); "
        "sys.exit(agent.main(['-D', '-a', sys.argv[1]]))"
    )
    command = [sys.executable, "-c", script, str(folder / "agent")]
    with started(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline().startswith(b"SSH_AUTH_SOCK=")
        # root may ask it, and then it is past its beginnings
        assert count(folder / "agent") == 0
        assert Path(f"/proc/{process.pid}").stat().st_uid == 65534
        # a process that others of the same user may trace has files of that user's in there
        assert Path(f"/proc/{process.pid}/mem").stat().st_uid == 0
        process.terminate()
        assert process.wait(SECONDS) == 2


def test_what_is_no_message_ends_the_connection_and_nothing_else() -> None:
    with running_agent() as running:
        assert ask(running.path, b"\xff\xff\xff\xff") == b""
        assert count(running.path) == 0


# --- arguments


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-x"], 1, "unknown option -x"),
        (["-c", "-s"], 1, "-c and -s"),
        (["-d", "-D"], 1, "-d and -D"),
        (["-T", "-a", "x"], 1, "-a, -A and -T"),
        (["-A", "x", "-a", "x"], 1, "-a, -A and -T"),
        (["-P", "x", "-P", "y"], 1, "-P was given twice"),
        (["-u", "-U"], 1, "-u and -U"),
        (["-s", "true"], 1, "-s does not go with a command"),
        (["-k", "true"], 1, "-k does not go with a command"),
        (["-t", "soon"], 1, "Invalid lifetime"),
        (["-E", "sha3"], 255, 'Invalid hash algorithm "sha3"'),
        (["-O", "no-restrict-websafe"], 255, "is not supported"),
        (["-O", "x"], 255, "is unknown"),
        (["-A", "x"], 1, "begins with user:"),
        (["-A", "shared:x"], 1, "begins with user:"),
        (["-A", "shared:/nonexistent"], 1, "No such file or directory"),
        (["-A", "user:%x"], 1, "unknown token %x"),
        (["-a", "/nonexistent/x"], 1, "cannot listen at /nonexistent/x: No such file or directory"),
        (["-a", "/" + "x" * 200], 1, "too long for a socket"),
        (["-k"], 1, "SSH_AGENT_PID not set, cannot kill agent"),
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str) -> None:
    assert agent.main(arguments) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("process", ["", "x", "0", "1", "-5", "1x", "99999999999", "\u0663\u0663"])
def test_processes_that_are_not_ended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], process: str
) -> None:
    monkeypatch.setenv("SSH_AGENT_PID", process)
    assert agent.main(["-k"]) == 1
    assert "which is not a good PID" in capsys.readouterr().err


def test_a_process_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    monkeypatch.setenv("SSH_AGENT_PID", str(gone.pid))
    assert agent.main(["-k"]) == 1
    assert capsys.readouterr().err == "kill: No such process\n"


def test_a_path_that_is_taken(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "file").write_text("mine")
    assert agent.main(["-a", str(folder / "file")]) == 1
    assert "Address already in use" in capsys.readouterr().err
    assert (folder / "file").read_text() == "mine"


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["agent", "--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: pyssh agent ")


def test_what_the_flags_mean() -> None:
    request = parse_request(["-DU", "-t1h", "-Emd5", "-P/a/*"], {"SHELL": "/bin/csh"})
    assert request is not None
    assert (request.lifetime, request.hash_name, request.providers) == (3600, "md5", "/a/*")
    assert (request.foreground, request.debug, request.clean_up) == (True, False, 0)
    assert (request.directory, request.c_shell, request.takes_activation) == (DEFAULT_DIRECTORY, True, True)
    # with a place of its own a socket from systemd is not meant
    request = parse_request(["-D", "-a", "x", "-t0"], {})
    assert request is not None
    assert (request.takes_activation, request.lifetime, request.clean_up) == (False, None, 1)


def test_directories(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert expand(".ssh/agent") == "/home/me/.ssh/agent"
    assert expand("~/x") == expand("%h/x") == "/home/me/x"
    assert expand("/run/%U/100%%") == f"/run/{os.getuid()}/100%"
    for wrong in ("%", "a%x", "%%%"):
        with pytest.raises(CommandError, match="unknown token"):
            expand(wrong)
    monkeypatch.setenv("HOME", "nowhere")
    with pytest.raises(CommandError, match="no home directory"):
        expand("x")


def test_the_socket_is_where_openssh_looks_for_its_own(folder: Path) -> None:
    require(NEWEST)
    ours, theirs = folder / "ours", folder / "theirs"
    with background("-A", f"user:{ours}") as (path, _, _):
        command = [str(NEWEST.path("ssh-agent")), "-A", f"user:{theirs}", "sh", "-c", 'echo "$SSH_AUTH_SOCK"']
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        # the part that stands for the host, so that each deletes what the other one left
        assert Path(path).name.split(".")[:3] == Path(said).name.split(".")[:3]
