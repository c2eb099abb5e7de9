"""The client of a master: sessions, -W and -O, in a small blocking program.

Everything that a command through a master needs is imported here, and nothing else: no loop, no engine.
"""

import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

from pyssh.errors import SSHError
from pyssh.mux.messages import (
    NO_ESCAPE,
    STREAMLOCAL,
    AliveCheck,
    CloseForward,
    ExitMessage,
    Info,
    InfoRequest,
    MasterAlive,
    NewSession,
    NewStdioForward,
    Ok,
    OpenForward,
    Proxy,
    ProxyGranted,
    RemotePort,
    SessionOpened,
    StopListening,
    Terminate,
    TtyAllocFailed,
)
from pyssh_cli import exit_codes
from pyssh_cli.client.wanted import environment, wants_terminal
from pyssh_cli.mux.control import Control, MasterGoneError, RefusedError
from pyssh_cli.mux.forwarding import configured_forwards, describe
from pyssh_cli.output import Level, Output, escape
from pyssh_cli.settings import Settings
from pyssh_config.forwards import UnixPath

if TYPE_CHECKING:
    from pyssh_cli.client.terminal import LocalTerminal

__all__ = ["run_through_master"]

_STDIN, _STDOUT, _STDERR = 0, 1, 2
# sun_path, with its final NUL (unix(7))
_PATH_SIZE: Final = 108
_INFO_TYPES: Final = {"conninfo": b"connection", "channels": b"channels"}


def run_through_master(settings: Settings, command: str, output: Output) -> int | None:
    """Do what is wanted through a master; return ssh's exit code, or None if there is no master to do it.

    `command` is that of -O, or empty for a session. Whatever a master refuses of a session can still be had
    by a connection of one's own.
    """
    path = settings.config.expand("control_path")
    if path is None:
        output.log(Level.ERROR, 'No ControlPath specified for "-O" command')
        return exit_codes.SSH_FAILED
    if len(os.fsencode(path)) >= _PATH_SIZE:
        output.log(Level.ERROR, f"ControlPath too long ('{escape(path)}' >= {_PATH_SIZE} bytes)")
        return exit_codes.SSH_FAILED
    try:
        control = _connect(path, settings, command, output)
        if control is None:
            return exit_codes.SSH_FAILED if command else None
        return _Client(control, settings, output).run(command)
    except RefusedError as error:
        output.error(f"the master says: {escape(str(error))}")
        return exit_codes.SSH_FAILED
    except (SSHError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        output.error(f"Control socket {escape(path)}: {escape(reason or str(error))}")
        return exit_codes.SSH_FAILED


def _connect(path: str, settings: Settings, command: str, output: Output) -> Control | None:
    is_auto = settings.config.control_master.startswith("auto")
    if is_auto:
        output.debug(f"auto-mux: Trying existing master at '{escape(path)}'")
    try:
        control = Control.connect(path)
    except OSError as error:
        reason = error.strerror or str(error)
        if command:
            output.log(Level.ERROR, f"Control socket connect({escape(path)}): {reason}")
        elif isinstance(error, ConnectionRefusedError) and is_auto:
            output.debug(f"Stale control socket {escape(path)}, unlinking")
            os.unlink(path)  # noqa: PTH108  # pathlib costs a command through a master some milliseconds
        elif isinstance(error, FileNotFoundError):
            output.debug(f'Control socket "{escape(path)}" does not exist')
        else:
            output.log(Level.ERROR, f"Control socket connect({escape(path)}): {reason}")
        return None
    try:
        control.greet()
    except (SSHError, OSError) as error:
        control.close()
        if command:
            raise
        output.error(f"master hello exchange failed: {escape(str(error))}")
        return None
    return control


class _SignalledError(Exception):
    """A signal came that ends us; the master notices that we are gone."""


class _Client:
    """One dialogue with a master."""

    def __init__(self, control: Control, settings: Settings, output: Output) -> None:
        self._control = control
        self._settings = settings
        self._config = settings.config
        self._output = output
        self._master = 0

    def run(self, command: str) -> int | None:
        """Do what `run_through_master` says."""
        match command:
            case "check":
                print(f"Master running (pid={self._check_alive()})", end="\r\n", file=sys.stderr)
            case "exit":
                self._terminate()
            case "stop":
                self._control.ask(StopListening, answer=Ok)
                self._say("Stop listening request sent.")
            case "forward":
                if not self._forward("forwarding", prints_ports=True):
                    return exit_codes.SSH_FAILED
            case "cancel":
                self._forward("cancel")
            case "conninfo" | "channels":
                return self._show_info(command)
            case "proxy":
                return self._run_as_proxy()
            case _:
                return self._run_session()
        return exit_codes.OK

    def _say(self, text: str) -> None:
        # as ssh: the end of the line is that of a terminal in raw mode
        if self._output.level > Level.QUIET:
            print(text, end="\r\n", file=sys.stderr)

    # --- one question, one answer

    def _check_alive(self) -> int:
        return self._control.ask(AliveCheck, answer=MasterAlive).server_pid

    def _terminate(self) -> None:
        try:
            self._control.ask(Terminate, answer=Ok)
        except MasterGoneError:
            pass  # it was quick
        except RefusedError as error:
            raise RefusedError(
                f"Master refused termination request: {error}", by_user=error.by_user
            ) from None
        self._say("Exit request sent.")

    def _show_info(self, command: str) -> int:
        if not self._control.has_info:
            self._output.error("mux server does not support info request")
            return exit_codes.SSH_FAILED
        reply = self._control.ask(InfoRequest, _INFO_TYPES[command], answer=Info)
        if not reply.is_known:
            self._output.error(f"info request failed: {escape(reply.text.decode(errors='replace'))}")
            return exit_codes.SSH_FAILED
        os.write(_STDOUT, reply.text)
        return exit_codes.OK

    def _forward(self, what: str, *, prints_ports: bool = False) -> bool:
        """Ask for all forwards, or cancel them; say which fail, and return whether none did."""
        has_failed = False
        for key, _ in configured_forwards(self._config):
            fields = tuple(getattr(key, field) for field in key.__match_args__)
            self._output.debug(f"Requesting {what} of {escape(describe(key))}")
            try:
                if what == "cancel":
                    self._control.ask(CloseForward, *fields, answer=Ok)
                    continue
                port = self._open_forward(fields)
            except RefusedError as error:
                has_failed = True
                reason = escape(str(error))
                self._output.error(
                    f"Master refused forwarding request: {reason}"
                    if error.by_user
                    else f"forwarding request failed: {reason}"
                )
                continue
            if port is not None:
                self._output.verbose(f"Allocated port {port} for {escape(describe(key))}")
                if prints_ports:
                    self._output.result(str(port))
        if has_failed:
            self._output.error(f"master {'cancel forward' if what == 'cancel' else 'forward'} request failed")
        return not has_failed

    def _open_forward(self, fields: tuple[object, ...]) -> int | None:
        reply = self._control.ask_any(OpenForward, *fields, answers=(Ok, RemotePort))
        return reply.allocated_port if isinstance(reply, RemotePort) else None

    def _run_as_proxy(self) -> int:
        self._control.ask(Proxy, answer=ProxyGranted)
        from pyssh_cli.mux.proxied import run_proxied  # noqa: PLC0415  # the engine and the loop

        return run_proxied(self._settings, *self._control.detach(), self._output)

    # --- sessions

    def _run_session(self) -> int | None:
        """Run what the command line asks for; None if the master does not let us."""
        settings = self._settings
        if settings.stdio_forward is not None:
            return self._join_stdio()
        if not self._forward("forwarding"):
            return None
        self._master = self._check_alive()
        if not settings.has_session:
            return self._stay()
        has_terminal = wants_terminal(settings, self._output)
        config = self._config
        term = dict(config.set_env).get("TERM") or config.context.environ.get("TERM") or ""
        sent = environment(config)
        escape_character = NO_ESCAPE if config.escape_char is None else ord(config.escape_char)
        try:
            self._control.ask(
                NewSession,
                b"",
                int(has_terminal),
                int(config.forward_x11),
                int(bool(config.forward_agent)),
                int(settings.session == "subsystem"),
                escape_character,
                os.fsencode(term),
                settings.command,
                tuple(os.fsencode(f"{name}={value}") for name, value in sent.items()),
                answer=SessionOpened,
                handles=self._streams(3),
            )
        except RefusedError as error:
            self._output.error(f"Master refused session request: {escape(str(error))}")
            return None
        return self._follow(has_terminal=has_terminal)

    def _streams(self, count: int) -> tuple[int, ...]:
        """Return descriptors to pass; what is closed here is /dev/null there."""
        streams = [_STDIN, _STDOUT, _STDERR][:count]
        for number in streams:
            try:
                os.fstat(number)
            except OSError:
                streams[number] = os.open(os.devnull, os.O_RDWR)
        if self._config.stdin_null:
            streams[0] = os.open(os.devnull, os.O_RDONLY)
        return tuple(streams)

    def _stay(self) -> int:
        """-N: the forwards are the master's; stay as long as it does, unless we were to go."""
        if self._config.fork_after_authentication:
            return exit_codes.OK
        return self._follow(has_terminal=False)

    def _join_stdio(self) -> int:
        target = self._settings.stdio_forward
        assert target is not None
        if isinstance(target, UnixPath):
            where = os.fsencode(target.path), STREAMLOCAL
        else:
            where = (target.host or "").encode(), target.port
        self._master = self._check_alive()
        try:
            self._control.ask(NewStdioForward, b"", *where, answer=SessionOpened, handles=self._streams(2))
        except RefusedError as error:
            refused = "Master refused stdio forwarding request" if error.by_user else None
            self._output.error(f"{refused or 'Stdio forwarding request failed'}: {escape(str(error))}")
            return exit_codes.SSH_FAILED
        self._follow(has_terminal=False)
        return exit_codes.OK

    def _follow(self, *, has_terminal: bool) -> int:
        """Wait until the master closes the connection; return the exit code that it named."""
        self._catch_signals()
        raw = None
        if self._config.fork_after_authentication:
            if os.fork():
                os._exit(exit_codes.OK)
            os.setsid()
        elif has_terminal and os.isatty(_STDIN):
            from pyssh_cli.client.terminal import LocalTerminal  # noqa: PLC0415  # few commands have one

            raw = LocalTerminal()
            raw.enter_raw()
        try:
            code = self._wait_for_exit(raw)
        except _SignalledError:
            code = exit_codes.SSH_FAILED
        finally:
            self._control.close()
            if raw is not None:
                raw.leave_raw()
        if has_terminal and self._output.level >= Level.INFO:
            print(
                f"Shared connection to {escape(self._config.host_name)} closed.", end="\r\n", file=sys.stderr
            )
        return code

    def _wait_for_exit(self, raw: "LocalTerminal | None") -> int:
        code = exit_codes.SSH_FAILED
        try:
            while True:
                message = self._control.next_message()
                if isinstance(message, ExitMessage):
                    code = message.exit_value & 0xFF
                    self._output.debug(f"Received exit status from master {code}", Level.DEBUG2)
                elif isinstance(message, TtyAllocFailed) and raw is not None:
                    raw.leave_raw()
        except MasterGoneError:
            return code

    def _catch_signals(self) -> None:
        def end(number: int, _: Any) -> None:
            raise _SignalledError

        def relay(number: int, _: Any) -> None:
            # the terminal's size is the master's to ask for: it has the descriptor
            try:
                os.kill(self._master, number)
            except OSError as error:
                self._output.debug(f"the master cannot be told of the new size: {error.strerror}")

        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, end)
        if self._master > 1:
            signal.signal(signal.SIGWINCH, relay)
