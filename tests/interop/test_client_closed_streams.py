"""`pyssh` started with some of its three streams closed, as cron and daemons do it."""

import subprocess
from pathlib import Path

import pytest

from tests.support.peers import openssh_server
from tests.support.pyssh_client import SECONDS, command


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_dev_null(closed: str, tmp_path: Path) -> None:
    with openssh_server() as server:
        words = command(server, tmp_path, "cat; echo out; echo err >&2; exit 7")
        done = subprocess.run(
            ["/bin/sh", "-c", f'"$@" {closed}', "sh", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=SECONDS,
        )
    assert done.returncode == 7
    assert done.stdout == (b"" if ">&-" in closed.split() else b"out\n")
    assert done.stderr == (b"" if "2>&-" in closed else b"err\n")
