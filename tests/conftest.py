"""What holds for every test: a home of its own, no agent, hypothesis without deadlines, `async def` tests."""

import asyncio
import inspect
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.support import peers

ASYNC_TEST_SECONDS = 120.0
"""A test that waits longer than this waits in vain; it is far more than any takes on a loaded machine."""

LONGEST_ID = 32
"""The smallest keys and salts are longer, written out as a test's name has them."""

hypothesis.settings.register_profile("pyssh", deadline=None)
# the same examples in each run, so that one submission is not refused for a bug of an earlier one;
# new examples come from scripts/fuzz
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "pyssh")


def pytest_report_header() -> list[str]:
    """Shows at the top of a run which peers are there, and why others are not."""
    reasons = {peer: peer.missing() for peer in peers.ALL}
    found = " ".join(str(peer) for peer, reason in reasons.items() if not reason)
    return [f"peers: {found}", *(f"no {peer}: {reason}" for peer, reason in reasons.items() if reason)]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names a value that may hold a random key by its argument: all processes of `-n 2` must agree."""
    return argname if isinstance(val, (bytes, str)) and len(val) > LONGEST_ID else None


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs an `async def` test in a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}

    async def limited() -> None:
        async with asyncio.timeout(ASYNC_TEST_SECONDS):
            await pyfuncitem.obj(**arguments)

    asyncio.run(limited())
    return True


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def own_home(_homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for each test, so that none reads or writes the files of whoever runs it."""
    home = next(_homes)
    home.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    strays = [name for name in os.environ if name.startswith(("SSH_", "XDG_", "PYSSH_"))]
    for name in [*strays, "DISPLAY"]:
        monkeypatch.delenv(name, raising=False)
    return home
