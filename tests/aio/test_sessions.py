"""Commands, shells and subsystems, as clients run them and servers serve them."""

import asyncio
import hashlib
import os

import pytest

from pyssh.aio import CommandError, ExitStatus, ServerSession, Terminal
from pyssh.errors import RequestError
from tests.aio.support import MIB, Handler, finish, pair, until


async def test_a_command_and_its_output() -> None:
    async with pair() as link:
        completed = await link.run("echo hello")
    assert (completed.stdout, completed.stderr, completed.exit_status) == (b"hello", b"", 0)


async def test_exit_status_and_check() -> None:
    async with pair() as link:
        assert (await link.run("exit 77")).exit_status == 77
        with pytest.raises(CommandError, match="exit status 3") as caught:
            await link.run("exit 3", check=True)
        assert caught.value.completed.exit_status == 3


async def test_a_signal_that_ended_the_command() -> None:
    async with pair() as link:
        completed = await link.run("die")
    assert completed.exit == ExitStatus(None, "SEGV", True, "oops")
    assert (completed.exit_status, completed.exit_signal) == (None, "SEGV")


async def test_environment_by_allow_list() -> None:
    async with pair() as link:
        completed = await link.run("env", env={"TEST_A": "1", "LD_PRELOAD": "x", "TEST_B": "ü"})
    assert completed.stdout.decode() == "[('TEST_A', '1'), ('TEST_B', 'ü')]"


async def test_terminal_and_its_changes() -> None:
    handler = Handler()
    sizes: list[tuple[int, int]] = []
    signals: list[str] = []

    async def resized(session: ServerSession) -> None:
        session.on_resize = lambda terminal: sizes.append((terminal.width, terminal.height))
        session.on_signal = signals.append
        session.on_break = lambda milliseconds: milliseconds == 500
        await session.read()

    handler.programs[b"resized"] = resized
    async with pair(handler) as link:
        shown = (await link.run("terminal", term=Terminal("vt100", 132, 43, modes=b"\0"))).stdout
        assert b"width=132, height=43" in shown
        assert (await link.run("terminal")).stdout == b"none"
        async with link.open_session("resized", term=Terminal()) as channel:
            channel.change_window(100, 50)
            channel.send_signal("SIGINT")
            assert await channel.send_break(500)
            assert not await channel.send_break(1)
            assert sizes == [(100, 50)]
            assert signals == ["INT"]


async def test_shell_and_merged_output() -> None:
    async with pair() as link:
        async with link.open_session() as channel:
            assert await finish(channel) == b"shell of guest"
        async with link.open_session("both 5", stderr="merge") as channel:
            assert await channel.read() == bytes(10)
        async with link.open_session("both 5", stderr="discard") as channel:
            assert await channel.read() == bytes(5)


async def test_refused_command_and_subsystem() -> None:
    async with pair() as link:
        with pytest.raises(RequestError, match="does not run"):
            await link.run("forbidden fruit")
        assert link.channels == {} or all(channel.closed is False for channel in link.channels.values())
        await until(lambda: not link.channels)


async def test_both_outputs_of_any_size_at_once() -> None:
    async with pair() as link:
        completed = await link.run(f"both {8 * MIB}")
    assert (len(completed.stdout), len(completed.stderr)) == (8 * MIB, 8 * MIB)


async def test_input_and_output_larger_than_all_windows() -> None:
    data = os.urandom(MIB) * 16
    async with pair() as link:
        completed = await link.run("cat", input=data)
    assert completed.stdout == data


async def test_input_that_the_command_does_not_read() -> None:
    async with pair() as link:
        completed = await link.run("exit 1", input=bytes(8 * MIB))
    assert completed.exit_status == 1


async def test_half_close() -> None:
    data = os.urandom(5 * MIB)
    async with pair() as link:
        completed = await link.run("sh cat > /dev/null; echo done", input=data)
        assert (completed.stdout, completed.exit_status) == (b"done\n", 0)
        completed = await link.run("sh wc -c; echo err >&2; exit 4", input=data)
    assert (completed.stdout.strip(), completed.stderr, completed.exit_status) == (
        str(len(data)).encode(),
        b"err\n",
        4,
    )


async def test_many_sessions_at_once() -> None:
    async with pair() as link:
        data = [os.urandom(256 * 1024 + number) for number in range(20)]
        completed = await asyncio.gather(*(link.run("hash", input=piece) for piece in data))
        digests = [hashlib.sha256(piece).hexdigest().encode() for piece in data]
        assert [one.stdout for one in completed] == digests
        await until(lambda: not link.channels)


async def test_the_connection_breaks_during_a_command() -> None:
    async with pair() as link:
        running = asyncio.ensure_future(link.run("wait"))
        await until(lambda: bool(link.channels))
        link.abort()
        with pytest.raises(Exception, match="aborted"):
            await running


async def test_cancelling_a_command_closes_its_channel() -> None:
    handler = Handler()
    async with pair(handler) as link:
        running = asyncio.ensure_future(link.run("wait"))
        await until(lambda: bool(handler.sessions))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await until(lambda: not link.channels)
        await until(lambda: handler.sessions[0].channel.closed)


async def test_a_failing_program_ends_with_a_status(caplog: pytest.LogCaptureFixture) -> None:
    handler = Handler()

    async def fail(session: ServerSession) -> None:
        raise ValueError("as it happens")

    handler.programs[b"fail"] = fail
    async with pair(handler) as link:
        completed = await link.run("fail")
    assert completed.exit_status == 255
    assert "as it happens" in caplog.text
