"""Runs a shell, a command or a subsystem: starts it, joins the three streams, and learns how it ended."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from functools import partial

from pyssh.aio.channel import Channel, ExitStatus
from pyssh.aio.link import Link
from pyssh.aio.splice import Sink, Source, Transform
from pyssh.connection import kinds, requests
from pyssh.errors import SSHError
from pyssh.events import ChannelRequestReceived
from pyssh_cli import exit_codes
from pyssh_cli.client.interaction import Interaction
from pyssh_cli.client.login import Login
from pyssh_cli.client.plan import PTY, X11, SessionPlan
from pyssh_cli.client.terminal import LocalTerminal
from pyssh_cli.output import Level, Output, escape
from pyssh_cli.settings import Settings

__all__ = ["Descriptors", "Session", "SessionFailedError", "knows_openssh"]

_STDIN, _STDOUT, _STDERR = 0, 1, 2


def knows_openssh(link: Link) -> bool:
    """Whether the server knows OpenSSH's requests that want no reply; others may end the connection."""
    return "OpenSSH" in link.remote_version or "pyssh" in link.remote_version


class SessionFailedError(Exception):
    """The server does not run what was asked for, and that has been said."""


class Descriptors:
    """Where the session's streams go here; -f moves them away from 0, 1 and 2."""

    def __init__(self, stdin: int | None, stdout: int = _STDOUT, stderr: int = _STDERR) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr


class Session:
    """One session channel, from `start` to its exit code in `finish`."""

    def __init__(self, login: Login, settings: Settings, output: Output) -> None:
        self._link = login.link
        self._settings = settings
        self._config = settings.config
        self._output = output
        self._channel: Channel | None = None
        self._terminal = LocalTerminal()
        self._interaction: Interaction | None = None
        self._source: Source | None = None
        self._sinks: list[Sink] = []
        self._replies: list[tuple[str, asyncio.Future[bool]]] = []
        self._watching: list[asyncio.Task[None]] = []
        self._was_ended_here = False
        self.on_background: Callable[[], None] = lambda: None
        """What `~&` does, when the session's own part of it is done."""
        self._is_unread = False

    # --- the beginning

    async def start(self, plan: SessionPlan, descriptors: Descriptors, opened: Channel | None = None) -> None:
        """Ask for everything at once and let bytes flow.

        `opened` is a channel that the plan's requests were sent on already; else one is opened.
        """
        if plan.has_terminal and _is_terminal(descriptors):
            # at once: what is typed from now on is for the other side, and control-D no end of anything here
            self._terminal.enter_raw()
        channel = self._channel = opened or await self._link.open_session_channel()
        channel.handle_requests(self._answer)
        if plan.x11 is not None:
            from pyssh_cli.client.x11 import serve_display  # noqa: PLC0415  # few sessions want it

            serve_display(self._link, plan.x11)
        if plan.agent:
            self._forward_agent(plan.agent)
        if opened is None:
            for request in plan.silent:
                channel.send_request(request)
        for what, request in plan.asked:
            sent = channel.request(request) if opened is None else channel.expect_reply()
            self._replies.append((what, asyncio.ensure_future(sent)))
        # the requests leave in this turn of the loop, before any data or EOF
        await asyncio.sleep(0)
        self._join(channel, descriptors, has_terminal=plan.has_terminal)
        await self._check_replies()

    def _forward_agent(self, path: str) -> None:
        from pyssh.aio.agent import AgentForward  # noqa: PLC0415  # few sessions want it

        forward = AgentForward(path, on_refused=lambda why: self._output.info(escape(why)))
        self._link.let_open(kinds.AuthAgent, partial(forward.open_channel, self._link))

    async def _check_replies(self) -> None:
        for what, reply in self._replies:
            try:
                granted = await reply
            except SSHError as error:
                # some servers close the channel instead of saying no
                if self._link.ended:
                    raise
                self._output.debug(escape(str(error)))
                granted = False
            if granted:
                continue
            if what == PTY and self._settings.terminal == "auto":
                self._output.info(f"{what} request failed on channel 0")
                self._stop_interaction()
                continue
            if what == X11:
                self._output.info(f"{what} request failed on channel 0")
                continue
            raise self._failed(what)

    def _failed(self, what: str) -> SessionFailedError:
        self._stop_interaction()
        advice = {
            PTY: "-T asks for no terminal",
            "subsystem": "is it configured there?",
            "exec": "the server runs no commands for this user",
            "shell": "the server gives this user no shell; -N asks for none",
        }
        self._output.error(f"{what} request failed on channel 0; {advice[what]}")
        return SessionFailedError()

    # --- the streams

    def _join(self, channel: Channel, descriptors: Descriptors, *, has_terminal: bool) -> None:
        """Start to move bytes between the channel and our three streams."""
        self._sinks = [
            Sink(channel, descriptors.stdout),
            Sink(channel, descriptors.stderr, stderr=True),
        ]
        self._watching = [asyncio.ensure_future(self._watch(channel, sink)) for sink in self._sinks]
        transform: Transform | None = None
        if has_terminal:
            self._interaction = Interaction(
                channel,
                self._link,
                self._output,
                self._config,
                self._terminal,
                logs_to_terminal=self._settings.logs_to_stderr and os.isatty(_STDERR),
                on_disconnect=self._end_here,
                on_background=self.on_background,
            )
            self._interaction.start(has_terminal=_is_terminal(descriptors))
            transform = self._interaction.transform
        if descriptors.stdin is None:
            channel.send_eof()
            return
        from pyssh_cli.client.keystrokes import obscured  # noqa: PLC0415  # for terminals only

        keystrokes = obscured(channel, self._config, self._output) if has_terminal else None
        if keystrokes is not None:
            transform = keystrokes.transform(transform)
        try:
            self._source = Source(
                channel, descriptors.stdin, transform=transform, send_eof=keystrokes is None
            )
        except OSError as error:
            self._output.debug(f"standard input cannot be read: {error.strerror}")
            channel.send_eof()
            return
        if self._interaction is not None:
            self._interaction.source = self._source
        if keystrokes is not None:
            self._watching.append(asyncio.ensure_future(keystrokes.follow(self._source)))

    async def _watch(self, channel: Channel, sink: Sink) -> None:
        """Wait for the end of an output. If its reader is gone, so that nobody needs the rest, say so."""
        try:
            await sink.wait()
        except BrokenPipeError:
            self._is_unread = True
            if channel.closed:
                return
            if self._is_openssh:
                # the server closes the command's output, which then ends as it would in a local pipe
                channel.send_request(requests.EndOfWrite())
            else:
                self._end_here()
        except (OSError, SSHError) as error:
            self._output.debug(f"an output ended: {escape(str(error))}")

    async def _answer(self, question: ChannelRequestReceived) -> bool:
        """Answer the server's requests about the channel."""
        if isinstance(question.request, requests.EndOfWrite):
            # the command no longer reads: nor do we
            if self._source is not None:
                self._source.stop()
            return True
        return False

    @property
    def _is_openssh(self) -> bool:
        return knows_openssh(self._link)

    # --- the end

    async def finish(self) -> int:
        """Wait until the session is over and everything is written; return the exit code."""
        channel = self._channel
        assert channel is not None
        # a master's clients will want more
        if self._is_openssh and not self._settings.is_master:
            self._link.send_global_request(requests.NoMoreSessions())
        try:
            await channel.wait_closed()
            await asyncio.gather(*self._watching)
            await self._wait_for_forwarded()
        finally:
            self.stop()
        self._say_end()
        return self._exit_code(channel.exit)

    def stop(self) -> None:
        """Give back the terminal and our streams. Calling it twice is harmless."""
        self._stop_interaction()
        self._terminal.leave_raw()
        for _, reply in self._replies:
            reply.cancel()
        for task in self._watching:
            task.cancel()
        if self._source is not None:
            self._source.stop()
        for sink in self._sinks:
            sink.stop()

    def _stop_interaction(self) -> None:
        if self._interaction is not None:
            self._interaction.stop()

    def end(self) -> None:
        """End the session together with the connection."""
        self._end_here()

    def _end_here(self) -> None:
        self._was_ended_here = True
        self._link.close()

    async def _wait_for_forwarded(self) -> None:
        """As with ssh, connections that are forwarded may end before we do."""
        while not self._link.ended and (others := list(self._link.channels.values())):
            self._output.debug(f"waiting for {len(others)} forwarded connections to end")
            await asyncio.wait([asyncio.ensure_future(channel.wait_closed()) for channel in others])

    def _say_end(self) -> None:
        host = escape(self._config.host_name)
        if self._link.ended and not self._was_ended_here:
            error = self._link.error
            detail = f": {escape(str(error))}" if error is not None else ""
            # an error as with ssh: programs that silence the rest with LogLevel=ERROR still learn why
            self._output.log(Level.ERROR, f"Connection to {host} closed by remote host{detail}.")
        elif self._interaction is not None:
            self._output.info(f"Connection to {host} closed.")

    def _exit_code(self, ended: ExitStatus | None) -> int:
        if ended is None:
            return exit_codes.SSH_FAILED
        if ended.signal == "PIPE" and self._is_unread:
            # as in a local pipe, whose reader has seen enough
            return exit_codes.SSH_FAILED
        if ended.signal is not None:
            core = " (core dumped)" if ended.core_dumped else ""
            detail = f": {escape(ended.message)}" if ended.message else ""
            self._output.error(f"the remote command died of signal {escape(ended.signal)}{core}{detail}")
            return exit_codes.SSH_FAILED
        if ended.status is None:
            return exit_codes.SSH_FAILED
        self._output.debug(f"Exit status {ended.status}")
        return ended.status & 0xFF


def _is_terminal(descriptors: Descriptors) -> bool:
    """Whether what is typed here goes to the session."""
    return descriptors.stdin == _STDIN and os.isatty(_STDIN)


async def join_standard_streams(channel: Channel) -> None:
    """Move bytes between a channel and standard input and output until the channel is closed (-W)."""
    sink = Sink(channel, _STDOUT)
    source = Source(channel, _STDIN)
    try:
        with contextlib.suppress(BrokenPipeError):
            await sink.wait()
        if not sink.done or not source.done:
            await asyncio.wait(
                [asyncio.ensure_future(source.wait()), asyncio.ensure_future(channel.wait_closed())],
                return_when=asyncio.FIRST_COMPLETED,
            )
    finally:
        source.stop()
        sink.stop()
        channel.close()
