"""-h, -c, -t: limits to the use of the keys that an agent is given."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Final

from pyssh.agent.constraints import Constraints, Destination, Hop, HopKey
from pyssh.errors import KeyFormatError
from pyssh_cli.add.request import AddError, Request
from pyssh_cli.output import Output
from pyssh_config.errors import escape
from pyssh_config.known_hosts import KnownHosts

__all__ = ["constraints_of", "parse_destination"]

_FILES: Final = (
    "~/.ssh/known_hosts",
    "~/.ssh/known_hosts2",
    "/etc/ssh/ssh_known_hosts",
    "/etc/ssh/ssh_known_hosts2",
)
_NOWHERE: Final = Hop("", "", ())


def constraints_of(request: Request, output: Output) -> Constraints:
    """Return the limits that the flags ask for; `AddError` for destinations that make no sense."""
    destinations: tuple[Destination, ...] = ()
    if request.destinations:
        known = _known_hosts(request.host_key_files or _FILES, output)
        destinations = tuple(parse_destination(text, known) for text in request.destinations)
    return Constraints(lifetime=request.lifetime or None, confirm=request.confirm, destinations=destinations)


def _known_hosts(paths: Sequence[str], output: Output) -> KnownHosts:
    known = KnownHosts.load(
        os.path.expanduser(path)  # noqa: PTH111  # pathlib raises for users that are not there
        for path in paths
    )
    for problem in known.problems:
        output.debug(str(problem))
    return known


def parse_destination(text: str, known: KnownHosts) -> Destination:
    """Parse `[user@]host`, a host to go to from here, or `host>[user@]host`, from one to another."""
    before, arrow, behind = text.partition(">")
    if not arrow:
        return Destination(_NOWHERE, _parse_hop(before, known))
    origin, target = _parse_hop(before, known), _parse_hop(behind, known)
    if origin.user:
        raise AddError(f"Invalid key constraint {escape(before)}: cannot specify user on 'from' host")
    return Destination(origin, target)


def _parse_hop(text: str, known: KnownHosts) -> Hop:
    user, at, host = text.partition("@")
    if not at:
        user, host = "", text
    host = _without_brackets(host)
    if not host:
        problem = "does not specify user or host" if not user else "does not specify a host"
        raise AddError(f'Invalid key destination constraint "{escape(text)}": {problem}')
    keys = tuple(_host_keys(host, known))
    if not keys:
        raise AddError(f'No host keys found for destination "{escape(host)}"')
    return Hop(user, host, keys)


def _host_keys(host: str, known: KnownHosts) -> Iterator[HopKey]:
    for entry in known.find(host):
        if entry.marker != "revoked":
            with contextlib.suppress(KeyFormatError):
                yield HopKey(entry.key, entry.marker == "cert-authority")


def _without_brackets(host: str) -> str:
    """Take away the brackets of an IPv6 address; those of `[host]:port` are part of the name."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host
