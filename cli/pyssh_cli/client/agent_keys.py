"""AddKeysToAgent: a key that was read from its file to log in is given to the agent, for the next time."""

import contextlib

from pyssh.agent.constraints import Constraints, encode_constraints
from pyssh.agent.identities import encode_identity
from pyssh.agent.messages import AddIdConstrained, AddIdentity, Success
from pyssh.errors import SSHError
from pyssh.keys.private import PrivateKey
from pyssh.wire.message import Message
from pyssh_cli.client.identities import open_agent
from pyssh_cli.client.prompt import Prompter
from pyssh_cli.output import Output
from pyssh_config.client import ClientConfig
from pyssh_config.errors import escape

__all__ = ["add_to_agent"]


def add_to_agent(
    config: ClientConfig, private: PrivateKey, names: tuple[str, str], prompter: Prompter, output: Output
) -> None:
    """Give a key to the agent as AddKeysToAgent says; without one, or if it refuses, the login goes on.

    `names` are the key's file and its comment, which may be empty.
    """
    path, comment = names
    wanted = config.add_keys_to_agent
    # the connection for the login is bound to it, and this is no part of that
    agent = open_agent(config, output)
    if agent is None:
        return
    name = comment or path
    with contextlib.closing(agent):
        if wanted.mode == "ask" and not prompter.confirm(
            f"Add key {escape(path)} ({escape(name)}) to agent?"
        ):
            output.debug("The key is not added to the agent: nobody said yes")
            return
        limits = Constraints(lifetime=wanted.seconds or None, confirm=wanted.mode == "confirm")
        encoded = encode_constraints(limits)
        identity = encode_identity(private, name.encode("utf-8", "surrogateescape"))
        request: Message = AddIdConstrained(identity + encoded) if encoded else AddIdentity(identity)
        try:
            agent.ask(request, Success)
        except SSHError as error:
            output.debug(f"could not add identity to agent: {escape(path)}: {escape(str(error))}")
        else:
            output.debug(f"identity added to agent: {escape(path)}")
