"""Processes of sessions: started quickly, waited for without a thread, signalled and ended as a group.

Each is the leader of a session of its own. Linux tells of their end through a pidfd, which the loop watches.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from pyssh.record import Record
from pyssh_cli.server.accounts import Account

__all__ = ["SIGNALS", "End", "Process", "Program", "enter_home", "start"]

SIGNALS: Final = {
    name: signal.Signals[f"SIG{name}"]
    for name in (
        "ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2",
    )
}  # fmt: skip
"""Those of RFC 4254 section 6.10, by the names they have there."""

_TERMINATE_AFTER: Final = 1.0
"""Seconds that a process has for its own end after SIGHUP, when its connection is gone."""

_KILL_AFTER: Final = 5.0


class Program(Record):
    """What to run as whom: `path` is executed with `arguments`, whose first is the name it goes by."""

    path: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    account: Account


class End(Record):
    """How a process ended: a status, or the number of a signal."""

    status: int
    signal: int = 0
    core_dumped: bool = False

    @property
    def signal_name(self) -> str:
        """The signal as RFC 4254 names it; one that it does not know gets a local name, as it demands."""
        name = (
            signal.Signals(self.signal).name.removeprefix("SIG")
            if self.signal in _NAMED
            else str(self.signal)
        )
        return name if name in SIGNALS else f"{name}@pyssh"


_NAMED: Final = frozenset(signal.Signals)


def enter_home(account: Account) -> None:
    """Change to the home directory, or to / if it cannot be entered. Called with the user's own rights."""
    for directory in (account.home, "/"):
        with contextlib.suppress(OSError):
            os.chdir(directory)
            return


async def start(program: Program, stdin: int, stdout: int, stderr: int) -> "Process":
    """Start a program over three descriptors, in the home directory and a session of its own.

    Without rights to drop it is one vfork, quicker than going to a thread. With them the home may be a file
    system of the user's own, which must not be able to stop the loop. OSError if it cannot be executed.
    """
    if program.account.is_own:
        return Process(_spawn(program, stdin, stdout, stderr))
    loop = asyncio.get_running_loop()
    return Process(await loop.run_in_executor(None, _spawn, program, stdin, stdout, stderr))


def _spawn(program: Program, stdin: int, stdout: int, stderr: int) -> int:
    account = program.account
    own = account.is_own
    popen = subprocess.Popen(  # noqa: S603  # running the user's programs is what this is for
        program.arguments,
        executable=program.path,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=program.environment,
        start_new_session=True,
        cwd=_existing(account.home) if own else None,
        user=None if own else account.uid,
        group=None if own else account.gid,
        extra_groups=None if own else account.groups,
        # with the user's rights: only then may the home be entered. It takes no lock that a thread could hold
        preexec_fn=None if own else partial(enter_home, account),  # noqa: PLW1509
    )
    popen.returncode = 0  # the loop reaps it, not subprocess
    return popen.pid


def _existing(home: str) -> str:
    return home if os.access(home, os.X_OK) else "/"


class Process:
    """One child, the leader of its session and process group. Made right after it was started."""

    def __init__(self, pid: int) -> None:
        self.pid: Final = pid
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[End] = self._loop.create_future()
        self._pidfd = os.pidfd_open(pid)
        self._loop.add_reader(self._pidfd, self._reap)

    def _reap(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(status):
            end = End(0, os.WTERMSIG(status), os.WCOREDUMP(status))
        else:
            end = End(os.WEXITSTATUS(status))
        self._ended.set_result(end)

    @property
    def end(self) -> End | None:
        """How it ended; None while it runs."""
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> End:
        """Wait for the end."""
        return await asyncio.shield(self._ended)

    def send_signal(self, number: int, group: int = 0) -> None:
        """Signal a process group, by default the leader's. After the end nobody is signalled."""
        # until the leader is reaped its number is nobody else's
        if not self._ended.done():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group or self.pid, number)

    async def hang_up(self) -> None:
        """End it and what belongs to its session, as when a terminal's line drops; return when it is reaped.

        Programs in the background that ignore SIGHUP (nohup) live on, as their user wants; the leader's own
        group does not, should it take its time.
        """
        for group in _groups_of_session(self.pid):
            self.send_signal(signal.SIGHUP, group)
            self.send_signal(signal.SIGCONT, group)
        for seconds, number in ((_TERMINATE_AFTER, signal.SIGTERM), (_KILL_AFTER, signal.SIGKILL)):
            done, _ = await asyncio.wait([self._ended], timeout=seconds)
            if done:
                return
            self.send_signal(number)
        await self.wait()


def _groups_of_session(leader: int) -> set[int]:
    """Return the process groups in the session of a living leader."""
    groups = {leader}
    for entry in os.listdir("/proc"):  # noqa: PTH208  # names are wanted, hundreds of them
        if entry.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                # after the program's name, which may hold anything: state, parent, group, session
                fields = Path("/proc", entry, "stat").read_bytes().rpartition(b")")[2].split()
                if int(fields[3]) == leader:
                    groups.add(int(fields[2]))
    return groups
