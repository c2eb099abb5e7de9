"""Names of hosts for completion: from configuration files and known_hosts. Nothing here is an error."""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from typing import Final

from pyssh.errors import SSHError
from pyssh_config.lexer import INCLUDE_DEPTH, include_paths, read_lines

__all__ = ["host_names"]

_SYSTEM: Final = "/etc/ssh"
_KNOWN_HOSTS: Final = ("known_hosts", "known_hosts2")
_SYSTEM_KNOWN_HOSTS: Final = ("ssh_known_hosts", "ssh_known_hosts2")
# known_hosts of a large site; a completion must not take longer than a key stroke
_MOST_BYTES: Final = 4 * 1024 * 1024
# the files may hold anything, and a shell reads what comes of them
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:%\-]{0,254}")


def host_names(home: str, config_file: str | None = None) -> tuple[str, ...]:
    """Return the names, sorted and each once; `config_file` is read instead of the default ones."""
    found: set[str] = set()
    for path, directory in _config_files(home, config_file):
        found.update(_from_config(path, directory, home, 0))
    for path in _known_hosts_files(home):
        found.update(_from_known_hosts(path))
    return tuple(sorted(name for name in found if _PLAIN.fullmatch(name)))


def _config_files(home: str, config_file: str | None) -> Sequence[tuple[str, str]]:
    if config_file is not None:
        return () if config_file.lower() == "none" else ((config_file, f"{home}/.ssh"),)
    return (f"{home}/.ssh/config", f"{home}/.ssh"), (f"{_SYSTEM}/ssh_config", _SYSTEM)


def _known_hosts_files(home: str) -> Iterator[str]:
    yield from (f"{home}/.ssh/{name}" for name in _KNOWN_HOSTS)
    yield from (f"{_SYSTEM}/{name}" for name in _SYSTEM_KNOWN_HOSTS)


def _from_config(path: str, directory: str, home: str, depth: int) -> Iterator[str]:
    """Yield the names of Host lines that are no patterns."""
    with contextlib.suppress(OSError, SSHError, ValueError):
        for line in read_lines(path):
            keyword = line.keyword.lower()
            if keyword == "host":
                yield from (word for word in line.words if not word.startswith("!"))
            elif keyword == "include" and depth < INCLUDE_DEPTH:
                for included in include_paths(line, directory, home):
                    yield from _from_config(included, directory, home, depth + 1)


def _from_known_hosts(path: str) -> Iterator[str]:
    with contextlib.suppress(OSError), open(path, "rb") as file:  # noqa: PTH123  # pathlib costs 5 ms
        if not os.path.isfile(path):  # noqa: PTH113  # the same
            return
        for line in file.read(_MOST_BYTES).decode(errors="replace").splitlines():
            words = line.split(None, 2)
            if words and words[0].startswith("@"):
                del words[0]
            if words and not words[0].startswith(("|", "#")):
                # [name]:port is the name's
                yield from (name.partition("]")[0].removeprefix("[") for name in words[0].split(","))
