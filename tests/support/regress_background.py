"""Runs the scripts that mostly sleep, all at once, beside the tests that keep the processors busy.

`regress_background.py FOLDER PID ROLE:NAME...` writes each script's outcome into a file of `FOLDER`, and ends
early when the process with that number, which waits for them, is gone.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

if __name__ == "__main__":
    # started as a program: the repository is not on the path
    sys.path[:0] = [str(Path(__file__).resolve().parents[2] / part) for part in ("", "cli", "config")]

from tests.support import regress  # needs the path above

_SECONDS = 600.0


def start(folder: Path, jobs: list[str]) -> None:
    """Start the scripts unless somebody who shares the folder has; they end with who waits for them."""
    try:
        (folder / "started").touch(exist_ok=False)
    except FileExistsError:
        return
    # under xdist the parent is the one that all the workers have
    waiting = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    subprocess.Popen(
        [sys.executable, __file__, str(folder), str(waiting), *jobs],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def outcome(folder: Path, job: str) -> regress.Outcome:
    """Wait for a script's outcome."""
    path = folder / job
    end = time.monotonic() + _SECONDS
    while not path.exists():
        assert time.monotonic() < end, f"{job} has not ended after {_SECONDS:g} s"
        time.sleep(0.1)
    return regress.Outcome(*json.loads(path.read_text()))


def _run(folder: Path, job: str) -> None:
    role, name = job.split(":")
    done = regress.run(regress.ROLES[role], name)
    unfinished = folder / f"{job}.unfinished"
    unfinished.write_text(json.dumps(done))
    unfinished.rename(folder / job)


def main() -> None:
    folder, waiting, *jobs = sys.argv[1:]
    threads = [threading.Thread(target=_run, args=(Path(folder), job), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    with contextlib.suppress(ProcessLookupError):
        for thread in threads:
            while thread.is_alive():
                thread.join(1.0)
                os.kill(int(waiting), 0)
    # the scripts of the threads that are left are killed as these end


if __name__ == "__main__":
    main()
