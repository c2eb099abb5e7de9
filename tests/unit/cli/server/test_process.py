import asyncio
import os
import signal
from pathlib import Path

import pytest

from pyssh_cli.server.accounts import own_account
from pyssh_cli.server.process import End, Process, Program, start


def program(script: str) -> Program:
    return Program("/bin/sh", ("sh", "-c", script), {"PATH": os.environ["PATH"]}, own_account())


async def run(script: str) -> tuple[Process, int]:
    """Starts a script; returns it and the reading end of its output."""
    reading, writing = os.pipe()
    nothing = os.open(os.devnull, os.O_RDWR)
    process = await start(program(script), nothing, writing, nothing)
    os.close(writing)
    os.close(nothing)
    return process, reading


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


async def read_line(fd: int) -> bytes:
    return await asyncio.get_running_loop().run_in_executor(None, os.read, fd, 100)


@pytest.mark.parametrize(
    ("script", "end"),
    [
        ("exit 0", End(0)),
        ("exit 200", End(200)),
        ("kill -TERM $$", End(0, signal.SIGTERM)),
        ("kill -KILL $$", End(0, signal.SIGKILL)),
    ],
)
async def test_ends(script: str, end: End) -> None:
    process, output = await run(script)
    assert (await process.wait()).replace(core_dumped=False) == end
    assert process.end is not None
    assert not is_alive(process.pid)
    process.send_signal(signal.SIGTERM)  # nobody is there any more: nothing happens
    os.close(output)


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGTERM, "TERM"), (signal.SIGUSR1, "USR1"), (signal.SIGSYS, "SYS@pyssh")]
)
def test_names_of_signals(number: int, name: str) -> None:
    assert End(0, number).signal_name == name
    assert End(0, 40).signal_name == "40@pyssh"


async def test_a_program_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        await start(program("").replace(path="/no/such/shell"), 0, 1, 2)


async def test_it_leads_a_session_of_its_own_in_the_home(own_home: Path) -> None:
    process, output = await run("echo $$; read -r a b c d e f rest < /proc/$$/stat; echo $e $f; pwd")
    await process.wait()
    pid, ids, home = os.read(output, 1000).decode().splitlines()
    assert ids == f"{pid} {pid}"
    assert home == str(own_home)
    os.close(output)


async def test_hanging_up_ends_the_session_with_its_jobs() -> None:
    process, output = await run("sleep 1000 & echo $!; wait")
    job = int(await read_line(output))
    await process.hang_up()
    assert process.end == End(0, signal.SIGHUP)
    assert await read_line(output) == b""  # the job is gone, too: nobody holds the pipe
    os.close(output)
    assert not is_alive(job)


async def test_who_ignores_hanging_up_is_terminated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyssh_cli.server.process._TERMINATE_AFTER", 0.05)
    process, output = await run("trap '' HUP; echo ready; while :; do sleep 1000; done")
    await read_line(output)
    await process.hang_up()
    assert process.end == End(0, signal.SIGTERM)
    os.close(output)


async def test_who_ignores_that_as_well_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyssh_cli.server.process._TERMINATE_AFTER", 0.05)
    monkeypatch.setattr("pyssh_cli.server.process._KILL_AFTER", 0.05)
    process, output = await run("trap '' HUP TERM; echo ready; while :; do sleep 1000; done")
    await read_line(output)
    await process.hang_up()
    assert process.end == End(0, signal.SIGKILL)
    os.close(output)
