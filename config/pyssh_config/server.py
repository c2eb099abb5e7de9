"""`ServerConfig`: what sshd_config says, and what it says of one connection (sshd_config(5))."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from pyssh.algorithms.ciphers import CIPHERS
from pyssh.algorithms.kex import KEX
from pyssh.algorithms.macs import MACS
from pyssh.algorithms.preferences import SIGNATURES
from pyssh.algorithms.registry import Registry
from pyssh.errors import UsageError
from pyssh.record import Record

from .addresses import matches_addresses
from .algorithm_lists import CA_SIGNATURES, AlgorithmNames, apply_list
from .client_reader import NOT_YET_PROBLEM, asks_for_nothing, parsed
from .client_values import ChannelTimeout
from .errors import COMMAND_LINE, ConfigError, escape
from .forwards import HostPattern, ListenAddress
from .keywords import Combine, Keyword, Support
from .lexer import INCLUDE_DEPTH, Line, include_paths, parse_line, read_lines
from .match import ServerContext, match_server
from .patterns import matches_host, matches_pattern
from .penalties import NetBlockSize, PenaltyRules
from .server_keywords import SERVER_KEYWORDS
from .special_values import MaxStartups
from .tokens import SERVER_TOKENS, expand
from .values import RekeyLimit

__all__ = ["ServerConfig"]

SYSTEM_DIRECTORY: Final = "/etc/ssh"
_ALGORITHM_LISTS: Final[Mapping[str, Registry[Any] | AlgorithmNames]] = {
    "ca_signature_algorithms": CA_SIGNATURES,
    "ciphers": CIPHERS,
    "macs": MACS,
    "kex_algorithms": KEX,
    "host_key_algorithms": SIGNATURES,
    "pubkey_accepted_algorithms": SIGNATURES,
}
_WORDS_FOR_NONE: Final = {"permit_open": "any", "permit_listen": "any", "permit_user_environment": "no"}
_SPELLED: Final[Mapping[str, Callable[[Any], str]]] = {
    "channel_timeout": lambda value: " ".join(timeout.text for timeout in value) or "none",
    "stream_local_bind_mask": lambda value: f"0{value:03o}",
    "unused_connection_timeout": lambda value: str(value or "none"),
}
_DEFAULT_PORT: Final = 22


class _Section(Record):
    """A `Match` block, parsed. There are several conditions where its file is included from another block."""

    conditions: tuple[Line, ...]
    values: dict[str, Any]


class ServerConfig(Record):
    """The values, one attribute for each keyword that is built.

    The defaults are sshd's, but for two: no compression unless it is asked for, and no PidFile: it could be
    another server's.

    Repeatable keywords are tuples. None stands for `none`, for `permit_open` and `permit_listen` for `any`.
    `host_key` is empty for the defaults, `listen_address` for all addresses at each `port`. `warnings` are
    one line each, for the administrator.
    """

    accept_env: tuple[str, ...] = ()
    address_family: str = "any"
    allow_agent_forwarding: bool = True
    allow_groups: tuple[str, ...] = ()
    allow_stream_local_forwarding: str = "yes"
    allow_tcp_forwarding: str = "yes"
    allow_users: tuple[str, ...] = ()
    authentication_methods: tuple[tuple[str, ...], ...] = ()
    authorized_keys_file: tuple[str, ...] = (".ssh/authorized_keys", ".ssh/authorized_keys2")
    authorized_principals_file: str | None = None
    banner: str | None = None
    ca_signature_algorithms: str | None = None
    channel_timeout: tuple[ChannelTimeout, ...] = ()
    ciphers: str | None = None
    client_alive_count_max: int = 3
    client_alive_interval: int = 0
    compression: str = "no"
    deny_groups: tuple[str, ...] = ()
    deny_users: tuple[str, ...] = ()
    disable_forwarding: bool = False
    fingerprint_hash: str = "sha256"
    force_command: str | None = None
    gateway_ports: str = "no"
    host_certificate: tuple[str, ...] = ()
    host_key: tuple[str, ...] = ()
    host_key_algorithms: str | None = None
    kbd_interactive_authentication: bool = True
    kex_algorithms: str | None = None
    listen_address: tuple[ListenAddress, ...] = ()
    login_grace_time: int = 120
    log_level: str = "INFO"
    log_verbose: tuple[str, ...] = ()
    macs: str | None = None
    max_auth_tries: int = 6
    max_sessions: int = 10
    max_startups: MaxStartups = MaxStartups()
    password_authentication: bool = True
    per_source_max_startups: int | None = None
    per_source_net_block_size: NetBlockSize = NetBlockSize()
    per_source_penalties: PenaltyRules = PenaltyRules()
    per_source_penalty_exempt_list: str | None = None
    permit_listen: tuple[HostPattern, ...] | None = None
    permit_open: tuple[HostPattern, ...] | None = None
    permit_root_login: str = "prohibit-password"
    permit_tty: bool = True
    permit_user_environment: str | None = None
    pid_file: str | None = None
    port: tuple[int, ...] = (_DEFAULT_PORT,)
    print_motd: bool = True
    pubkey_accepted_algorithms: str | None = None
    pubkey_authentication: bool = True
    rekey_limit: RekeyLimit = RekeyLimit()
    revoked_keys: tuple[str, ...] = ()
    set_env: tuple[tuple[str, str], ...] = ()
    stream_local_bind_mask: int = 0o177
    stream_local_bind_unlink: bool = False
    strict_modes: bool = True
    subsystem: tuple[tuple[str, str], ...] = ()
    syslog_facility: str = "AUTH"
    tcp_keep_alive: bool = True
    trusted_user_ca_keys: str | None = None
    unused_connection_timeout: int = 0
    x11_display_offset: int = 10
    x11_forwarding: bool = False
    x11_use_localhost: bool = True
    x_auth_location: str = "/usr/bin/xauth"
    sections: tuple[_Section, ...] = ()
    warnings: tuple[str, ...] = ()

    redacted_fields: ClassVar[frozenset[str]] = frozenset({"sections"})

    @classmethod
    def load(
        cls,
        path: str | None,
        *,
        overrides: Sequence[str | tuple[str, Any]] = (),
        environ: Mapping[str, str] | None = None,
    ) -> "ServerConfig":
        """Read a file (None: none at all) after `overrides`, which are as in `ClientConfig.load`.

        A typed override also keeps lines of the global part from adding to its field. Every line is checked,
        those in `Match` blocks too; those take effect in `for_connection`. Raises ConfigError, also when the
        file is not there.
        """
        reader = _Reader(environ or {})
        for override in overrides:
            reader.override(override)
        if path is not None:
            try:
                reader.read(path, 0)
            except FileNotFoundError:
                raise ConfigError("there is no such file", path=path) from None
        blocks = tuple(section for section in reader.sections if section.conditions)
        config = cls(sections=blocks, warnings=tuple(reader.warnings), **_fitting(reader.sections[0].values))
        if config.authentication_methods and not any(
            map(config._can_complete, config.authentication_methods)
        ):
            problem = "no list can be completed with the methods that are switched on"
            raise ConfigError(problem, path=path or COMMAND_LINE, keyword="AuthenticationMethods")
        return config

    def _can_complete(self, methods: tuple[str, ...]) -> bool:
        is_on = {
            "publickey": self.pubkey_authentication,
            "password": self.password_authentication,
            "keyboard-interactive": self.kbd_interactive_authentication,
            "none": True,
        }
        return all(is_on.get(method.partition(":")[0], False) for method in methods)

    def for_connection(self, context: ServerContext) -> "ServerConfig":
        """Return the values for one connection: those of `Match` blocks that apply, then the global ones.

        Of several blocks the first that sets a value counts.
        """
        changes: dict[str, Any] = {}
        for section in self.sections:
            if all(match_server(condition, context) for condition in section.conditions):
                changes = dict(section.values) | changes
        changes = _fitting(changes)
        if changes.get("disable_forwarding", self.disable_forwarding):
            changes |= {"allow_tcp_forwarding": "no", "allow_stream_local_forwarding": "no"}
        return self.replace(**changes) if changes else self

    def authorized_keys_paths(self, *, user: str, home: str, uid: int) -> tuple[str, ...]:
        """Return the user's `AuthorizedKeysFile`s; relative ones lie in the home directory."""
        return tuple(
            _path_of_user(text, "authorized_keys_file", user, home, uid) for text in self.authorized_keys_file
        )

    def authorized_principals_path(self, *, user: str, home: str, uid: int) -> str | None:
        """Return the user's `AuthorizedPrincipalsFile`; None without one."""
        text = self.authorized_principals_file
        return None if text is None else _path_of_user(text, "authorized_principals_file", user, home, uid)

    def ca_algorithms(self) -> tuple[str, ...]:
        """Return what certificates may be signed with (`CASignatureAlgorithms`)."""
        return apply_list(self.ca_signature_algorithms, CA_SIGNATURES.default_names, CA_SIGNATURES.names)

    def login_refusal(self, context: ServerContext) -> str | None:
        """Return why Allow and Deny lists keep a user out, in words for the log; None if they do not."""
        user = escape(context.user)
        for pattern in self.deny_users:
            if _is_user(pattern, context):
                return f"user {user} matches DenyUsers {escape(pattern)}"
        if self.allow_users and not any(_is_user(pattern, context) for pattern in self.allow_users):
            return f"user {user} is not in AllowUsers"
        for group in context.groups:
            for pattern in self.deny_groups:
                if matches_pattern(group, pattern):
                    return f"user {user} is in the group {escape(group)}, which DenyGroups holds"
        if self.allow_groups and not any(
            matches_pattern(g, p) for g in context.groups for p in self.allow_groups
        ):
            return f"user {user} is in no group of AllowGroups"
        return None

    def listeners(self) -> tuple[ListenAddress, ...]:
        """Return where to listen, each with its port; the host "" is all addresses."""
        addresses = self.listen_address or (ListenAddress(""),)
        return tuple(
            address.replace(port=port)
            for address in addresses
            for port in (self.port if address.port is None else (address.port,))
        )

    def lines(self) -> list[str]:
        """Return the values as lines that could stand in a file, as `sshd -T` prints them."""
        rows = {row.field: row for row in SERVER_KEYWORDS.values() if row.support is Support.BUILT}
        found: list[str] = []
        for field, row in rows.items():
            found += [f"{row.name} {text}" for text in _texts(row, getattr(self, field))]
        return found


def _path_of_user(text: str, field: str, user: str, home: str, uid: int) -> str:
    path = expand(text, {"h": home, "u": user, "U": str(uid)}, SERVER_TOKENS[field])
    return path if path.startswith("/") else f"{home}/{path}"


def _is_user(pattern: str, context: ServerContext) -> bool:
    user, at, host = pattern.rpartition("@")
    if not at:
        return matches_pattern(context.user, pattern)
    if not matches_pattern(context.user, user):
        return False
    by_address = matches_addresses(context.address, host)
    return by_address is not None and (by_address or matches_host(context.host, host))


def _fitting(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values that fit the fields: `none` in a list of files names no file."""
    fitting = dict(values)
    if "per_source_penalties" in fitting:
        fitting["per_source_penalties"] = PenaltyRules.of(fitting["per_source_penalties"])
    for field in ("host_key", "host_certificate"):
        if field in fitting:
            fitting[field] = tuple(path for path in fitting[field] if path is not None)
    return {field: value for field, value in fitting.items() if field in ServerConfig.__match_args__}


def _texts(row: Keyword, value: Any) -> list[str]:
    if row.field == "log_verbose" and not value:
        return []
    if row.field in _SPELLED:
        return [_SPELLED[row.field](value)]
    if row.field in _ALGORITHM_LISTS:
        registry = _ALGORITHM_LISTS[row.field]
        return [",".join(apply_list(value, registry.default_names, registry.names))]
    if value is None and row.field in _WORDS_FOR_NONE:
        return [_WORDS_FOR_NONE[row.field]]
    if row.field == "authentication_methods":
        return [" ".join(",".join(methods) for methods in value) or "any"]
    if row.field == "set_env":
        return [shlex.quote(f"{name}={text}") for name, text in value]
    if row.field == "subsystem":
        return [f"{name} {command}" for name, command in value]
    if isinstance(value, tuple) and row.combine is Combine.FIRST:
        return [" ".join(str(part) for part in value) or "none"]
    if isinstance(value, tuple):
        return [str(part) for part in value]
    return [_text(value)]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


class _Reader:
    """Collects sections; the first is the global one and has no conditions."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.sections: list[_Section] = [_Section((), {})]
        self.warnings: list[str] = []
        self._given: set[str] = set()
        self._environ = environ

    def override(self, value: str | tuple[str, Any]) -> None:
        if isinstance(value, tuple):
            field, typed = value
            if not any(row.field == field for row in SERVER_KEYWORDS.values()):
                raise UsageError(f"there is no field {field}")
            self.sections[0].values.setdefault(field, typed)
            self._given.add(field)
            return
        line = parse_line(value, COMMAND_LINE, 0)
        if line is None:
            raise ConfigError("the option after -o is empty", path=COMMAND_LINE)
        row = SERVER_KEYWORDS.get(line.keyword.lower())
        if row is not None and row.support is Support.SECTION:
            raise _error(line, "it is not allowed on the command line")
        self._take(line)

    def read(self, path: str, depth: int) -> None:
        """Read a file; a `Match` in an included one ends with it."""
        outer = self.sections[-1]
        for line in read_lines(path):
            match line.keyword.lower():
                case "match":
                    match_server(line, None)
                    self.sections.append(_Section((*outer.conditions, line), {}))
                case "include":
                    self._include(line, depth)
                case _:
                    self._take(line)
        if self.sections[-1] is not outer:
            self.sections.append(outer)

    def _include(self, line: Line, depth: int) -> None:
        if depth >= INCLUDE_DEPTH:
            raise _error(line, f"more than {INCLUDE_DEPTH} files include one another")
        for path in include_paths(line, SYSTEM_DIRECTORY, None):
            try:
                self.read(path, depth + 1)
            except FileNotFoundError:
                continue  # removed since the pattern was looked up, or a dangling link

    def _take(self, line: Line) -> None:
        row = SERVER_KEYWORDS.get(line.keyword.lower())
        section = self.sections[-1]
        if row is None:
            raise _error(line, "it is not a keyword of sshd_config")
        if section.conditions and not row.in_match:
            raise _error(line, "it is not allowed within a Match block")
        match row.support:
            case Support.NOT_YET:
                if not asks_for_nothing(row, line):
                    raise _error(line, NOT_YET_PROBLEM)
            case Support.NOWHERE:
                self.warnings.append(str(_error(line, "it is not supported, so it has no effect")))
            case Support.BUILT:
                value = parsed(row, line, self._environ)
                if row.field not in self._given or section.conditions:
                    _store(row, value, section.values)


def _store(row: Keyword, value: Any, values: dict[str, Any]) -> None:
    if row.combine is Combine.FIRST:
        values.setdefault(row.field, value)
        return
    found: tuple[Any, ...] = values.get(row.field, ())
    parts = (value,) if row.combine is Combine.APPEND else value
    if row.field == "subsystem":  # the first command for a name counts
        parts = [part for part in parts if part[0] not in dict(found)]
    values[row.field] = found + tuple(part for part in parts if part not in found)


def _error(line: Line, problem: str) -> ConfigError:
    return ConfigError(problem, path=line.path, line=line.number, keyword=line.keyword)
