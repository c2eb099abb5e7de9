"""What concerns the agent as a whole: listing, emptying and locking it, its extensions, and tokens."""

from pyssh.agent.answers import AgentError
from pyssh.agent.constraints import Constraints, encode_constraints
from pyssh.agent.messages import (
    AddSmartcardKey,
    AddSmartcardKeyConstrained,
    Lock,
    RemoveAllIdentities,
    RemoveSmartcardKey,
    Success,
    Unlock,
)
from pyssh.keys.names import short_name
from pyssh.keys.public import PublicKey, format_public_line
from pyssh.wire.message import Message
from pyssh_cli.add.loading import Loader
from pyssh_cli.add.report import reason, say, warn
from pyssh_cli.add.request import AddError, Request
from pyssh_cli.agent_client import AgentClient
from pyssh_cli.client.prompt import Prompter
from pyssh_cli.keygen.report import KeygenError, shown
from pyssh_config.errors import escape

__all__ = ["change_token", "delete_all", "list_extensions", "list_keys", "lock"]


def list_keys(request: Request, agent: AgentClient) -> int:
    """Print the keys, or with -l their fingerprints."""
    try:
        keys = agent.list_keys()
    except AgentError as error:
        warn(f"error fetching identities: {reason(error)}")
        return 1
    if not keys:
        say("The agent has no identities.")
        return 1
    for found in keys:
        key, comment = found.key, shown(found.comment)
        if request.action == "L":
            say(f"{format_public_line(key, '')} {comment}")
        else:
            say(f"{key.bits} {key.fingerprint(request.hash_name)} {comment} ({short_name(key)})")
    return 0


def delete_all(request: Request, agent: AgentClient) -> int:
    """Have the agent forget everything."""
    try:
        agent.ask(RemoveAllIdentities(), Success)
    except AgentError:
        warn("Failed to remove all identities.")
        return 1
    if not request.quiet:
        warn("All identities removed.")
    return 0


def list_extensions(agent: AgentClient) -> int:
    """Print the names of the extensions that the agent knows."""
    try:
        names = agent.extensions()
    except AgentError as error:
        warn(f"unable to query supported extensions: {reason(error)}")
        return 1
    for name in names:
        say(shown(name))
    return 0


def lock(request: Request, agent: AgentClient, prompter: Prompter) -> int:
    """Lock with a password that is typed twice, or unlock."""
    locks = request.action == "x"
    password = prompter.ask("Enter lock password: ") or ""
    if locks and (prompter.ask("Again: ") or "") != password:
        warn("Passwords do not match.")
        return 1
    given = password.encode(errors="surrogateescape")
    try:
        agent.ask(Lock(given) if locks else Unlock(given), Success)
    except AgentError as error:
        warn(f"Failed to {'' if locks else 'un'}lock agent: {reason(error)}")
        return 1
    warn(f"Agent {'' if locks else 'un'}locked.")
    return 0


def change_token(
    request: Request, agent: AgentClient, prompter: Prompter, loader: Loader, limits: Constraints
) -> int:
    """Have the agent use the keys that a PKCS#11 library reaches, or forget them."""
    if request.deletes:
        asked: Message = RemoveSmartcardKey(request.provider, b"")
    else:
        certificates = tuple(_certificates(request, loader))
        limits = limits.replace(
            certificates=certificates, certificates_only=bool(certificates) and request.certificates_only
        )
        pin = (prompter.ask("Enter passphrase for PKCS#11: ") or "").encode(errors="surrogateescape")
        encoded = encode_constraints(limits)
        asked = (
            AddSmartcardKeyConstrained(request.provider, pin, encoded)
            if encoded
            else AddSmartcardKey(request.provider, pin)
        )
    try:
        agent.ask(asked, Success)
    except AgentError as error:
        what = "remove" if request.deletes else "add"
        warn(f'Could not {what} card "{escape(request.provider)}": {reason(error)}')
        return 1
    if not request.quiet:
        warn(f"Card {'removed' if request.deletes else 'added'}: {escape(request.provider)}")
    return 0


def _certificates(request: Request, loader: Loader) -> list[PublicKey]:
    found = []
    for path in request.words:
        try:
            found.append(loader.load_public(path)[0])
        except KeygenError as error:
            raise AddError(f"load certificate {shown(path)}: {error}") from None
    return found
