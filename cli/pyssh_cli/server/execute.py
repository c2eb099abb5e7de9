"""Programs without a terminal: three pipes, their half-closes, and the end."""

import os
from typing import Final

from pyssh.aio import Channel, Sink, Source, Terminal
from pyssh_cli.server.process import Process, Program, start

__all__ = ["PipeSession", "start_with_pipes"]


async def start_with_pipes(channel: Channel, program: Program) -> "PipeSession":
    """Start a program whose three streams are joined to a channel; OSError when it cannot be executed."""
    child_stdin, stdin = os.pipe()
    stdout, child_stdout = os.pipe()
    stderr, child_stderr = os.pipe()
    children = (child_stdin, child_stdout, child_stderr)
    try:
        process = await start(program, *children)
    except BaseException:
        for fd in (stdin, stdout, stderr):
            os.close(fd)
        raise
    finally:
        for fd in children:
            os.close(fd)
    return PipeSession(channel, process, stdin, stdout, stderr)


class PipeSession:
    """A program with three pipes, joined to a channel."""

    def __init__(self, channel: Channel, process: Process, stdin: int, stdout: int, stderr: int) -> None:
        self.process: Final = process
        self._sink = Sink(channel, stdin, close_fd=True)
        self._stdout = Source(channel, stdout, send_eof=False, close_fd=True)
        self._stderr = Source(channel, stderr, stderr=True, send_eof=False, close_fd=True)

    async def drain(self) -> None:
        """Wait until the channel has all output, also that of children which still hold the pipes."""
        await self._stdout.wait()
        await self._stderr.wait()

    def close(self) -> None:
        """Close the pipes."""
        for end in (self._sink, self._stdout, self._stderr):
            end.stop()

    def stop_output(self) -> None:
        """Read no more of stdout: the client wants nothing any more, and the next write fails."""
        self._stdout.stop()

    def resize(self, terminal: Terminal) -> None:
        """There is no terminal whose size could change."""

    def send_signal(self, number: int) -> None:
        """Signal the program and its children."""
        self.process.send_signal(number)

    def send_break(self) -> bool:
        """There is no line to break."""
        return False
