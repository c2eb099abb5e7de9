"""OpenSSH's own regression scripts, with programs of pyssh in the place of OpenSSH's.

`scripts/peers` brings them. Each script runs in namespaces of its own (`regress_enter.py`): its ports, its
/run and its processes are nobody else's, and end with it. The server is always the stock one.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from pyssh_cli.commands import COMMANDS
from tests.support.peers import NEWEST, PEERS, Peer
from tests.support.processes import hash_password
from tests.support.pyssh_client import PYSSH

REGRESS_FOLDER: Final = PEERS / "openssh" / "regress"
_OWN_PROGRAMS: Final = ("netcat", "timestamp", "mkdtemp", "modpipe", "setuid-allowed", "check-perm")
# the one of processes ends with its first one, and all that a script left running ends with it
_NAMESPACES: Final = (
    *("--mount", "--propagation", "private", "--net"),
    *("--pid", "--mount-proc", "--fork", "--kill-child"),
)
_PASSWORD: Final = "correct horse"
_SECONDS: Final = 420
"""No script takes that long, on a machine as loaded as it may be."""


class Scripts(Peer):
    """The scripts, and what they need of the machine."""

    def missing(self) -> str | None:
        if not (REGRESS_FOLDER / "test-exec.sh").exists():
            return f"no OpenSSH regression scripts in {REGRESS_FOLDER} (run scripts/peers)"
        if os.getuid() != 0:
            return "needs root, for namespaces"
        tried = subprocess.run(
            ["unshare", *_NAMESPACES, "true"],
            check=False,
            capture_output=True,
            text=True,
        )
        return f"no namespaces: {tried.stderr.strip()}" if tried.returncode else None


SCRIPTS: Final = Scripts("openssh-tests")


class Role(NamedTuple):
    """Which programs are pyssh: names of OpenSSH's to subcommands of ours."""

    name: str
    ours: dict[str, str]


CLIENT: Final = Role("client", {"ssh": "connect"})
KEYS: Final = Role(
    "keys", {"ssh-keygen": "keygen", "ssh-agent": "agent", "ssh-add": "add", "ssh-keyscan": "keyscan"}
)
STOCK: Final = Role("stock", {})
"""None: what a script does on this machine with OpenSSH alone."""
ROLES: Final = {role.name: role for role in (CLIENT, KEYS, STOCK)}

_VARIABLES: Final = {
    "TEST_SSH_SSH": "ssh",
    "TEST_SSH_SSHD": "sshd",
    "TEST_SSH_SSHAGENT": "ssh-agent",
    "TEST_SSH_SSHADD": "ssh-add",
    "TEST_SSH_SSHKEYGEN": "ssh-keygen",
    "TEST_SSH_SSHKEYSCAN": "ssh-keyscan",
    "TEST_SSH_SFTP": "sftp",
    "TEST_SSH_SFTPSERVER": "sftp-server",
    "TEST_SSH_SCP": "scp",
    "TEST_SSH_SSHD_SESSION": "sshd-session",
    "TEST_SSH_SSHD_AUTH": "sshd-auth",
}


class Outcome(NamedTuple):
    """How one script ended."""

    passed: bool
    skipped: bool
    """The script itself said that it cannot run here; that is no pass."""
    seconds: float
    text: str
    """What it printed, and where it failed the ends of its logs."""


def prepare(role: Role, folder: Path) -> None:
    """Lay out the folder that the scripts call OBJ; `folder` is empty and the script's own."""
    programs = folder / "programs"
    programs.mkdir()
    for program in _VARIABLES.values():
        path = programs / program
        if program not in role.ours:
            path.symlink_to(NEWEST.path(program))
            continue
        # the scripts take the client's file for data to transfer, so it is about as large as ssh's
        filling = NEWEST.path("ssh").read_bytes() if program == "ssh" else b""
        start = f'#!/bin/sh\nexec {shlex.join(PYSSH)} {role.ours[program]} "$@"\n'
        path.write_bytes(start.encode() + filling)
        path.chmod(0o755)
        # older than the keys, which would be made anew otherwise
        os.utime(path, (1, 1))
    for name in _OWN_PROGRAMS:
        (folder / name).symlink_to(REGRESS_FOLDER / name)
    _write_settings(folder)


def _write_settings(folder: Path) -> None:
    # security keys need OpenSSH's middleware on both sides
    defined = (REGRESS_FOLDER / "config.h").read_text()
    (folder / "config.h").write_text(re.sub(r"#define (ENABLE_SK|USE_PAM).*", "", defined))
    # Debian's sshd asks PAM, whose configuration and modules are the machine's own
    frame = (REGRESS_FOLDER / "test-exec.sh").read_text()
    (folder / "test-exec.sh").write_text(frame.replace("UsePAM\t\t\tyes", "UsePAM\t\t\tno"))

    # for the script that logs in with root's password
    (folder / "password").write_text(f"{_PASSWORD}\n")
    (folder / "shadow").write_text(f"root:{hash_password(_PASSWORD)}:20000:0:99999:7:::\n")
    (folder / "shadow").chmod(0o600)


def environment(name: str, folder: Path) -> dict[str, str]:
    """The variables that a script reads."""
    programs = folder / "programs"
    return {
        # one script calls plain `ssh`, and another one takes the letter t in these for whitespace
        "PATH": (f"{programs}:" if name == "hostkey-agent" else "") + "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/run/home",
        "SHELL": "/bin/sh",
        "LOGNAME": "root",
        "LANG": "C.UTF-8",
        "OBJ": str(folder),
        "BUILDDIR": str(folder),
        # one script runs only with it, and others only without
        "SUDO": "env" if name == "password" else "",
        "TEST_SHELL": "/bin/sh",
        "TEST_SSH_UNSAFE_PERMISSIONS": "1",
        "TEST_SSH_MODULI_FILE": str(NEWEST.folder.parent / "moduli"),
        "TEST_SSH_IPV6": "yes",
        "TEST_SSH_ECC": "yes",
        "TEST_SSH_TMUX": "tmux",
        "TEST_SSH_SSHD_CONFOPTS": "PermitRootLogin yes",
        **{name: str(programs / program) for name, program in _VARIABLES.items()},
    }


def run(role: Role, name: str) -> Outcome:
    """Run one script in a folder of its own, to its end or for as long as it may take."""
    lacking = [one for one in role.ours.values() if one not in COMMANDS and _uses(name, one)]
    if lacking:
        # some scripts do not look whether a program did anything
        return Outcome(False, False, 0.0, f"there is no pyssh {lacking[0]} yet")
    # a short path: the names of sockets are limited to 107 bytes
    with tempfile.TemporaryDirectory(prefix="regress") as made:
        folder = Path(made)
        folder.chmod(0o755)
        prepare(role, folder)
        return run_prepared(name, folder)


def _uses(name: str, subcommand: str) -> bool:
    variables = {"keygen": "SSHKEYGEN", "agent": "SSHAGENT", "add": "SSHADD", "keyscan": "SSHKEYSCAN"}
    text = file_test(name, Path()) if name in FILE_TESTS else (REGRESS_FOLDER / f"{name}.sh").read_text()
    return variables.get(subcommand, "SSH") in text


def run_prepared(name: str, folder: Path) -> Outcome:
    """Run one script in a folder that `prepare` has laid out."""
    if name in FILE_TESTS:
        script = folder / f"{name}.sh"
        script.write_text(file_test(name, folder))
        command = ["/bin/sh", str(script)]
    else:
        command = ["/bin/sh", str(folder / "test-exec.sh"), str(folder), str(REGRESS_FOLDER / f"{name}.sh")]
    start = time.monotonic()
    code = _run_in_namespaces(name, command, folder)
    text = (folder / "output").read_text(errors="replace")
    skipped = bool(re.search(r"^(SKIPPED|skipp(ed|ing)\b)", text, re.MULTILINE | re.IGNORECASE))
    passed = code == 0 and not skipped and bool(re.search(r"^ok ", text, re.MULTILINE))
    if not passed:
        text += f"\nended with {code}\n" + _ends_of_logs(folder)
    return Outcome(passed, skipped, time.monotonic() - start, text)


def _run_in_namespaces(name: str, command: list[str], folder: Path) -> int | None:
    enter = [sys.executable, str(Path(__file__).with_name("regress_enter.py")), str(folder)]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", *_NAMESPACES, *enter, *command],
            cwd=folder,
            env=environment(name, folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        finally:
            process.kill()
            process.wait()


def _ends_of_logs(folder: Path, lines: int = 60) -> str:
    parts = []
    for name in ("failed-regress.log", "failed-ssh.log", "failed-sshd.log"):
        path = folder / name
        if path.exists():
            end = path.read_text(errors="replace").splitlines()[-lines:]
            parts.append("\n".join([f"--- {name}", *end]))
    return "\n".join(parts)


def _makefile() -> str:
    return (REGRESS_FOLDER / "Makefile").read_text().replace("\\\n", " ")


def all_scripts() -> list[str]:
    """The scripts that OpenSSH's own `make tests` runs, in its order."""
    found = re.search(r"^LTESTS=(.*)$", _makefile(), re.MULTILINE)
    assert found
    return found[1].split()


FILE_TESTS: Final = ("t1", "t2", "t3", "t4", "t5", "t7", "t9", "t10", "t11", "t12")
"""Tests of ssh-keygen that OpenSSH writes as rules of its Makefile."""


def file_test(name: str, folder: Path) -> str:
    """The commands of such a rule, and of the rule it depends on, as a shell script."""
    lines = ["set -e"]
    for target in (f"$(OBJ)/{name}.out", name):
        rule = re.search(rf"^{re.escape(target)}:.*\n((?:\t.*\n)+)", _makefile(), re.MULTILINE)
        for command in rule[1].splitlines() if rule else ():
            text = command.strip().replace("$@", target).replace("$(OBJ)", str(folder))
            text = text.replace("${.CURDIR}", str(REGRESS_FOLDER)).replace("${.OBJDIR}", str(folder))
            lines.append(f"( {text.replace('$$', '$')} )")
    return "\n".join([*lines, f"echo ok {name}", ""])
