"""Reads ssh_config files for one host: sections, precedence, and which values come of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from pyssh.errors import UsageError
from pyssh.record import Record

from .canonical import canonical_address, canonical_name
from .errors import COMMAND_LINE, ConfigError, escape
from .forwards import parse_jump
from .keywords import Combine, Keyword, Support
from .lexer import INCLUDE_DEPTH, Line, include_paths, parse_line, read_lines
from .match import ClientContext, ClientFacts, SessionKind, check_match, match_client, matches_host_line
from .patterns import matches_list, matches_pattern
from .tokens import CLIENT_TOKENS, expand, expand_variables
from .values import Arguments, RekeyLimit

SYSTEM_DIRECTORY: Final = "/etc/ssh"
_UNSET_BY_NONE: Final = ("connect_timeout", "forward_x11_timeout", "server_alive_interval")
# what decides about canonical names cannot depend on their outcome
_SETTLED_EARLY: Final = {
    "canonicalize_fallback_local": True,
    "canonicalize_hostname": "no",
    "canonicalize_max_dots": 1,
}


class ConfigFile(Record):
    """A file to read. A user's may include ~ and must be the user's own, unless it `is_required` (-F)."""

    path: str
    is_user: bool = False
    is_required: bool = False


class Source(Record):
    """Where a value came from: file, line (0 on the command line) and keyword."""

    path: str
    line: int
    keyword: str


class ClientReader:
    """Collects values, the first of each field counting; `values` and `sources` are by field name.

    `literal` are fields whose values came typed, so that their tokens are not for us to replace.
    """

    def __init__(
        self, host: str, context: ClientContext, keywords: Mapping[str, Keyword], *, strict: bool = True
    ) -> None:
        self.original_host = host
        self.context = context
        self.values: dict[str, Any] = {}
        self.sources: dict[str, Source] = {}
        self.warnings: list[str] = []
        self.literal: set[str] = set()
        self._wants_final = False
        self._keywords = keywords
        self._strict = strict
        self._host = host
        self._is_final = False

    def host_name(self) -> str:
        """Return the name to connect to, as known by now."""
        if self._is_final:
            return self._host
        template = self.values.get("host_name")
        if template is None:
            return canonical_address(self.original_host.lower())
        try:
            name = expand(template, {"h": self.original_host}, CLIENT_TOKENS["host_name"]).lower()
            return canonical_address(name)
        except ConfigError as error:
            source = self.sources["host_name"]
            raise error.at(source.path, source.line, source.keyword) from None

    def override(self, value: str | tuple[str, Any]) -> None:
        """Take an option of the command line: text as after -o, or a field and its value."""
        if isinstance(value, tuple):
            self._take_typed(*value)
            return
        line = parse_line(value, COMMAND_LINE, 0)
        if line is None:
            raise ConfigError("the option after -o is empty", path=COMMAND_LINE)
        row = self._keywords.get(line.keyword.lower())
        if row is not None and row.support is Support.SECTION:
            raise _error(line, "it is not allowed on the command line")
        self._take(line, is_active=True)

    def _take_typed(self, field: str, value: Any) -> None:
        row = next((row for row in self._keywords.values() if row.field == field), None)
        if row is None:
            raise UsageError(f"there is no field {field}")
        source = Source(COMMAND_LINE, 0, row.name)
        if row.combine is Combine.FIRST:
            if field not in self.values:
                self.literal.add(field)
            self._store_first(field, value, source)
        else:
            for part in value:
                self._append(field, part, source)

    @property
    def needs_final(self) -> bool:
        """Whether the files are to be read a second time: for `Match final`, or for a canonical name."""
        return self._wants_final or self.values.get("canonicalize_hostname", "no") != "no"

    def start_final(self) -> None:
        """Begin the second reading: hosts are compared by the name found."""
        name = canonical_name(self.host_name(), self.values, self.context.resolve)
        self._host = self.values["host_name"] = name
        self.sources.setdefault("host_name", Source(COMMAND_LINE, 0, "HostName"))
        self._is_final = True
        for field, default in _SETTLED_EARLY.items():
            self.values.setdefault(field, default)
        self.warnings.clear()

    def read(self, files: Sequence[ConfigFile]) -> None:
        """Read files in order. One that is not there is left out, unless it is required."""
        for file in files:
            directory = f"{self.context.home}/.ssh" if file.is_user else SYSTEM_DIRECTORY
            place = _Place(directory, self.context.home if file.is_user else None, 0)
            try:
                lines = list(read_lines(file.path, own_files_only=file.is_user and not file.is_required))
            except FileNotFoundError:
                if file.is_required:
                    raise ConfigError("there is no such file", path=file.path) from None
                continue
            self._read_lines(lines, place, is_active=True)

    def _read_lines(self, lines: Sequence[Line], place: "_Place", *, is_active: bool) -> None:
        never = not is_active
        for line in lines:
            match line.keyword.lower():
                case "host":
                    is_active = matches_host_line(line, self._host) and not never
                case "match" if never:
                    self._wants_final = check_match(line) or self._wants_final
                case "match":
                    is_active = self._match(line)
                case "include":
                    self._include(line, place, is_active=is_active)
                case _:
                    self._take(line, is_active=is_active)

    def _include(self, line: Line, place: "_Place", *, is_active: bool) -> None:
        if place.depth >= INCLUDE_DEPTH:
            raise _error(line, f"more than {INCLUDE_DEPTH} files include one another")
        for path in include_paths(self._expanded(line), place.directory, place.home):
            try:
                lines = list(read_lines(path, own_files_only=True))
            except FileNotFoundError:
                continue  # removed since the pattern was looked up, or a dangling link
            self._read_lines(lines, place.replace(depth=place.depth + 1), is_active=is_active)

    def _expanded(self, line: Line) -> Line:
        """Return an `Include` with the tokens and variables in its words replaced."""
        if "%" not in line.rest and "${" not in line.rest:
            return line
        try:
            words = tuple(
                expand(expand_variables(word, self.context.environ), self._tokens(), CLIENT_TOKENS["include"])
                for word in line.words
            )
        except ConfigError as error:
            raise error.at(line.path, line.number, line.keyword) from None
        return line.replace(words=words)

    def _match(self, line: Line) -> bool:
        facts = ClientFacts(
            original_host=self.original_host,
            host=self._host if self._is_final else self.host_name(),
            user=self._user(),
            tag=self.values.get("tag", ""),
            context=self.context,
            is_final=self._is_final,
            run=self._run,
            session=self._session(),
        )
        result = match_client(line, facts)
        self._wants_final = self._wants_final or result.wants_final
        return result.matches

    def _session(self) -> SessionKind:
        configured: SessionKind | Literal["default"] = self.values.get("session_type", "default")
        return self.context.session if configured == "default" else configured

    def _user(self) -> str:
        user: str = self.values.get("user", self.context.local_user)
        return user

    def _run(self, command: str) -> bool:
        if self.context.run is None:
            return False
        return self.context.run(expand(command, self._tokens(), CLIENT_TOKENS["match exec"], for_shell=True))

    def _tokens(self) -> dict[str, str]:
        """Return what %-tokens stand for, as far as known by now."""
        return connection_tokens(
            self.context,
            original_host=self.original_host,
            host=self.host_name(),
            user=self._user(),
            port=self.values.get("port", 22),
            host_key_alias=self.values.get("host_key_alias"),
            proxy_jump=self.values.get("proxy_jump"),
        )

    def _take(self, line: Line, *, is_active: bool) -> None:
        row = self._keywords.get(line.keyword.lower())
        if row is None:
            if not self._is_ignored(line):
                raise _error(line, "it is not a keyword of ssh_config")
        elif row.support is Support.NOWHERE:
            if is_active and not asks_for_nothing(row, line):
                self.warnings.append(str(_error(line, "it is not supported, so it has no effect")))
        elif row.support in (Support.BUILT, Support.NOT_YET):
            value = parsed(row, line, self.context.environ)
            if is_active:
                self._check_built(row, line)
                self._store(row, value, Source(line.path, line.number, line.keyword))

    def _check_built(self, row: Keyword, line: Line) -> None:
        """Refuse what we cannot do, but not where an earlier line has settled it."""
        if row.support is Support.BUILT or not self._strict or row.field in self.values:
            return
        if not asks_for_nothing(row, line) and not self._is_ignored(line):
            raise _error(line, NOT_YET_PROBLEM)

    def _is_ignored(self, line: Line) -> bool:
        return matches_list(line.keyword.lower(), self.values.get("ignore_unknown", ""), fold_case=True)

    def _store(self, row: Keyword, value: Any, source: Source) -> None:
        if row.field == "refuse_connection":
            problem = f"the configuration refuses this connection: {escape(value)}"
            raise ConfigError(problem, path=source.path, line=source.line, keyword=source.keyword)
        if row.field == "forward_agent" and isinstance(value, str) and self.values.get(row.field) is True:
            self.values[row.field] = value  # whether and which are each settled by the first line
        elif isinstance(value, RekeyLimit) and row.field in self.values:
            # size and time are each settled by the first line that has them
            first: RekeyLimit = self.values[row.field]
            self.values[row.field] = first.replace(seconds=first.seconds or value.seconds)
        elif row.combine is Combine.FIRST:
            self._store_first(row.field, value, source)
        elif row.combine is Combine.APPEND:
            self._append(row.field, value, source)
        else:
            for word in value:
                self._extend(row.field, word, source)

    def _store_first(self, field: str, value: Any, source: Source) -> None:
        if value is None and field in _UNSET_BY_NONE:
            return
        if field not in self.values and not self._is_excluded(field):
            self.values[field] = value
            self.sources[field] = source

    def _is_excluded(self, field: str) -> bool:
        """Whether the way to the host is settled by the other of two keywords; of these, `none` is no way."""
        if field == "proxy_command":
            return self.values.get("proxy_jump") is not None
        return field == "proxy_jump" and "proxy_command" in self.values

    def _append(self, field: str, value: Any, source: Source) -> None:
        found: tuple[Any, ...] = self.values.get(field, ())
        if value not in found:
            self.values[field] = (*found, value)
            self.sources.setdefault(field, source)

    def _extend(self, field: str, word: str, source: Source) -> None:
        if word.startswith("-"):
            found: tuple[str, ...] = self.values.get(field, ())
            self.values[field] = tuple(name for name in found if not matches_pattern(name, word[1:]))
        else:
            self.values[field] = (*self.values.get(field, ()), word)
            self.sources.setdefault(field, source)


class _Place(Record):
    """Where an `Include` stands: where its relative names lie, whose ~ it may use, how deep it is."""

    directory: str
    home: str | None
    depth: int


NOT_YET_PROBLEM: Final = "this keyword is known but not supported yet"


def parsed(row: Keyword, line: Line, environ: Mapping[str, str]) -> Any:
    """Parse a line's value; errors get the line's place."""
    try:
        return row.parse(Arguments(line.words, line.rest, environ, line.path == COMMAND_LINE))
    except ConfigError as error:
        raise error.at(line.path, line.number, line.keyword) from None


def asks_for_nothing(row: Keyword, line: Line) -> bool:
    """Whether a keyword that is not built has a value that it would have no effect with."""
    return "*" in row.inert or " ".join(line.words).lower() in row.inert


def _error(line: Line, problem: str) -> ConfigError:
    return ConfigError(problem, path=line.path, line=line.number, keyword=line.keyword)


def connection_tokens(
    context: ClientContext,
    *,
    original_host: str,
    host: str,
    user: str,
    port: int,
    host_key_alias: str | None,
    proxy_jump: str | None,
) -> dict[str, str]:
    """Return what %-tokens stand for (ssh_config(5), TOKENS)."""
    jump = "" if proxy_jump is None else parse_jump(proxy_jump.rpartition(",")[2], is_checked=False).host
    parts = (context.local_host, host, str(port), user, jump)
    return {
        "C": _digest("".join(parts)),
        "d": context.home,
        "h": host,
        "i": str(context.uid),
        "j": jump,
        "k": original_host if host_key_alias is None else host_key_alias,
        "L": context.local_host.partition(".")[0],
        "l": context.local_host,
        "n": original_host,
        "p": str(port),
        "r": user,
        "u": context.local_user,
    }


def _digest(text: str) -> str:
    try:
        # hashlib would load OpenSSL, 3 ms that each command through a master would wait for
        from _sha1 import sha1  # type: ignore[import-not-found]  # noqa: PLC0415  # not in typeshed
    except ImportError:
        from hashlib import sha1  # noqa: PLC0415
    found: str = sha1(text.encode(errors="surrogateescape"), usedforsecurity=False).hexdigest()
    return found
