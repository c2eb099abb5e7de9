"""Sessions: what a client may start, and a program's whole life from the request to its exit status."""

import asyncio
import contextlib
import os
import shlex
from pathlib import Path
from typing import Final

from pyssh.aio import ServerSession
from pyssh.connection import requests
from pyssh.errors import SSHError
from pyssh.wire.message import Struct
from pyssh_cli.output import Output, escape
from pyssh_cli.server.agent import AgentSession
from pyssh_cli.server.background import Background
from pyssh_cli.server.environment import accepts, is_dangerous, session_environment
from pyssh_cli.server.execute import PipeSession, start_with_pipes
from pyssh_cli.server.login import Login, describe_peer, peer_of, place_of
from pyssh_cli.server.process import SIGNALS, End, Program
from pyssh_cli.server.shell import TerminalSession, start_in_terminal
from pyssh_cli.server.x11 import X11Session
from pyssh_config.patterns import matches_pattern

__all__ = ["SFTP", "UserSession", "find_sftp_server"]

SFTP: Final = "sftp"

# where distributions put the program, Debian's first
_SFTP_SERVERS: Final = (
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/libexec/sftp-server",
    "/usr/local/libexec/sftp-server",
)
_MOTD: Final = "/etc/motd"
_MOTD_SIZE: Final = 64 * 1024
_HUSH: Final = ".hushlogin"
_NOT_STARTED: Final = 255
_TERM_LENGTH: Final = 128
_EARLY_SIGNALS: Final = 16


def find_sftp_server() -> str | None:
    """Return the sftp-server of this machine; None if there is none."""
    return next((path for path in _SFTP_SERVERS if os.access(path, os.X_OK)), None)


class UserSession:
    """One session of a login: decides its requests, then runs its program."""

    def __init__(self, session: ServerSession, login: Login, output: Output, background: Background) -> None:
        self._session = session
        self._login = login
        self._output = output
        self._background = background
        self._x11 = X11Session(login, output)
        self._agent = AgentSession(login, output, background)
        self._running: TerminalSession | PipeSession | None = None
        self._early_signals: list[int] = []
        # from the first moment on: a signal may come before the program runs
        session.on_signal = self._receive_signal

    # --- before the start

    def may_have_terminal(self) -> bool:
        """Whether the configuration and the key allow a terminal."""
        return self._login.config.permit_tty and self._login.options.pty

    def may_set(self, name: str) -> bool:
        """Whether the client may set a variable."""
        return accepts(name, self._login.config.accept_env)

    def may_start(self) -> bool:
        """Whether there is something to start."""
        session = self._session
        if session.subsystem is not None and self._subsystem_command(session.subsystem) is None:
            self._output.info(
                f"subsystem {escape(session.subsystem)} refused to {self._who()}: it is not configured"
            )
            return False
        return session.command is None or b"\0" not in session.command

    def _subsystem_command(self, name: str) -> str | None:
        command = dict(self._login.config.subsystem).get(name)
        if command is None and name == SFTP:
            command = find_sftp_server()
        return command

    # --- what runs

    def _program(self) -> Program:
        login, session = self._login, self._session
        asked = self._asked_command()
        command = login.force_command if login.force_command is not None else asked
        shell = login.account.shell
        name = Path(shell).name
        # a dash in front tells a shell that it is a login shell
        arguments = (f"-{name}",) if command is None else (name, "-c", command)
        environment = session_environment(
            login.account,
            peer=peer_of(session.link),
            local=place_of(session.link.local_address),
            wished=session.env,
            granted=self._granted_environment(),
        )
        if login.force_command is not None and asked is not None:
            environment["SSH_ORIGINAL_COMMAND"] = asked
        if self._x11.display:
            environment["DISPLAY"] = self._x11.display
        if self._agent.path:
            environment["SSH_AUTH_SOCK"] = self._agent.path
        return Program(shell, arguments, environment, login.account)

    def _asked_command(self) -> str | None:
        session = self._session
        if session.subsystem is not None:
            return self._subsystem_command(session.subsystem)
        return None if session.command is None else os.fsdecode(session.command)

    def _granted_environment(self) -> dict[str, str]:
        config = self._login.config
        granted = {}
        if config.permit_user_environment is not None:
            for name, value in self._login.options.environment:
                if not is_dangerous(name) and _permits(config.permit_user_environment, name):
                    granted[name] = value
        return granted | dict(config.set_env)

    async def run(self) -> None:
        """Run the program and tell the client how it ended; hang it up when the channel closes before."""
        task = asyncio.current_task()
        assert task is not None
        self._session.channel.when_closed(lambda: _cancel(task))
        self._output.verbose(f"Starting {self._what()} for {self._who()}")
        starting = asyncio.ensure_future(self._start())
        try:
            running = self._running = await asyncio.shield(starting)
        except OSError as error:
            await self._say_not_started(error)
            return
        except asyncio.CancelledError:
            self._background.spawn(_abandon(starting))
            raise
        try:
            await self._run_to_end(running)
        finally:
            running.close()
            if running.process.end is None:
                self._background.spawn(running.process.hang_up())

    async def _start(self) -> TerminalSession | PipeSession:
        session, program = self._session, self._program()
        if self._x11.display:
            await self._x11.add_cookie(program)
        if session.terminal is None:
            return await start_with_pipes(session.channel, program)
        if session.command is None and session.subsystem is None and self._login.force_command is None:
            await self._show_motd()
        term = session.terminal.term
        plain = term.isascii() and term.isprintable() and len(term) <= _TERM_LENGTH
        terminal = session.terminal if plain else session.terminal.replace(term="dumb")
        return await start_in_terminal(session.channel, program, terminal)

    async def _run_to_end(self, running: TerminalSession | PipeSession) -> None:
        session = self._session
        session.on_resize = running.resize
        session.on_break = lambda _: running.send_break()
        for number in self._early_signals:
            running.send_signal(number)
        if session.terminal is not None:
            # it may have changed while the program was started
            running.resize(session.terminal)
        self._tell_end(await running.process.wait())
        with contextlib.suppress(OSError, SSHError):
            await running.drain()

    def _tell_end(self, end: End) -> None:
        if end.signal:
            self._session.exit_with_signal(end.signal_name, core_dumped=end.core_dumped)
        else:
            self._session.exit(end.status)

    async def _say_not_started(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        self._output.error(f"cannot start {self._login.account.shell} for {self._who()}: {escape(reason)}")
        await self._session.write_stderr(b"pyssh-server: the shell of this account cannot be started\n")
        self._session.exit(_NOT_STARTED)

    async def _show_motd(self) -> None:
        if self._login.config.print_motd:
            text = await asyncio.get_running_loop().run_in_executor(
                None, _read_motd, self._login.account.home
            )
            await self._session.write(text.replace(b"\n", b"\r\n"))

    # --- while it runs

    def _receive_signal(self, name: str) -> None:
        # as sshd: who may run one command only gets no say in how it runs
        if name not in SIGNALS or self._login.force_command is not None:
            return
        if self._running is not None:
            self._running.send_signal(SIGNALS[name])
        elif len(self._early_signals) < _EARLY_SIGNALS:
            self._early_signals.append(SIGNALS[name])

    async def receive_other(self, request: Struct) -> bool:
        """Decide a request that is not about starting: X11, an agent, or the client wants no more output."""
        if isinstance(request, requests.AuthAgentReq) and self._running is None:
            channel = self._session.channel
            channel.when_closed(self._agent.close)
            return await self._agent.listen(channel.link)
        if isinstance(request, requests.X11Req) and self._running is None:
            channel = self._session.channel
            channel.when_closed(self._x11.close)
            return await self._x11.listen(channel.link, request)
        if isinstance(request, requests.EndOfWrite) and self._running is not None:
            self._running.stop_output()
            return True
        return False

    def _what(self) -> str:
        session = self._session
        kind = "shell"
        if session.subsystem is not None:
            kind = f"subsystem {escape(session.subsystem)}"
        elif session.command is not None:
            kind = f"command {shlex.quote(escape(os.fsdecode(session.command)))}"
        where = " in a terminal" if session.terminal is not None else ""
        forced = " (a forced command instead)" if self._login.force_command is not None else ""
        return f"{kind}{where}{forced}"

    def _who(self) -> str:
        return f"{escape(self._login.user)} from {describe_peer(self._session.link)}"


async def _abandon(starting: asyncio.Future[TerminalSession | PipeSession]) -> None:
    """End a program whose client went while it was being started."""
    with contextlib.suppress(OSError, SSHError):
        running = await starting
        running.close()
        await running.process.hang_up()


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()


def _read_motd(home: str) -> bytes:
    """Return what is shown at each login, unless the user does not want to see it."""
    try:
        if Path(home, _HUSH).exists():
            return b""
        with Path(_MOTD).open("rb") as file:
            return file.read(_MOTD_SIZE)
    except OSError:
        return b""


def _permits(patterns: str, name: str) -> bool:
    return any(matches_pattern(name, pattern) for pattern in patterns.split(","))
