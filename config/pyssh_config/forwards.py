"""Addresses of all kinds: forwardings as -L, -R, -D and -W spell them, destinations, listeners, host:port."""

import re
from collections.abc import Mapping

from pyssh.record import Record

from .errors import ConfigError, escape
from .values import Arguments, Parser, all_words, one_word, parse_port

_VARIABLE = re.compile(r"\$\{([^}]*)\}|\$\{")
_HOST_LENGTH = 1024  # NI_MAXHOST, with its final NUL
_PATH_LENGTH = 107  # what sun_path holds on Linux


class Address(Record):
    """A host and a port. As a listener, host None is the default binding; "" and "*" are all addresses."""

    host: str | None
    port: int

    def __str__(self) -> str:
        return str(self.port) if self.host is None else f"[{self.host}]:{self.port}"


class UnixPath(Record):
    """A Unix-domain socket."""

    path: str

    def __str__(self) -> str:
        return self.path


class Forward(Record):
    """One forwarding: what listens, and where its connections go; None is wherever a SOCKS client asks."""

    listen: Address | UnixPath
    connect: Address | UnixPath | None = None

    def __str__(self) -> str:
        return str(self.listen) if self.connect is None else f"{self.listen} {self.connect}"


class _Field(Record):
    text: str
    is_path: bool


def parse_forward(
    text: str, *, dynamic: bool = False, remote: bool = False, environ: Mapping[str, str] | None = None
) -> Forward:
    """Parse one of ssh's spellings of -L, -R (`remote`, where a lone listener means SOCKS) or -D (`dynamic`).

    `[listen_host:]port:host:hostport`, with a Unix path in place of either pair, and brackets around IPv6
    addresses; `environ` supplies ${NAME}. Port 0 may listen for -R only: the server chooses.
    """
    fields = _split_fields(_with_variables(text, environ or {}).lstrip())
    forward = None if dynamic else _fixed_forward(fields, remote)
    if forward is None and (dynamic or remote):
        forward = _dynamic_forward(fields, remote)
    if forward is None:
        form = (
            "[listen_host:]port"
            if dynamic
            else "[listen_host:]port:host:hostport, or a socket's path for either side"
        )
        raise ConfigError(f'"{escape(text)}" is not a forwarding; it is written {form}')
    _check_lengths(forward)
    return forward


def parse_stdio_forward(text: str) -> Address | UnixPath:
    """Parse the target of -W: host:port, or the path of a Unix socket at the far end."""
    target = _dynamic_forward(_split_fields(text), remote=False)
    if target is None or (isinstance(target.listen, Address) and not target.listen.host):
        raise ConfigError(f'"{escape(text)}" is not a target for -W; it is written host:port')
    _check_lengths(target)
    return target.listen


def _with_variables(text: str, environ: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1]
        if not name or name not in environ:
            raise ConfigError(f'the environment variable in "{escape(text)}" is not set')
        return environ[name]

    return _VARIABLE.sub(value, text)


def _split_fields(text: str) -> list[_Field]:
    r"""Split at colons; brackets hold colons, and `\` takes the next character as it is."""
    fields: list[_Field] = []
    rest = text
    while rest:
        if rest.startswith("["):
            inside, bracket, rest = rest[1:].partition("]")
            if not bracket or rest[:1] not in ("", ":"):
                raise ConfigError(f'the brackets in "{escape(text)}" do not match')
            fields.append(_Field(inside, "/" in inside))
            rest = rest[1:]
        else:
            field, rest = _take_field(rest)
            fields.append(field)
    return fields


def _take_field(text: str) -> tuple[_Field, str]:
    taken: list[str] = []
    at = 0
    while at < len(text) and text[at] != ":":
        at += text[at] == "\\"
        taken.append(text[at : at + 1])
        at += 1
    field = "".join(taken)
    return _Field(field, "/" in field), text[at + 1 :]


def _fixed_forward(fields: list[_Field], remote: bool) -> Forward | None:
    if not 2 <= len(fields) <= 4:
        return None
    of_listener = len(fields) // 2
    if len(fields) == 3 and fields[2].is_path and not fields[0].is_path:
        of_listener = 2
    connect = _target(fields[of_listener:])
    listen = None if connect is None else _listener(fields[:of_listener], remote)
    return None if listen is None else Forward(listen, connect)


def _dynamic_forward(fields: list[_Field], remote: bool) -> Forward | None:
    listen = _listener(fields, remote)
    return None if listen is None else Forward(listen)


def _listener(fields: list[_Field], remote: bool) -> Address | UnixPath | None:
    low = 0 if remote else 1
    match fields:
        case [_Field(text=path, is_path=True)]:
            return UnixPath(path)
        case [_Field(text=port, is_path=False)]:
            return Address(None, parse_port(port, low=low))
        case [_Field(text=host, is_path=False), _Field(text=port, is_path=False)]:
            return Address(host, parse_port(port, low=low))
    return None


def _target(fields: list[_Field]) -> Address | UnixPath | None:
    match fields:
        case [_Field(text=path, is_path=True)]:
            return UnixPath(path)
        case [_Field(text=host), _Field(text=port)] if host:
            return Address(host, parse_port(port))
    return None


def _check_lengths(forward: Forward) -> None:
    for end in (forward.listen, forward.connect):
        if isinstance(end, UnixPath) and len(end.path.encode(errors="replace")) > _PATH_LENGTH:
            raise ConfigError(f"the path of a Unix socket may have {_PATH_LENGTH} bytes at most")
        if isinstance(end, Address) and len(end.host or "") >= _HOST_LENGTH:
            raise ConfigError("the host name is too long")


def forward(*, remote: bool) -> Parser[Forward]:
    """Make the parser of `LocalForward` or `RemoteForward` (whose listener alone means SOCKS)."""

    def parse(arguments: Arguments) -> Forward:
        words = all_words(arguments)
        if len(words) > 2:
            raise ConfigError(f'a listener and a target are allowed, and "{escape(words[2])}" follows them')
        if len(words) == 1 and not remote:
            raise ConfigError("the target is missing; write for example: 8080 localhost:80")
        is_dynamic = len(words) == 1
        return parse_forward(":".join(words), remote=remote, dynamic=is_dynamic, environ=arguments.environ)

    return parse


def dynamic_forward(arguments: Arguments) -> Forward:
    """Parse `DynamicForward`."""
    return parse_forward(one_word(arguments), dynamic=True, environ=arguments.environ)


class Destination(Record):
    """Where to connect, as far as one argument says it."""

    host: str
    user: str | None = None
    port: int | None = None


def parse_destination(text: str) -> Destination:
    """Parse `[user@]host` or `ssh://[user@]host[:port]`; refuse names that look like options or code."""
    if text.lower().startswith("ssh://"):
        destination = _parse_uri(text)
    else:
        user, at, host = text.rpartition("@")
        destination = Destination(host, user if at else None)
        if at and not user:
            raise ConfigError(f'the user name before @ is missing in "{escape(text)}"')
    check_host(destination.host)
    if destination.user is not None:
        check_user(destination.user)
    return destination


def _parse_uri(text: str) -> Destination:
    from urllib.parse import unquote  # noqa: PLC0415  # 3 ms that every login would wait for

    authority, _, path = text[6:].partition("/")
    if path:
        raise ConfigError(f'"{escape(text)}" has a path, which ssh:// cannot have')
    user, at, host_port = authority.rpartition("@")
    user = user.partition(";")[0]  # connection parameters after the user name are reserved
    host, port = split_host_port(host_port)
    return Destination(
        unquote(host), unquote(user) if at else None, None if port is None else parse_port(port)
    )


def parse_jump(text: str, *, is_checked: bool = True) -> Destination:
    """Parse one hop of -J and `ProxyJump`: `[user@]host[:port]` or an ssh:// URI.

    As with ssh, names in a file are not `is_checked` for what shells read; no shell gets to see them.
    """
    if text.lower().startswith("ssh://"):
        return parse_destination(text)
    user, at, host_port = text.rpartition("@")
    host, port = split_host_port(host_port)
    if "/" in host or (":" in host and not host_port.startswith("[")):
        raise ConfigError(
            f'"{escape(text)}" is not of the form [user@]host[:port], with IPv6 addresses in brackets'
        )
    if is_checked:
        destination = parse_destination(f"{user}{at}{host}")
    elif not host or (at and not user):
        raise ConfigError(f'"{escape(text)}" lacks the name of a host or user')
    else:
        destination = Destination(host, user if at else None)
    return destination.replace(port=parse_port(port)) if port else destination


def format_jump(text: str) -> str:
    """Return a list of hops as ssh shows it: the last in its usual form, the others as they were written."""
    before, comma, last = text.rpartition(",")
    hop = parse_jump(last, is_checked=False)
    is_numeric = ":" in hop.host or not hop.host.strip("0123456789.")
    host = f"[{hop.host}]" if is_numeric else hop.host
    user = "" if hop.user is None else f"{hop.user}@"
    return f"{before}{comma}{user}{host}" + (f":{hop.port}" if hop.port else "")


def split_host_port(text: str) -> tuple[str, str | None]:
    """Split `host[:port]`, `[address][:port]`, or a bare IPv6 address; the port is None if absent."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ConfigError(f'the brackets in "{escape(text)}" do not match')
        return host, rest[1:] if rest else None
    if text.count(":") > 1:
        return text, None
    host, colon, port = text.partition(":")
    return host, port if colon else None


def check_host(host: str) -> None:
    """Refuse host names that a shell or a command line would misread, as ssh does since 9.6."""
    if not host:
        raise ConfigError("the host name is missing")
    if host.startswith("-") or any(
        c in "'`\"$\\;&<>|(){}" or c.isspace() or not c.isprintable() for c in host
    ):
        raise ConfigError(
            f'"{escape(host)}" is not a host name: it holds characters that host names cannot have'
        )


def check_user(user: str) -> None:
    """Refuse user names that a shell or a command line would misread, as ssh does since 9.6."""
    bad = user.startswith("-") or " -" in user or user.endswith("\\")
    if bad or any(c in "'`\";&<>|(){}" or not c.isprintable() for c in user):
        raise ConfigError(
            f'"{escape(user)}" is not a user name: it holds characters that user names cannot have'
        )


class ListenAddress(Record):
    """Where a server listens; a port of None is every `Port`. The host "" or "*" is all addresses."""

    host: str
    port: int | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


def parse_listen_address(text: str) -> ListenAddress:
    """Parse host, host:port, an IPv6 address, or one in brackets with a port."""
    host, port = split_host_port(text)
    if not host:
        raise ConfigError(f'the host is missing in "{escape(text)}"')
    if not re.fullmatch(r"[\w.:%*-]+", host):
        raise ConfigError(f'"{escape(host)}" is not an address to listen on')
    return ListenAddress(host, None if port is None else parse_port(port, low=0))


def listen_address(arguments: Arguments) -> ListenAddress:
    """Parse `ListenAddress`."""
    if len(arguments.words) == 3 and arguments.words[1] == "rdomain":
        raise ConfigError("rdomain is not supported yet")
    return parse_listen_address(one_word(arguments))


class HostPattern(Record):
    """A host and port that may be reached or listened on; "*" and port 0 are any. A path has no port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port or '*'}"


def parse_permit(text: str, *, listen: bool = False) -> HostPattern:
    """Parse a permission `host:port`, `host:*`, or, to `listen`, also `port` alone."""
    host, port = split_host_port(text)
    if port is None and listen:
        host, port = "*", host
    if not host or not port:
        raise ConfigError(f'"{escape(text)}" is not of the form host:port')
    return HostPattern(host, 0 if port == "*" else parse_port(port))


def permits(*, listen: bool) -> Parser[tuple[HostPattern, ...] | None]:
    """Make the parser of `PermitOpen` or `PermitListen`: None for `any`, an empty tuple for `none`."""

    def parse(arguments: Arguments) -> tuple[HostPattern, ...] | None:
        words = all_words(arguments)
        if words == ("any",):
            return None
        if words == ("none",):
            return ()
        return tuple(parse_permit(word, listen=listen) for word in words)

    return parse
