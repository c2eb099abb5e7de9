"""Runs the client on the loop: log in, set up forwards, run the session, leave everything as it was."""

import asyncio
import gc
import os
import signal
import socket
from typing import Final

from pyssh.aio.channel import Channel
from pyssh.errors import SSHError
from pyssh.record import Record
from pyssh_cli import exit_codes
from pyssh_cli.client.background import Background
from pyssh_cli.client.early import EarlyLogin
from pyssh_cli.client.forwards import ForwardFailedError, open_forwards, target_address
from pyssh_cli.client.login import Login, LoginFailedError, log_in, take_over
from pyssh_cli.client.plan import plan_session
from pyssh_cli.client.report import report
from pyssh_cli.client.session import Descriptors, Session, SessionFailedError, join_standard_streams
from pyssh_cli.output import Output
from pyssh_cli.settings import Settings

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
    return asyncio.run(_Client(start, output).run())


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
        await self._forward(login)
        if self._settings.stdio_forward is not None:
            return await self._join_stdio(login)
        if not self._settings.has_session:
            if self._background is not None:
                self._background.detach(self._output)
            await login.link.wait_closed()
            return exit_codes.SSH_FAILED
        return await self._run_session(login, channel)

    async def _forward(self, login: Login) -> None:
        if not self._settings.has_forwards:
            return
        if login.forwarding_allowed:
            await open_forwards(login.link, self._config, self._output)
        else:
            self._output.error("nothing is forwarded: the host key has changed")

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
        session = Session(login, self._settings, self._output)
        descriptors = Descriptors(None if self._config.stdin_null else 0)
        if self._background is not None:
            descriptors = Descriptors(None, os.dup(1), os.dup(2))
            self._background.detach(self._output)
        try:
            await session.start(plan, descriptors, channel)
            return await session.finish()
        finally:
            session.stop()
