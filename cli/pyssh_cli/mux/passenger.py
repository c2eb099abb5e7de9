"""What a client of a master has on the connection: a session or -W, with streams that it passed."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from pyssh.aio.agent import AgentForward
from pyssh.aio.channel import Channel
from pyssh.aio.client import ClientLink
from pyssh.aio.splice import Sink, Source, Transform
from pyssh.connection import kinds, requests
from pyssh.errors import SSHError
from pyssh.events import ChannelRequestReceived
from pyssh.mux.messages import NO_ESCAPE, NewSession
from pyssh.wire.message import Struct
from pyssh_cli.client.escapes import EscapeFilter
from pyssh_cli.client.identities import forwarded_agent
from pyssh_cli.client.keystrokes import Keystrokes, obscured
from pyssh_cli.client.resizes import follow_resizes
from pyssh_cli.client.session import knows_openssh
from pyssh_cli.client.terminal import LocalTerminal
from pyssh_cli.client.x11 import find_display
from pyssh_cli.output import Output, escape
from pyssh_config.client import ClientConfig
from pyssh_config.patterns import matches_pattern

__all__ = ["PassedStreams", "Passenger"]

_PTY: Final = "pty-req"
_X11: Final = "x11-req"
_LARGEST_CHARACTER: Final = 255
_ESCAPE_HELP: Final = (".", "end this session"), ("?", "show this list")


class PassedStreams:
    """Descriptors that a client passed: standard input, output, and for a session error.

    They share their modes with the client's own, which live on after the session; `close` restores them.
    """

    def __init__(self, descriptors: Sequence[int]) -> None:
        self.descriptors = tuple(descriptors)
        self.stdin, self.stdout = self.descriptors[:2]
        self.stderr = self.descriptors[-1]
        self._blocking = []
        for number in self.descriptors:
            os.set_inheritable(number, False)
            if os.get_blocking(number) and not os.isatty(number):
                self._blocking.append(number)
        for number in self._blocking:
            os.set_blocking(number, False)

    def say(self, text: str) -> None:
        """Write lines for the client's user; what does not fit is lost."""
        with contextlib.suppress(OSError):
            os.write(self.stderr, text.replace("\n", "\r\n").encode(errors="backslashreplace") + b"\r\n")

    def close(self) -> None:
        """Close all. Closing twice is harmless."""
        numbers, self.descriptors = self.descriptors, ()
        for number in self._blocking if numbers else ():
            with contextlib.suppress(OSError):
                os.set_blocking(number, True)
        for number in numbers:
            os.close(number)


class Passenger:
    """A channel and a client's streams, from `start` or `join` to the exit value in `finish`."""

    def __init__(self, link: ClientLink, channel: Channel, streams: PassedStreams, output: Output) -> None:
        self._link = link
        self._channel = channel
        self._streams = streams
        self._output = output
        self._source: Source | None = None
        self._sinks: list[Sink] = []
        self._watching: list[asyncio.Task[None]] = []
        self._replies: list[tuple[str, asyncio.Task[bool]]] = []
        self._stop_following: Callable[[], None] | None = None
        self._is_unread = False
        self._character = ""

    @property
    def number(self) -> int:
        """The channel's number."""
        return self._channel.number

    # --- the beginning

    @classmethod
    async def open_session(cls, link: ClientLink, streams: PassedStreams, output: Output) -> "Passenger":
        """Open a session channel; `ChannelOpenError` if the server opens none."""
        return cls(link, await link.open_session_channel(), streams, output)

    async def start(self, asked: NewSession, config: ClientConfig) -> None:
        """Ask the server for everything, and let bytes flow."""
        channel = self._channel
        channel.handle_requests(self._answer)
        for name, value in _environment(asked, config):
            channel.send_request(requests.Env(name, value))
        await self._forward_to_client(asked, config)
        transform: Transform | None = None
        if asked.want_tty:
            terminal = LocalTerminal(self._streams.stdin)
            term = asked.terminal_type.decode(errors="replace")
            self._ask(_PTY, terminal.describe(term))
            self._stop_following = follow_resizes(channel.link.loop, lambda: self._resized(terminal))
            if asked.escape_character <= _LARGEST_CHARACTER and asked.escape_character != NO_ESCAPE:
                self._character = chr(asked.escape_character)
                transform = EscapeFilter(self._character, self._command)
        if asked.is_subsystem:
            subsystem = asked.command.decode(errors="replace")
            self._output.debug(f"Sending subsystem: {escape(subsystem)}")
            self._ask("subsystem", requests.Subsystem(subsystem))
        elif asked.command:
            self._output.debug(f"Sending command: {escape(asked.command.decode(errors='replace'))}")
            self._ask("exec", requests.Exec(asked.command))
        else:
            self._ask("shell", requests.Shell())
        # the requests leave in this turn of the loop, before any data or EOF
        await asyncio.sleep(0)
        self._sinks = [
            Sink(channel, self._streams.stdout),
            Sink(channel, self._streams.stderr, stderr=True),
        ]
        self._begin(transform, obscured(channel, config, self._output) if asked.want_tty else None)

    async def _forward_to_client(self, asked: NewSession, config: ClientConfig) -> None:
        """Ask for X11 and the agent. They are the master's, and so is the leave to forward the agent."""
        link, channel = self._link, self._channel
        path = forwarded_agent(config) if asked.want_agent and config.forward_agent else ""
        if path:
            forward = AgentForward(path, on_refused=lambda why: self._output.info(escape(why)))
            link.let_open(kinds.AuthAgent, partial(forward.open_channel, link))
            channel.send_request(requests.AuthAgentReq())
        display = await find_display(link, config, self._output) if asked.want_x11_forwarding else None
        if display is not None:
            self._ask(_X11, display.request())

    def join(self) -> None:
        """Let bytes flow between the channel and the streams (-W)."""
        self._sinks = [Sink(self._channel, self._streams.stdout)]
        self._begin(None, None)

    def _begin(self, transform: Transform | None, keystrokes: Keystrokes | None) -> None:
        if keystrokes is not None:
            transform = keystrokes.transform(transform)
        self._watching = [asyncio.ensure_future(self._watch(sink)) for sink in self._sinks]
        try:
            self._source = Source(
                self._channel, self._streams.stdin, transform=transform, send_eof=keystrokes is None
            )
        except OSError as error:
            self._output.debug(f"a client's standard input cannot be read: {error.strerror}")
            self._channel.send_eof()
            return
        if keystrokes is not None:
            self._watching.append(asyncio.ensure_future(keystrokes.follow(self._source)))

    def _ask(self, what: str, request: Struct) -> None:
        self._replies.append((what, asyncio.ensure_future(self._channel.request(request))))

    def _resized(self, terminal: LocalTerminal) -> None:
        if not self._channel.closed:
            with contextlib.suppress(SSHError, OSError):
                self._channel.change_window(*terminal.size())

    def _command(self, letter: str) -> bool:
        """Obey an escape character; most of them are for who has the connection."""
        shown = escape(self._character)
        if letter == ".":
            self._channel.link.loop.call_soon(self._channel.close)
        elif letter == "?":
            rows = (f"{shown}{letter}  {meaning}" for letter, meaning in _ESCAPE_HELP)
            # the first line ends what the terminal shows already
            self._streams.say("\n".join([f"{shown}?", "Supported escape sequences:", *rows]))
        else:
            self._streams.say(f"{shown}{escape(letter)} escape not available to multiplexed sessions")
        return True

    async def _answer(self, question: ChannelRequestReceived) -> bool:
        if isinstance(question.request, requests.EndOfWrite):
            if self._source is not None:
                self._source.stop()
            return True
        return False

    async def _watch(self, sink: Sink) -> None:
        """Wait for the end of an output. If its reader is gone, so that nobody needs the rest, say so."""
        try:
            await sink.wait()
        except BrokenPipeError:
            self._is_unread = True
            if self._channel.closed:
                return
            if knows_openssh(self._channel.link) and len(self._sinks) > 1:
                self._channel.send_request(requests.EndOfWrite())
            else:
                self._channel.close()
        except (OSError, SSHError) as error:
            self._output.debug(f"an output of a client ended: {escape(str(error))}")

    # --- the end

    async def check_replies(self, on_no_terminal: Callable[[], None]) -> None:
        """Wait for the server's answers; a session that it does not start is closed."""
        for what, reply in self._replies:
            try:
                granted = await reply
            except (SSHError, OSError) as error:
                self._output.debug(escape(str(error)))
                granted = False
            if granted or self._channel.link.ended:
                continue
            if what == _PTY:
                self._streams.say(f"PTY allocation request failed on channel {self._channel.number}")
                on_no_terminal()
                continue
            if what == _X11:
                self._streams.say("X11 forwarding request failed")
                continue
            self._streams.say(f"{what} request failed on channel {self._channel.number}")
            self._channel.close()

    async def finish(self) -> int | None:
        """Wait until the session is over and everything is written; return the exit status, if any."""
        await self._channel.wait_closed()
        await asyncio.gather(*self._watching)
        ended = self._channel.exit
        # a command that nobody reads any more dies as in a local pipe
        is_expected = ended is not None and ended.signal == "PIPE" and self._is_unread
        if ended is not None and ended.signal is not None and not is_expected:
            self._streams.say(f"the remote command died of signal {escape(ended.signal)}")
        return None if ended is None or ended.status is None else ended.status

    async def finish_join(self) -> None:
        """Wait until either side of -W has ended."""
        await self._watching[0]
        if self._source is not None and not self._source.done and not self._channel.closed:
            await asyncio.wait(
                [
                    asyncio.ensure_future(self._source.wait()),
                    asyncio.ensure_future(self._channel.wait_closed()),
                ],
                return_when=asyncio.FIRST_COMPLETED,
            )

    def stop(self) -> None:
        """Give the streams back and close the channel. Calling it twice is harmless."""
        if self._stop_following is not None:
            self._stop_following()
        for _, reply in self._replies:
            reply.cancel()
        for task in self._watching:
            task.cancel()
        if self._source is not None:
            self._source.stop()
        for sink in self._sinks:
            sink.stop()
        self._channel.close()
        self._streams.close()


def _environment(asked: NewSession, config: ClientConfig) -> list[tuple[bytes, bytes]]:
    """Return the variables to send: a client's that the master's SendEnv lets pass, and the master's own."""
    found: dict[bytes, bytes] = {}
    for line in asked.environment:
        name, equals, value = line.partition(b"=")
        shown = os.fsdecode(name)
        if name and equals and any(matches_pattern(shown, pattern) for pattern in config.send_env):
            found[name] = value
    found |= {os.fsencode(name): os.fsencode(value) for name, value in config.set_env}
    return list(found.items())
