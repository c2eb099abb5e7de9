"""What is printed of a key: lines for known_hosts, the certificate itself, or SSHFP records."""

from collections.abc import Iterator

from pyssh.errors import KeyFormatError
from pyssh.keys.public import PublicKey, format_public_line
from pyssh.keys.sshfp import sshfp_record
from pyssh_cli.keyscan.request import Request
from pyssh_cli.output import Output
from pyssh_config.errors import escape
from pyssh_config.known_hosts import hash_name, host_port_name

__all__ = ["key_lines"]


def key_lines(key: PublicKey, names: str, request: Request, output: Output) -> Iterator[str]:
    """Yield the lines for a host's key; `names` are separated by commas."""
    shown = format_public_line(key, "")
    each = [name for name in names.split(",") if name]
    if request.as_sshfp:
        for name in each:
            yield from _records(key, name, request, output)
    elif request.certificates:
        # who signs hosts is known by a line with @cert-authority, which names nobody in particular
        yield shown
    elif request.hide_names:
        for name in each:
            yield f"{hash_name(host_port_name(name, request.port))} {shown}"
    else:
        listed = [host_port_name(name, request.port) for name in each]
        # on other ports ssh-keyscan writes a line for each name
        for pattern in [",".join(listed)] if request.port == 22 else listed:
            yield f"{pattern} {shown}"


def _records(key: PublicKey, name: str, request: Request, output: Output) -> Iterator[str]:
    for hash_algorithm in request.hashes:
        try:
            yield sshfp_record(key.plain, hash_algorithm).zone_line(name)
        except KeyFormatError as error:
            output.error(f"{escape(name)}: {error}")
            return
