"""Runs the client: log in, set up forwards, run the session, leave everything as it was."""

import asyncio
import os
import signal
import socket
from typing import Final

from pyssh.errors import SSHError
from pyssh_cli import exit_codes
from pyssh_cli.client.background import Background
from pyssh_cli.client.dial import Dialing, UnreachableError
from pyssh_cli.client.forwards import ForwardFailedError, open_forwards, target_address
from pyssh_cli.client.login import Login, LoginFailedError, log_in
from pyssh_cli.client.report import report
from pyssh_cli.client.session import Descriptors, Session, SessionFailedError, join_standard_streams
from pyssh_cli.output import Output
from pyssh_cli.settings import Settings

__all__ = ["run"]

_SIGNALS: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


def run(settings: Settings, dialing: Dialing | None, background: Background | None, output: Output) -> int:
    """Wait for the connection and do the rest; return ssh's exit code. `background` is -f's."""
    try:
        sock = None if dialing is None else dialing.result()
    except UnreachableError as error:
        report(error, settings.first_hop, output)
        return exit_codes.SSH_FAILED
    client = _Client(settings, background, output)
    return asyncio.run(client.run(sock))


class _Client:
    """One run. Signals end it in order: the terminal is put back and the server is told."""

    def __init__(self, settings: Settings, background: Background | None, output: Output) -> None:
        self._settings = settings
        self._background = background
        self._config = settings.config
        self._output = output
        self._signal: signal.Signals | None = None
        self._is_logged_in = False

    async def run(self, sock: socket.socket | None) -> int:
        """Do everything."""
        self._catch_signals()
        try:
            return await self._log_in_and_run(sock)
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

    async def _log_in_and_run(self, sock: socket.socket | None) -> int:
        login = await log_in(self._settings.route, sock, self._output)
        self._is_logged_in = True
        try:
            return await self._run(login)
        finally:
            await login.close()

    async def _run(self, login: Login) -> int:
        await self._forward(login)
        if self._settings.stdio_forward is not None:
            return await self._join_stdio(login)
        if self._settings.session == "none":
            if self._background is not None:
                self._background.detach(self._output)
            await login.link.wait_closed()
            return exit_codes.SSH_FAILED
        return await self._run_session(login)

    async def _forward(self, login: Login) -> None:
        config = self._config
        wanted = (*config.local_forward, *config.dynamic_forward, *config.remote_forward)
        if wanted and not login.forwarding_allowed:
            self._output.error("nothing is forwarded: the host key has changed")
        elif wanted:
            await open_forwards(login.link, config, self._output)

    async def _join_stdio(self, login: Login) -> int:
        address = target_address(self._settings.stdio_forward)
        assert address is not None
        channel = await login.link.open_connection(address)
        await join_standard_streams(channel)
        return exit_codes.OK

    async def _run_session(self, login: Login) -> int:
        session = Session(login, self._settings, self._output)
        descriptors = Descriptors(None if self._config.stdin_null else 0)
        if self._background is not None:
            descriptors = Descriptors(None, os.dup(1), os.dup(2))
            self._background.detach(self._output)
        try:
            await session.start(descriptors)
            return await session.finish()
        finally:
            session.stop()
