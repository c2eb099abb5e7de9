"""Keeps forwards up: listens, logs in, and when the connection drops logs in again."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from typing import Final

from pyssh.aio.client import ClientLink
from pyssh.aio.forward import Forward, ForwardEvent, ForwardObserver, LocalForward
from pyssh.aio.streams import Address
from pyssh.errors import AuthenticationError, HostKeyError, SSHError
from pyssh_cli import exit_codes
from pyssh_cli.client.dial import Dialing, UnreachableError
from pyssh_cli.client.forwards import listen_address, remote_listen_address, target_address
from pyssh_cli.client.login import Login, LoginFailedError, log_in
from pyssh_cli.client.report import describe, report
from pyssh_cli.forward.rows import Row, shown
from pyssh_cli.forward.view import LinesView, View
from pyssh_cli.output import Output
from pyssh_cli.settings import Settings
from pyssh_config.client import ClientConfig
from pyssh_config.errors import ConfigError, escape

__all__ = ["run"]

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0
# covers the first three tries to connect again; browsers and the like wait longer than that
_PATIENCE: Final = 10.0
# a dead link must be noticed without anybody typing; ServerAliveInterval overrides it
_ALIVE_INTERVAL: Final = 15
_HOPELESS: Final = (AuthenticationError, HostKeyError, ConfigError)
_SIGNALS: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def run(settings: Settings, output: Output, *, why: str, once: bool) -> int:
    """Forward until interrupted or hopeless; return the exit code."""
    return asyncio.run(_Keeper(settings, output, once=once).run(why))


class _RefusedError(Exception):
    """There is nothing to forward, or it must not be; why has been said."""


class _Keeper:
    def __init__(self, settings: Settings, output: Output, *, once: bool) -> None:
        config = settings.config
        if "server_alive_interval" not in config.sources:
            config = config.replace(server_alive_interval=_ALIVE_INTERVAL)
        self._route = (*settings.route[:-1], config)
        self._config: ClientConfig = config
        self._output = output
        self._once = once
        self._was_up = False
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
        self._view: View = _make_view(self._rows, f"forwarding through {self._where}", output)

    async def run(self, why: str) -> int:
        """Do everything, until a signal."""
        self._catch_signals()
        refreshing = asyncio.ensure_future(self._refresh())
        try:
            self._view.status(f"forwarding through {self._where}{why}")
            await self._listen()
            return await self._keep()
        except _RefusedError:
            return exit_codes.SSH_FAILED
        except asyncio.CancelledError:
            # being interrupted is how this ends, once it works
            return exit_codes.OK if self._was_up else exit_codes.INTERRUPTED
        finally:
            refreshing.cancel()
            self._view.finish()
            for row in self._rows:
                if row.forward is not None:
                    row.forward.close()

    def _catch_signals(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        for number in _SIGNALS:
            # who started us under nohup wants them ignored
            if signal.getsignal(number) is not signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)

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
                    row.listen,
                    row.target,
                    observer=self._observer(row),
                    patience=0.0 if self._once else _PATIENCE,
                )
            except OSError as error:
                self._output.error(f"{describe(error)}; {_listen_advice(error, row.listen)}")
                raise _RefusedError from None

    # --- connections

    async def _keep(self) -> int:
        loop = asyncio.get_running_loop()
        pause = 0.0
        while True:
            started = loop.time()
            try:
                login = await self._log_in()
            except (LoginFailedError, UnreachableError) as error:
                if not self._was_up:
                    return exit_codes.SSH_FAILED
                if isinstance(error.__cause__, _HOPELESS):
                    self._output.error("giving up: trying again would not help")
                    return exit_codes.SSH_FAILED
            else:
                try:
                    lost = await self._serve(login)
                finally:
                    await login.close()
                if self._once:
                    self._output.error(f"{escape(self._config.host_name)}: {lost}")
                    return exit_codes.SSH_FAILED
                self._view.status(f"disconnected: {lost}")
                # a server that logs in and hangs up at once must not be asked every second
                if loop.time() - started > _LONGEST_PAUSE:
                    pause = 0.0
            pause = min(pause * 2 or _FIRST_PAUSE, _LONGEST_PAUSE)
            self._view.start()
            self._view.status(f"trying again in {pause:.0f} s; the listeners stay")
            await asyncio.sleep(pause)

    async def _log_in(self) -> Login:
        sock: socket.socket | None = None
        dialing = Dialing.start(self._route[0], self._output)
        if dialing is not None:
            try:
                sock = await _wait_for(dialing)
            except UnreachableError as error:
                report(error, self._config, self._output)
                raise
        # prompts and messages want the terminal for themselves
        self._view.stop()
        return await log_in(self._route, sock, self._output)

    async def _serve(self, login: Login) -> str:
        """Carry the forwards until the connection ends; return why it did."""
        if not login.forwarding_allowed:
            self._output.error("nothing is forwarded: the host key has changed")
            raise _RefusedError
        link = login.link
        again = self._was_up
        for row in self._local:
            assert isinstance(row.forward, LocalForward)
            row.forward.attach(link)
        refused = [row for row in self._remote if not await self._ask(link, row)]
        if refused and not again:
            raise _RefusedError
        self._was_up = True
        self._view.status("connected again" if again else "connected")
        if not again:
            for row in self._rows:
                self._view.listening(row)
        self._view.start()
        if refused:
            # what died with the old connection may be alive over there for a while
            link.spawn(self._ask_again(link, refused), "asking for remote forwards")
        try:
            await link.wait_closed()
        except SSHError as error:
            return describe(error)
        return "the server closed the connection"

    # --- listeners at the server

    async def _ask(self, link: ClientLink, row: Row, *, quiet: bool = False) -> bool:
        """Ask the server to listen; return whether it does. Why it does not has been said, unless `quiet`."""
        for address in row.addresses:
            try:
                forward = await link.forward_remote(address, row.target, observer=self._observer(row))
            except (OSError, SSHError) as error:
                row.error = describe(error)
                continue
            before = row.listening
            row.replace(forward)
            if self._was_up and (quiet or row.listening != before):
                self._view.listening(row)
            return True
        if not quiet:
            self._output.error(
                f"the server does not listen on {shown(row.listen)}: {row.last_error}; "
                "is the port taken there, or forbidden?"
            )
        return False

    async def _ask_again(self, link: ClientLink, refused: list[Row]) -> None:
        pause = 0.0
        while refused:
            pause = min(pause * 2 or _FIRST_PAUSE, _LONGEST_PAUSE)
            await asyncio.sleep(pause)
            refused = [row for row in refused if not await self._ask(link, row, quiet=True)]


def _make_view(rows: Sequence[Row], title: str, output: Output) -> View:
    """Return the view for where standard output goes."""
    if sys.stdout is None or not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return LinesView(output)
    from pyssh_cli.forward.table import TableView  # noqa: PLC0415  # only a terminal needs it

    return TableView(rows, title)


async def _wait_for(dialing: Dialing) -> socket.socket:
    """Wait without the loop's own threads, which asyncio would wait for at the end, also when interrupted."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def wait() -> None:
        with contextlib.suppress(Exception):  # `result` raises it again below
            dialing.result()
        with contextlib.suppress(RuntimeError):  # we were interrupted and the loop is closed
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=wait, name="wait for dial", daemon=True).start()
    await done.wait()
    return dialing.result()


def _listen_advice(error: OSError, address: Address) -> str:
    if isinstance(address, str):
        return "does the file exist already, or is its folder missing?"
    if isinstance(error, socket.gaierror):
        return "is the name spelled right?"
    if error.errno == errno.EADDRNOTAVAIL:
        return "is the address one of this machine?"
    if error.errno == errno.EACCES:
        return "ports below 1024 need root's rights"
    return "is something else there?"
