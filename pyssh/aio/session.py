"""A client's side of `session` channels: commands, shells and subsystems (RFC 4254 section 6)."""

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pyssh.aio.channel import STDERR, Channel, ExitStatus
from pyssh.aio.reader import Chunk
from pyssh.connection import kinds, requests
from pyssh.errors import RequestError, SSHError
from pyssh.record import Record

if TYPE_CHECKING:
    from pyssh.aio.link import Link

StderrMode = Literal["separate", "merge", "discard"]


class Terminal(Record):
    """The terminal that a session wants or has. `modes` are encoded as RFC 4254 section 8 says."""

    term: str = "xterm-256color"
    width: int = 80
    height: int = 24
    width_pixels: int = 0
    height_pixels: int = 0
    modes: bytes = b"\0"


class Completed(Record):
    """A command that has ended, and all of its output."""

    command: bytes
    stdout: bytes
    stderr: bytes
    exit: ExitStatus

    @property
    def exit_status(self) -> int | None:
        """The exit status; None if a signal ended the command or the server did not say."""
        return self.exit.status

    @property
    def exit_signal(self) -> str | None:
        """The signal that ended the command, as "TERM"."""
        return self.exit.signal


class CommandError(SSHError):
    """A command ended with another exit status than 0. `completed` has its output."""

    def __init__(self, completed: Completed) -> None:
        how = (
            f"signal {completed.exit.signal}"
            if completed.exit.signal is not None
            else "no exit status"
            if completed.exit.status is None
            else f"exit status {completed.exit.status}"
        )
        super().__init__(f"the command ended with {how}")
        self.completed = completed


class Collector:
    """A lane that keeps everything and never lets the window shut."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._chunks: list[Chunk] = []

    def receive(self, data: Chunk) -> bool:
        """Keep data and give the credit back."""
        self._chunks.append(data)
        self._channel.consumed(len(data))
        return False

    def flush(self) -> None:
        """Nothing waits."""

    def receive_eof(self) -> None:
        """Leave the end of the channel to others."""

    def receive_end(self, error: Exception) -> None:
        """Leave the end of the channel to others."""

    def take(self) -> bytes:
        """Return everything."""
        chunks, self._chunks = self._chunks, []
        return b"".join(chunks)


def encode_command(command: str | bytes) -> bytes:
    """Return a command as it travels: text in UTF-8."""
    return command.encode() if isinstance(command, str) else command


async def start_session(
    channel: Channel,
    *,
    command: str | bytes | None = None,
    subsystem: str | None = None,
    term: Terminal | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Prepare a session channel and start a command, a subsystem or, with neither, the user's shell."""
    for name, value in (env or {}).items():
        # servers allow few names; a refusal is not worth a round trip, nor an error
        channel.send_request(requests.Env(name.encode(), value.encode()))
    if term is not None:
        pty = requests.PtyReq(
            term.term, term.width, term.height, term.width_pixels, term.height_pixels, term.modes
        )
        if not await channel.request(pty):
            raise RequestError("the server gives no terminal")
    if subsystem is not None:
        if not await channel.request(requests.Subsystem(subsystem)):
            raise RequestError(f"the server has no subsystem {subsystem!r}")
    elif command is not None:
        if not await channel.request(requests.Exec(encode_command(command))):
            raise RequestError("the server does not run the command")
    elif not await channel.request(requests.Shell()):
        raise RequestError("the server gives no shell")


async def open_session(
    link: "Link",
    *,
    command: str | bytes | None = None,
    subsystem: str | None = None,
    term: Terminal | None = None,
    env: Mapping[str, str] | None = None,
    stderr: StderrMode = "separate",
) -> Channel:
    """Open a session channel and start something in it."""
    channel = await link.open_channel(kinds.Session())
    try:
        if stderr == "merge":
            channel.merge_stderr()
        elif stderr == "discard":
            channel.discard_stderr()
        await start_session(channel, command=command, subsystem=subsystem, term=term, env=env)
    except BaseException:
        channel.close()
        raise
    return channel


async def _feed(channel: Channel, data: bytes | bytearray | memoryview) -> None:
    with contextlib.suppress(OSError, SSHError):  # commands need not read all of their input
        await channel.write(data)
        channel.send_eof()


async def run(
    link: "Link",
    command: str | bytes,
    *,
    input: bytes | bytearray | memoryview = b"",
    term: Terminal | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = False,
) -> Completed:
    """Run a command to its end; see `ClientLink.run`."""
    channel = await link.open_channel(kinds.Session())
    async with channel:
        stdout, stderr = Collector(channel), Collector(channel)
        channel.attach(stdout)
        channel.attach(stderr, STDERR)
        await start_session(channel, command=command, term=term, env=env)
        feeding = link.spawn(_feed(channel, input), "input of a command")
        # the server closes the channel when the command and all that holds its output have ended
        await channel.wait_closed()
        feeding.cancel()
        exit_status = await channel.wait_exit()
    completed = Completed(encode_command(command), stdout.take(), stderr.take(), exit_status)
    if check and exit_status.status != 0:
        raise CommandError(completed)
    return completed
