"""Runs the client on the loop: log in, set up forwards, run the session, leave everything as it was."""

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final

from pyssh.aio.channel import Channel
from pyssh.aio.client import ClientLink
from pyssh.aio.forward import Forward
from pyssh.errors import SSHError
from pyssh.record import Record
from pyssh_cli import exit_codes
from pyssh_cli.client.background import Background, Waiting
from pyssh_cli.client.early import EarlyLogin
from pyssh_cli.client.forwards import ForwardFailedError, open_forwards, target_address
from pyssh_cli.client.login import Login, LoginFailedError, log_in, take_over
from pyssh_cli.client.plan import plan_session
from pyssh_cli.client.report import report
from pyssh_cli.client.session import Descriptors, Session, SessionFailedError, join_standard_streams
from pyssh_cli.output import Output
from pyssh_cli.settings import Settings
from pyssh_config import forwards as config_forwards

if TYPE_CHECKING:
    from pyssh_cli.mux.master import Master

__all__ = ["Start", "run_on_loop"]

_SIGNALS: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


class Start(Record):
    """What the loop starts with: a connection, perhaps logged in already, and what to do on it."""

    settings: Settings
    sock: socket.socket | None
    early: EarlyLogin | None
    background: Background | None


def run_on_loop(start: Start, output: Output) -> int:
    """Log in if nobody is, and do what was asked for; return ssh's exit code."""
    # `connect` turned it off for the imports; what they brought need not be looked at again
    gc.freeze()
    gc.enable()
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        client = _Client(start, output)
        task = loop.create_task(client.run())
        while True:
            try:
                return loop.run_until_complete(task)
            except RuntimeError:
                # the loop was stopped for the one thing that cannot be done while it runs
                if not client.wants_background:
                    raise
                client.fork(loop)


class _Client:
    """One run. Signals end it in order: the terminal is put back and the server is told."""

    def __init__(self, start: Start, output: Output) -> None:
        self._start = start
        self._settings = start.settings
        self._config = start.settings.config
        self._background = start.background
        self._output = output
        self._signal: signal.Signals | None = None
        self._is_logged_in = False
        self.wants_background = False
        self._session: Session | None = None

    def fork(self, loop: asyncio.AbstractEventLoop) -> None:
        """Go on in a child that has left the terminal; the process that the user waits for ends here."""
        self.wants_background = False
        started = Background.fork()
        if isinstance(started, Waiting):
            # not before the child has left the terminal, which may hang up as soon as we are gone
            os._exit(exit_codes.OK if started.is_detached() else exit_codes.SSH_FAILED)
        started.detach(self._output)
        # the threads that looked names up have stayed behind
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  # few come here

        loop.set_default_executor(ThreadPoolExecutor())

    async def run(self) -> int:
        """Do everything."""
        self._catch_signals()
        try:
            return await self._log_in_and_run()
        except (LoginFailedError, ForwardFailedError, SessionFailedError):
            return exit_codes.SSH_FAILED
        except (SSHError, OSError) as error:
            report(error, self._config, self._output)
            return exit_codes.SSH_FAILED
        except asyncio.CancelledError:
            if self._signal is None:
                raise
            if self._signal is signal.SIGINT and not self._is_logged_in:
                return exit_codes.INTERRUPTED
            self._output.verbose(f"Killed by signal {self._signal.value}.")
            return exit_codes.SSH_FAILED

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None

        def caught(number: signal.Signals) -> None:
            self._signal = number
            task.cancel()

        for number in _SIGNALS:
            # who started us under nohup or in the background of a script wants them ignored
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, caught, number)

    async def _log_in_and_run(self) -> int:
        start = self._start
        channel: Channel | None = None
        if start.early is not None:
            login, channel = await take_over(start.early, self._config, self._output)
        else:
            login = await log_in(self._settings.route, start.sock, self._output)
        self._is_logged_in = True
        try:
            return await self._run(login, channel)
        finally:
            await login.close()

    async def _run(self, login: Login, channel: Channel | None) -> int:
        opened = await self._forward(login)
        if self._settings.local_command:
            from pyssh_cli.client.local_command import run_local_command  # noqa: PLC0415  # few have one

            run_local_command(self._settings.local_command, self._config.context.environ, self._output)
        if self._config.channel_timeout:
            from pyssh_cli.client.idle import watch_idle  # noqa: PLC0415  # few have one

            watch_idle(login.link, self._settings, self._output)
        master = self._share(login, opened)
        try:
            if master is not None and self._settings.persists:
                return await self._persist(login, master)
            return await self._do_own(login, channel, master)
        finally:
            if master is not None:
                await master.close()

    async def _do_own(self, login: Login, channel: Channel | None, master: "Master | None") -> int:
        if self._settings.stdio_forward is not None:
            return await self._join_stdio(login)
        if self._settings.has_session:
            return await self._run_session(login, channel)
        self._detach()
        if master is not None:
            await until_ended(login.link, master.wait_stopped())
        else:
            await login.link.wait_closed()
        return exit_codes.SSH_FAILED

    def _detach(self) -> None:
        if self._background is not None:
            self._background.detach(self._output)

    def _leave_terminal(self) -> None:
        self.wants_background = True
        asyncio.get_running_loop().stop()

    async def _forward(self, login: Login) -> dict[config_forwards.Forward, Forward]:
        if not self._settings.has_forwards:
            return {}
        if login.forwarding_allowed:
            return await open_forwards(login.link, self._config, self._output)
        self._output.error("nothing is forwarded: the host key has changed")
        return {}

    # --- sharing the connection

    def _share(self, login: Login, opened: dict[config_forwards.Forward, Forward]) -> "Master | None":
        if not self._settings.is_master:
            return None
        from pyssh_cli.mux.sharing import share  # noqa: PLC0415  # where connections are shared

        def terminate() -> None:
            if self._session is not None:
                self._session.end()
            login.link.close()

        config = self._config
        if not login.forwarding_allowed:
            # nor may a client let the server use the agent or the display
            environ = {name: value for name, value in config.context.environ.items() if name != "DISPLAY"}
            config = config.replace(forward_agent=False, context=config.context.replace(environ=environ))
        return share(login.link, config, opened, self._output, terminate)

    async def _persist(self, login: Login, master: "Master") -> int:
        """Be the master of clients, of which our parent is the first, for as long as ControlPersist says."""
        self._detach()
        await until_ended(login.link, master.wait_persistently(self._config.control_persist or 0))
        return exit_codes.OK

    async def _join_stdio(self, login: Login) -> int:
        address = target_address(self._settings.stdio_forward)
        assert address is not None
        channel = await login.link.open_connection(address)
        await join_standard_streams(channel)
        return exit_codes.OK

    async def _run_session(self, login: Login, channel: Channel | None) -> int:
        early = self._start.early
        plan = (early.plan if early else None) or plan_session(
            self._settings, self._output, may_forward=login.forwarding_allowed
        )
        session = self._session = Session(login, self._settings, self._output)
        session.on_background = self._leave_terminal
        descriptors = Descriptors(None if self._config.stdin_null else 0)
        # a master that may not be one has a parent that waits for this very session
        if self._background is not None and not self._settings.persists:
            descriptors = Descriptors(None, os.dup(1), os.dup(2))
            self._detach()
        try:
            await session.start(plan, descriptors, channel)
            return await session.finish()
        finally:
            session.stop()


async def until_ended(link: ClientLink, waiting: Coroutine[Any, Any, None]) -> None:
    """Wait for something, or for the end of a link; raises what ended that, unless it was our `close`."""
    closed = asyncio.ensure_future(link.wait_closed())
    other = asyncio.ensure_future(waiting)
    try:
        await asyncio.wait((closed, other), return_when=asyncio.FIRST_COMPLETED)
        if closed.done():
            closed.result()
        else:
            other.result()
    finally:
        closed.cancel()
        other.cancel()
