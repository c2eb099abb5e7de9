"""The public keys to install: those of a file, of the agent, or of the newest file in ~/.ssh."""

import os
from collections.abc import Iterator, Mapping

from pyssh.errors import KeyFormatError, SSHError
from pyssh.keys.public import PublicKey, format_public_line, parse_public_line
from pyssh.record import Record
from pyssh_cli.copy_id.request import CopyError, Request
from pyssh_cli.output import Output, escape
from pyssh_config.errors import ConfigError
from pyssh_config.key_files import read_key_file

__all__ = ["Installable", "find_keys"]


class Installable(Record):
    """A key to install. `path` is the private key's file; empty if an agent holds it."""

    key: PublicKey
    comment: str
    path: str = ""

    @property
    def line(self) -> str:
        """The line for authorized_keys."""
        return format_public_line(self.key, self.comment)


def find_keys(request: Request, environ: Mapping[str, str], output: Output) -> list[Installable]:
    """Return the keys to install; raises `CopyError` if there are none."""
    if request.identity:
        return _of_file(request.identity, output, is_forced=request.is_forced)
    found = list(_of_agent(environ, output))
    if found:
        output.info(f"Keys of the agent: {len(found)}")
        return found
    newest = _newest_file(environ)
    if not newest:
        raise CopyError("no key to install: the agent has none and ~/.ssh has no id*.pub; name one with -i")
    return _of_file(newest, output, is_forced=request.is_forced)


def _of_file(path: str, output: Output, *, is_forced: bool) -> list[Installable]:
    private = path.removesuffix(".pub")
    public = f"{private}.pub"
    try:
        text = read_key_file(public, private=False).decode(errors="surrogateescape")
    except ConfigError as error:
        raise CopyError(str(error)) from error
    keys = [_parse(line, public) for line in text.splitlines() if line.strip() and line[0] != "#"]
    if not keys:
        raise CopyError(f"{escape(public)}: there is no public key in it")
    if not is_forced and not os.access(private, os.R_OK):
        raise CopyError(
            f"{escape(private)}: the private key cannot be read; -f installs the public one anyway"
        )
    output.info(f"Keys of {escape(public)}: {len(keys)}")
    return [Installable(key, comment, private) for key, comment in keys]


def _parse(line: str, path: str) -> tuple[PublicKey, str]:
    try:
        key, comment = parse_public_line(line)
    except KeyFormatError as error:
        raise CopyError(f"{escape(path)}: {escape(str(error))}") from error
    if key != key.plain:
        raise CopyError(f"{escape(path)}: a certificate is not installed; its authority's key is, by hand")
    if not comment.isprintable():
        comment = ""
    return key, comment


def _of_agent(environ: Mapping[str, str], output: Output) -> Iterator[Installable]:
    path = environ.get("SSH_AUTH_SOCK", "")
    if not path:
        return
    from pyssh_cli.agent_client import AgentClient  # noqa: PLC0415  # -i and many users have no agent

    try:
        agent = AgentClient.connect(path)
        try:
            held = agent.list_keys()
        finally:
            agent.close()
    except (OSError, SSHError) as error:
        output.debug(f"no agent at {escape(path)}: {escape(str(error))}")
        return
    for one in held:
        if one.key == one.key.plain:
            yield Installable(one.key, one.comment if one.comment.isprintable() else "")


def _newest_file(environ: Mapping[str, str]) -> str:
    folder = os.path.join(environ.get("HOME", "."), ".ssh")  # noqa: PTH118  # paths cost start-up time
    try:
        entries = [
            (entry.stat().st_mtime, entry.path)
            for entry in os.scandir(folder)
            if entry.name.startswith("id")
            and entry.name.endswith(".pub")
            and not entry.name.endswith("-cert.pub")
        ]
    except OSError:
        return ""
    return max(entries)[1] if entries else ""
