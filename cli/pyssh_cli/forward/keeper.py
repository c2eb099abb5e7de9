"""Keeps forwards up: listens, logs in, and when the connection drops logs in again."""

import asyncio
import signal
import socket
from typing import Final

from pyssh.aio.client import ClientLink
from pyssh.aio.forward import Forward, ForwardEvent, ForwardObserver, LocalForward
from pyssh.errors import AuthenticationError, HostKeyError, SSHError
from pyssh_cli import exit_codes
from pyssh_cli.client.dial import Dialing, UnreachableError
from pyssh_cli.client.forwards import listen_address, remote_listen_address, target_address
from pyssh_cli.client.login import Login, LoginFailedError, log_in
from pyssh_cli.client.report import describe, report
from pyssh_cli.forward.rows import Row, shown
from pyssh_cli.forward.view import View, make_view
from pyssh_cli.output import Output
from pyssh_cli.settings import Settings
from pyssh_config.client import ClientConfig
from pyssh_config.errors import ConfigError, escape

__all__ = ["run"]

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0
# a dead link must be noticed without anybody typing; ServerAliveInterval overrides it
_ALIVE_INTERVAL: Final = 15
_HOPELESS: Final = (AuthenticationError, HostKeyError, ConfigError)


def run(settings: Settings, output: Output, *, why: str, once: bool) -> int:
    """Forward until interrupted or hopeless; return the exit code."""
    return asyncio.run(_Keeper(settings, output, once=once).run(why))


class _RefusedError(Exception):
    """A forward could not be made; its row and the output say why."""


class _Keeper:
    def __init__(self, settings: Settings, output: Output, *, once: bool) -> None:
        config = settings.config
        if "server_alive_interval" not in config.sources:
            config = config.replace(server_alive_interval=_ALIVE_INTERVAL)
        self._route = (*settings.route[:-1], config)
        self._config: ClientConfig = config
        self._output = output
        self._once = once
        everywhere = config.gateway_ports
        self._local = [
            Row(flag, listen_address(forward.listen, everywhere=everywhere), target_address(forward.connect))
            for flag, forwards in (("-L", config.local_forward), ("-D", config.dynamic_forward))
            for forward in forwards
        ]
        self._remote = [
            Row("-R", remote_listen_address(forward.listen), target_address(forward.connect))
            for forward in config.remote_forward
        ]
        self._where = f"{escape(config.user)}@{escape(config.host_name)} port {config.port}"
        self._rows = [*self._local, *self._remote]
        self._view: View = make_view(self._rows, f"forwarding through {self._where}", output)

    async def run(self, why: str) -> int:
        """Do everything, until a signal."""
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
        refreshing = asyncio.ensure_future(self._refresh())
        try:
            self._view.status(f"forwarding through {self._where}{why}")
            await self._listen()
            return await self._keep()
        except _RefusedError:
            return exit_codes.SSH_FAILED
        except asyncio.CancelledError:
            # being interrupted is how this ends
            return exit_codes.OK
        finally:
            refreshing.cancel()
            self._view.stop()
            for row in self._rows:
                if row.forward is not None:
                    row.forward.close()

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._view.refresh()

    # --- listeners here

    def _observer(self, row: Row) -> ForwardObserver:
        def observe(_forward: Forward, event: ForwardEvent) -> None:
            self._view.event(row, event)

        return observe

    async def _listen(self) -> None:
        for row in self._local:
            try:
                row.forward = await LocalForward.listen_on(
                    row.listen, row.target, observer=self._observer(row)
                )
            except OSError as error:
                self._output.error(
                    f"cannot listen on {shown(row.listen)}: {describe(error)}; is something else there?"
                )
                raise _RefusedError from None

    # --- connections

    async def _keep(self) -> int:
        pause = 0.0
        was_up = False
        while True:
            try:
                login = await self._log_in()
            except (LoginFailedError, UnreachableError) as error:
                if not was_up or isinstance(error.__cause__, _HOPELESS):
                    return exit_codes.SSH_FAILED
            else:
                try:
                    lost = await self._serve(login, again=was_up)
                    was_up, pause = True, 0.0
                except _RefusedError:
                    if not was_up:
                        raise
                    lost = "a remote forward was refused"
                finally:
                    await login.close()
                if self._once:
                    self._output.error(f"{escape(self._config.host_name)}: {lost}")
                    return exit_codes.SSH_FAILED
                self._view.status(f"disconnected: {lost}")
            pause = min(pause * 2 or _FIRST_PAUSE, _LONGEST_PAUSE)
            self._view.status(f"trying again in {pause:.0f} s; the listeners stay")
            await asyncio.sleep(pause)

    async def _log_in(self) -> Login:
        # prompts and messages want the terminal for themselves
        self._view.stop()
        sock: socket.socket | None = None
        dialing = Dialing.start(self._route[0], self._output)
        if dialing is not None:
            try:
                sock = await asyncio.to_thread(dialing.result)
            except UnreachableError as error:
                report(error, self._config, self._output)
                raise
        return await log_in(self._route, sock, self._output)

    async def _serve(self, login: Login, *, again: bool) -> str:
        """Carry the forwards until the connection ends; return why it did."""
        if not login.forwarding_allowed:
            self._output.error("nothing is forwarded: the host key has changed")
            raise _RefusedError
        link = login.link
        for row in self._local:
            assert isinstance(row.forward, LocalForward)
            row.forward.attach(link)
        for row in self._remote:
            await self._ask(link, row)
        if not again:
            for row in self._rows:
                self._view.listening(row)
        self._view.status("connected again" if again else "connected")
        self._view.start()
        try:
            await link.wait_closed()
        except SSHError as error:
            return describe(error)
        return "the server closed the connection"

    async def _ask(self, link: ClientLink, row: Row) -> None:
        try:
            row.replace(await link.forward_remote(row.listen, row.target, observer=self._observer(row)))
            row.error = ""
        except (OSError, SSHError) as error:
            row.error = describe(error)
            self._output.error(
                f"the server does not listen on {shown(row.listen)}: {row.error}; "
                "is the port taken there, or forbidden?"
            )
            raise _RefusedError from None
