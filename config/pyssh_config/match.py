"""`Host` and `Match`: whether a section applies, decided from facts that the caller hands in."""

import ipaddress
import os
import pwd
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal

from pyssh.record import Record

from .addresses import matches_addresses, parse_network
from .canonical import look_up
from .errors import ConfigError, escape
from .lexer import Line
from .patterns import matches_host, matches_list, matches_pattern
from .values import parse_port

SessionKind = Literal["shell", "exec", "subsystem", "none"]


class ClientContext(Record):
    """Where the client runs and what it was asked for.

    `run` executes a command in the user's shell for `Match exec` and says whether it succeeded; without it no
    such section applies. `version` is what `Match version` compares. `addresses` returns those of this
    machine's network interfaces, for `Match localnetwork`. `resolve` asks for a name in an address
    family, for `CanonicalizeHostname`, as `canonical.look_up` does; without it names stay as they are.
    """

    home: str
    local_user: str
    uid: int
    local_host: str = "localhost"
    environ: Mapping[str, str] = MappingProxyType({})
    command: str = ""
    session: SessionKind = "shell"
    version: str = ""
    run: Callable[[str], bool] | None = None
    addresses: Callable[[], Sequence[str]] = tuple
    resolve: Callable[[str, str], str | None] | None = None

    @classmethod
    def of_process(
        cls,
        *,
        command: str = "",
        session: SessionKind = "shell",
        version: str = "",
        run: Callable[[str], bool] | None = None,
    ) -> "ClientContext":
        """Return the context of this process; home is the account's, not `$HOME`, as ssh has it."""
        account = pwd.getpwuid(os.getuid())
        environ = dict(os.environ)
        return cls(
            account.pw_dir,
            account.pw_name,
            os.getuid(),
            socket.gethostname(),
            environ,
            command,
            session,
            version,
            run,
            _own_addresses,
            look_up,
        )


def _own_addresses() -> list[str]:
    from .interfaces import interfaces  # noqa: PLC0415  # few configurations ask

    return [interface.address for interface in interfaces()]


class ClientFacts(Record):
    """What a client's `Match` line is compared with: the values known by the time the line is read."""

    original_host: str
    host: str
    user: str
    tag: str
    context: ClientContext
    is_final: bool
    run: Callable[[str], bool]
    session: SessionKind = "shell"


class MatchResult(Record):
    """Whether a section applies, and whether it asks for a second reading of the files (`Match final`)."""

    matches: bool
    wants_final: bool = False


def matches_host_line(line: Line, host: str) -> bool:
    """Whether a `Host` line names the host; one negated pattern that matches outweighs all others."""
    found = False
    for word in line.words:
        if not word:
            raise _error(line, "a pattern is empty")
        if matches_pattern(host, word.removeprefix("!")):
            if word.startswith("!"):
                return False
            found = True
    return found


def match_client(line: Line, facts: ClientFacts) -> MatchResult:
    """Evaluate a `Match` line of ssh_config; every criterion must hold. `exec` runs if those before it do."""
    result = True
    wants_final = False
    criteria = _criteria(line, _CLIENT_CRITERIA)
    for position, (name, negated, value) in enumerate(criteria):
        if name == "all":
            _check_all(line, position, len(criteria))
            holds = True
        elif name in ("final", "canonical"):
            wants_final = wants_final or (name == "final" and not negated)
            holds = facts.is_final
        elif name == "exec":
            holds = result and facts.run(value)
        else:
            try:
                holds = _CLIENT_TESTS[name](facts, value)
            except ConfigError as error:
                raise error.at(line.path, line.number, f"{line.keyword} {name}") from None
        result = result and holds != negated
    return MatchResult(result, wants_final)


def check_match(line: Line) -> bool:
    """Check a `Match` line that cannot apply; return whether it asks for a second reading all the same."""
    criteria = _criteria(line, _CLIENT_CRITERIA)
    for position, (name, _, value) in enumerate(criteria):
        if name == "all":
            _check_all(line, position, len(criteria))
        elif name == "localnetwork":
            try:
                _is_on_network((), value)
            except ConfigError as error:
                raise error.at(line.path, line.number, line.keyword) from None
    return any(name == "final" and not negated for name, negated, _ in criteria)


def _check_all(line: Line, position: int, count: int) -> None:
    if position > 1 or position != count - 1:
        raise _error(
            line, "all cannot be combined with other criteria than one of final, canonical before it"
        )


_CLIENT_TESTS: Final[Mapping[str, Callable[[ClientFacts, str], bool]]] = {
    "host": lambda facts, value: matches_host(facts.host, value),
    "originalhost": lambda facts, value: matches_host(facts.original_host, value),
    "user": lambda facts, value: matches_list(facts.user, value),
    "localuser": lambda facts, value: matches_list(facts.context.local_user, value),
    "tagged": lambda facts, value: _matches_what_may_be_absent(facts.tag, value),
    "command": lambda facts, value: _matches_what_may_be_absent(facts.context.command, value),
    "sessiontype": lambda facts, value: matches_list(facts.session, value),
    "version": lambda facts, value: matches_list(facts.context.version, value),
    "localnetwork": lambda facts, value: _is_on_network(facts.context.addresses(), value),
}


def _matches_what_may_be_absent(text: str, patterns: str) -> bool:
    """Whether a tag or command matches; the one that is not there is matched by the empty pattern alone."""
    return matches_list(text, patterns) if text and patterns else text == patterns


def _is_on_network(addresses: Iterable[str], networks: str) -> bool:
    found = [parse_network(network) for network in networks.split(",")]
    return any(ipaddress.ip_address(address) in network for address in addresses for network in found)


_WITHOUT_VALUE: Final = ("all", "final", "canonical", "invalid-user")
_MAY_BE_EMPTY: Final = ("tagged", "command")
_NOT_YET: Final = ("rdomain",)
_CLIENT_CRITERIA: Final = ("all", "final", "canonical", "exec", *_CLIENT_TESTS)


class ServerContext(Record):
    """A connection at the time its user is known: what a server's `Match` line is compared with.

    `host` is the client's name, or its address again if names are not looked up.
    """

    user: str
    groups: tuple[str, ...] = ()
    host: str = ""
    address: str = ""
    local_address: str = ""
    local_port: int = 0
    user_exists: bool = True


def match_server(line: Line, context: ServerContext | None) -> bool:
    """Evaluate a `Match` line of sshd_config; without a context only its syntax is checked."""
    criteria = _criteria(line, _SERVER_CRITERIA)
    result = True
    for position, (name, negated, value) in enumerate(criteria):
        if negated:
            raise _error(line, f"!{name} is not allowed; write ! before the patterns that follow it")
        if name == "all":
            if position or len(criteria) > 1:
                raise _error(line, "all cannot be combined with other criteria")
        else:
            holds = _holds(line, name, value, context or _NOBODY)
            result = result and holds
    return result and context is not None


def _holds(line: Line, name: str, value: str, context: ServerContext) -> bool:
    try:
        return _SERVER_TESTS[name](context, value)
    except ConfigError as error:
        raise error.at(line.path, line.number, f"{line.keyword} {name}") from None


_NOBODY: Final = ServerContext("")
_SERVER_TESTS: Final[Mapping[str, Callable[[ServerContext, str], bool]]] = {
    "user": lambda context, value: matches_list(context.user, value),
    "invalid-user": lambda context, _: not context.user_exists,
    "group": lambda context, value: _in_groups(context.groups, value),
    "host": lambda context, value: matches_host(context.host, value),
    "address": lambda context, value: bool(matches_addresses(context.address, value)),
    "localaddress": lambda context, value: bool(matches_addresses(context.local_address, value)),
    "localport": lambda context, value: context.local_port == parse_port(value),
}
_SERVER_CRITERIA: Final = ("all", *_SERVER_TESTS, "rdomain")


def _in_groups(groups: tuple[str, ...], patterns: str) -> bool:
    excepted = [p[1:] for p in patterns.split(",") if p.startswith("!")]
    if any(matches_pattern(group, pattern) for group in groups for pattern in excepted):
        return False
    return any(matches_list(group, patterns) for group in groups)


def _criteria(line: Line, known: tuple[str, ...]) -> list[tuple[str, bool, str]]:
    """Split into (name, negated, value); a value follows its name as the next word or after `=`."""
    found: list[tuple[str, bool, str]] = []
    words = iter(line.words)
    for word in words:
        negated = word.startswith("!")
        name, equals, value = word.removeprefix("!").partition("=")
        name = name.lower()
        if name not in known:
            raise _error(line, f"{escape(name)} is not a criterion; they are {', '.join(known)}")
        if name in _NOT_YET:
            raise _error(line, f"the criterion {name} is not supported yet")
        if name not in _WITHOUT_VALUE and not equals:
            following = next(words, None)
            if following is None:
                raise _error(line, f"the criterion {name} needs a value")
            value = following
        if not value and name not in (*_WITHOUT_VALUE, *_MAY_BE_EMPTY):
            raise _error(line, f"the value of the criterion {name} is empty")
        found.append((name, negated, value))
    if not found:
        raise _error(line, "a criterion is missing")
    return found


def _error(line: Line, problem: str) -> ConfigError:
    return ConfigError(problem, path=line.path, line=line.number, keyword=line.keyword)
