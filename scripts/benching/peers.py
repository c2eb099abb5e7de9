"""The servers and clients that are compared, each started as a user would start it."""

import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import IO, NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
GCM, CHACHA = "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"
MIB = 1 << 20
_ASYNCSSH = str(ROOT / "scripts/benching/asyncssh_side.py")
_TICK = os.sysconf("SC_CLK_TCK")


class Setup(NamedTuple):
    """What both sides are started with."""

    folder: Path
    openssh: Path
    python: str

    @property
    def key(self) -> str:
        return str(self.folder / "key")

    @property
    def host_key(self) -> str:
        return str(self.folder / "host_key")

    @property
    def authorized_keys(self) -> str:
        return str(self.folder / "key.pub")

    def make_key(self, name: str, *words: str) -> Path:
        """Make a key without a passphrase, if it is not there."""
        path = self.folder / name
        if not path.exists():
            keygen = [self.openssh / "ssh-keygen", "-q", "-N", "", "-f", path, *words]
            subprocess.run(keygen, check=True)
        return path


class Server(NamedTuple):
    name: str
    port: int
    process: "subprocess.Popen[bytes]"


class Pair(NamedTuple):
    """A client and the server it talks to."""

    name: str
    client: str
    server: Server


def find_openssh() -> Path:
    """Return the folder of the newest OpenSSH with a server."""
    for folder in (ROOT / ".peers/openssh/bin", Path("/usr/sbin"), Path("/usr/bin")):
        if (folder / "ssh").exists() and (folder / "sshd").exists():
            return folder
    found = shutil.which("ssh")
    raise SystemExit(f"bench: no sshd beside ssh ({found}); scripts/peers brings both")


# --- servers


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_until_listening(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                if connection.recv(4):
                    return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"bench: the server on port {port} did not start: {process.args}")


def sshd(setup: Setup, *more: str) -> Server:
    port, binaries = free_port(), setup.openssh
    lines = [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {setup.host_key}",
        f"AuthorizedKeysFile {setup.authorized_keys}",
        "StrictModes no",
        "PidFile none",
        "MaxStartups 1000",
        "LogLevel FATAL",
        *more,
    ]
    version = subprocess.run([binaries / "ssh", "-V"], capture_output=True, check=True).stderr
    if int(re.findall(rb"OpenSSH_(\d+)", version)[0]) >= 10:
        lines += ["PerSourcePenalties no", f"SshdSessionPath {binaries}/sshd-session"]
        lines += [f"SshdAuthPath {binaries}/sshd-auth"]
    config = setup.folder / f"sshd_config.{port}"
    config.write_text("\n".join(lines) + "\n")
    process = subprocess.Popen([binaries / "sshd", "-D", "-e", "-f", config])
    _wait_until_listening(port, process)
    return Server("sshd", port, process)


def pyssh_server(setup: Setup, *more: str) -> Server:
    port = free_port()
    options = [
        *(f"HostKey {setup.host_key}", f"AuthorizedKeysFile {setup.authorized_keys}", "StrictModes no"),
        *("MaxStartups 1000", "LogLevel FATAL", "PerSourcePenalties no", *more),
    ]
    process = subprocess.Popen(
        [
            *(setup.python, "-c", "from pyssh_cli.main import server_main; server_main()"),
            *("--listen", f"127.0.0.1:{port}", *(word for line in options for word in ("-o", line))),
        ],
        stdout=subprocess.DEVNULL,
    )
    _wait_until_listening(port, process)
    return Server("pyssh-server", port, process)


def asyncssh_server(setup: Setup) -> Server:
    process = subprocess.Popen(
        [setup.python, _ASYNCSSH, "server", setup.host_key, setup.authorized_keys],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    port = int(process.stdout.readline())
    return Server("asyncssh", port, process)


def cpu_seconds(pid: int) -> float:
    """Return what a process, those it has waited for, and those below it have used of the processors."""
    used = 0.0
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used = sum(map(int, fields[11:15])) / _TICK
        for task in Path(f"/proc/{pid}/task").iterdir():
            used += sum(cpu_seconds(int(child)) for child in (task / "children").read_text().split())
    except OSError:
        pass
    return used


def pss(pid: int) -> int:
    """Return the PSS of a process and all below it but the user's own `cat`, in bytes."""
    total = 0
    try:
        if Path(f"/proc/{pid}/comm").read_text() == "cat\n":
            return 0
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total = int(re.findall(r"^Pss: +(\d+) kB", text, re.MULTILINE)[0]) * 1024
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(pss(int(child)) for child in (task / "children").read_text().split())
    except OSError:
        pass
    return total


# --- clients


def command_line(
    setup: Setup, pair: Pair, words: list[str], options: list[str] | None = None, port: int = 0
) -> list[str]:
    """Return the words that start a pair's client; `port` when it does not go to the server itself."""
    common = ["-F", "none", "-i", setup.key, "-p", str(port or pair.server.port)]
    common += ["-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"]
    common += ["-o", "UserKnownHostsFile=/dev/null", "-o", "GlobalKnownHostsFile=/dev/null"]
    common += ["-o", "ObscureKeystrokeTiming=no", *(options or [])]
    if pair.client == "ssh":
        return [str(setup.openssh / "ssh"), *common, "127.0.0.1", *words]
    if pair.client == "pyssh":
        return [setup.python, "-c", "from pyssh_cli.main import main; main()", *common, "127.0.0.1", *words]
    cipher = (options or ["", ""])[1] if options and options[0] == "-c" else ""
    return [setup.python, _ASYNCSSH, "client", str(pair.server.port), setup.key, cipher, " ".join(words)]


def run(arguments: list[str], stdin: int | IO[bytes], stdout: int, allowed: tuple[int, ...] = (0,)) -> None:
    """Run a client to its end."""
    done = subprocess.run(arguments, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, check=False)
    if done.returncode not in allowed:
        raise SystemExit(f"bench: exit status {done.returncode}: {done.stderr.decode()}\n{arguments}")
