"""`-F`, `-R`, `-H`: find a host in known_hosts, remove it, hide all names."""

import os
from collections.abc import Iterator

from pyssh.errors import KeyFormatError
from pyssh.keys.names import short_name
from pyssh_config.errors import ConfigError
from pyssh_config.known_hosts import KnownHost, hash_name, parse_lines
from pyssh_config.known_hosts_file import hash_file, remove_host

from .loading import read_text
from .prompts import home
from .report import KeygenError, reason, say, shown, warn
from .request import Request
from .show import fingerprint_words, print_art

__all__ = ["run"]

_MARKERS = {"": "", "cert-authority": "CA", "revoked": "REVOKED"}


def run(request: Request) -> int:
    """Do one of the three; finding wins, also together with `-H`, which then hides what is printed."""
    path = request.path or f"{home()}/.ssh/known_hosts"
    try:
        os.stat(path)  # noqa: PTH116  as in prompts.home
    except OSError as error:
        raise KeygenError(f"Cannot stat {shown(path)}: {reason(error)}") from None
    name = request.host or ""
    if request.find_host:
        return _find(request, path, name)
    try:
        return _remove(request, path, name) if request.remove_host else _hash(path)
    except ConfigError as error:
        if not error.line:
            raise
        warn(f"{shown(path)}:{error.line}: invalid line")
        warn(f"{shown(path)} is not a valid known_hosts file.")
        raise KeygenError("Not replacing existing known_hosts file because of errors", 1) from None


def _entries(path: str) -> Iterator[KnownHost]:
    try:
        text = read_text(path)
    except OSError as error:
        raise KeygenError(f"Cannot read {shown(path)}: {reason(error)}") from None
    for entry in parse_lines(text, path):
        if isinstance(entry, KnownHost):
            yield entry


def _find(request: Request, path: str, name: str) -> int:
    """Print the lines about a host; 1 if there are none."""
    found = False
    for entry in _entries(path):
        if not entry.matches(name.lower()):
            continue
        found = True
        if not request.quiet:
            say(f"# Host {shown(name)} found: line {entry.line} {_MARKERS[entry.marker]}")
        if request.hash_hosts:
            _print_hashed(entry)
        elif request.print_fingerprint:
            _print_fingerprint(request, name, entry)
        else:
            say(entry.text)
    return 0 if found else 1


def _print_hashed(entry: KnownHost) -> None:
    if entry.is_hashed or entry.has_patterns or entry.marker:
        say(entry.text)
        return
    for host in entry.hosts.split(","):
        if host:
            say(f"{hash_name(host)} {entry.rest}")


def _print_fingerprint(request: Request, name: str, entry: KnownHost) -> None:
    try:
        key = entry.key
    except KeyFormatError as error:
        raise KeygenError(f"{shown(entry.path)} line {entry.line}: {shown(str(error))}") from None
    comment = f" {shown(entry.comment)}" if entry.comment else ""
    say(f"{shown(name)} {short_name(key)} {fingerprint_words(request, key)}{comment}")
    print_art(request, key)


def _remove(request: Request, path: str, name: str) -> int:
    removed = remove_host(path, name)
    if not removed:
        warn(f"Host {shown(name)} not found in {shown(path)}")
        return 0
    if not request.quiet:
        for entry in removed:
            say(f"# Host {shown(name)} found: line {entry.line}")
    _tell_updated(path)
    return 0


def _hash(path: str) -> int:
    result = hash_file(path)
    for entry in result.left:
        warn(f"{shown(path)}:{entry.line}: ignoring host name with wildcard: {shown(entry.hosts[:64])}")
    if not result.hashed:
        # ssh-keygen rewrites the file even then, with the same lines
        say(f"{shown(path)} holds no names that could be hidden.")
        return 0
    _tell_updated(path)
    warn(f"WARNING: {shown(path)}.old contains unhashed entries")
    warn("Delete this file to ensure privacy of hostnames")
    return 0


def _tell_updated(path: str) -> None:
    say(f"{shown(path)} updated.")
    say(f"Original contents retained as {shown(path)}.old")
