"""The table of subcommands. Each module has `main(arguments) -> int`; it is imported when called for."""

from typing import Final, NamedTuple

__all__ = ["COMMANDS", "DEFAULT", "Command"]


class Command(NamedTuple):
    """One subcommand: where it lives, and its line in the help."""

    module: str
    help: str


DEFAULT: Final = "connect"
"""What `pyssh` does when its first argument names no subcommand."""

COMMANDS: Final = {
    "add": Command("pyssh_cli.commands.add", "give keys to an agent, in the place of ssh-add"),
    "agent": Command("pyssh_cli.commands.agent", "hold keys, in the place of ssh-agent"),
    "completion": Command("pyssh_cli.commands.completion", "print the completion script of a shell"),
    "connect": Command("pyssh_cli.commands.connect", "log in to a host, or run a command on it"),
    "copy-id": Command("pyssh_cli.commands.copy_id", "install your keys on a server"),
    "doctor": Command("pyssh_cli.commands.doctor", "find out what is wrong with a connection"),
    "forward": Command("pyssh_cli.commands.forward", "keep port forwardings up, with a live view"),
    "keygen": Command("pyssh_cli.commands.keygen", "make, convert and show keys; edit known_hosts"),
    "keyscan": Command("pyssh_cli.commands.keyscan", "print the host keys of servers"),
    "serve": Command("pyssh_cli.commands.serve", "be a server (also as pyssh-server)"),
}
