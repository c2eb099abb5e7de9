"""known_hosts: which host keys are trusted for which names (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").

Keys are decoded only when asked for: a file with thousands of hosts is read at each connection. What to do
with an unknown or changed key is the caller's decision.
"""

import hashlib
import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, cast

from pyssh.keys.modules import CERTIFIED_TYPES
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.keys.signing import signature_algorithm
from pyssh.record import Record

from .errors import ConfigError, escape
from .patterns import matches_host

if TYPE_CHECKING:
    from pyssh.keys.certificate import Certificate

DEFAULT_PORT: Final = 22
FILE_BYTES: Final = 64 * 1024 * 1024  # half a million hosts
_HASH_MAGIC: Final = "|1|"
_SALT_BYTES: Final = hashlib.sha1(usedforsecurity=False).digest_size

Marker = Literal["", "cert-authority", "revoked"]
Status = Literal["known", "unknown", "changed", "revoked"]


class KnownHost(Record):
    """One line: names (patterns, or one hashed name) and the key that is trusted or revoked for them.

    `text` is the line as it stands in the file, `rest` what follows the names.
    """

    path: str
    line: int
    marker: Marker
    hosts: str
    key_type: str
    blob: bytes
    comment: str
    text: str
    rest: str

    @property
    def key(self) -> PublicKey:
        """The key; raises KeyFormatError if it is none that we know."""
        return decode_public_key(self.blob)

    @property
    def is_hashed(self) -> bool:
        """Whether the name is hidden."""
        return self.hosts.startswith(_HASH_MAGIC)

    @property
    def has_patterns(self) -> bool:
        """Whether a name holds `*`, `?` or `!`."""
        return not self.is_hashed and any(c in self.hosts for c in "*?!")

    def matches(self, name: str) -> bool:
        """Whether the line is about `name`, which is as `host_port_name` makes it."""
        if self.is_hashed:
            return _is_hash_of(self.hosts, name)
        return matches_host(name, self.hosts)


class HostKeyCheck(Record):
    """What the files say of a key. `entry` is the line that decided, `others` have other keys.

    A `known` certificate's entry is marked cert-authority; the certificate itself is yet to be validated.
    """

    status: Status
    entry: KnownHost | None
    others: tuple[KnownHost, ...]


def host_port_name(host: str, port: int) -> str:
    """Return the name to look up: the host in lower case, as `[host]:port` unless the port is 22."""
    name = host.lower()
    return name if port == DEFAULT_PORT else f"[{name}]:{port}"


def hash_name(name: str, salt: bytes | None = None) -> str:
    """Return the hidden form of a name, as `HashKnownHosts` writes it."""
    salt = os.urandom(_SALT_BYTES) if salt is None else salt
    digest = hmac.digest(salt, name.lower().encode(errors="surrogateescape"), "sha1")
    return f"{_HASH_MAGIC}{b64encode(salt).decode()}|{b64encode(digest).decode()}"


def _is_hash_of(hashed: str, name: str) -> bool:
    salt, _, _ = hashed.removeprefix(_HASH_MAGIC).partition("|")
    try:
        return hash_name(name, b64decode(salt, validate=True)) == hashed
    except ValueError:
        return False


def parse_known_host(text: str, path: str, line: int) -> KnownHost | None:
    """Parse one line; None for a comment or an empty one. Raises ConfigError."""
    stripped = text.strip(" \t\r\n")
    if not stripped or stripped.startswith("#"):
        return None
    marker: Marker = ""
    rest = stripped
    if stripped.startswith("@"):
        marker, rest = _take_marker(stripped, path, line)
    hosts, rest = _take(rest)
    key_type, after = _take(rest)
    encoded, comment = _take(after)
    try:
        blob = b64decode(encoded, validate=True)
    except ValueError:
        blob = b""
    if blob[4 : 4 + len(key_type)] != key_type.encode(errors="replace") or not key_type:
        raise ConfigError("it is not of the form: names key-type key-in-base64", path=path, line=line)
    return KnownHost(path, line, marker, hosts, key_type, blob, comment, text.rstrip("\r\n"), rest)


def _take_marker(text: str, path: str, line: int) -> tuple[Marker, str]:
    word, rest = _take(text)
    match word:
        case "@cert-authority":
            return "cert-authority", rest
        case "@revoked":
            return "revoked", rest
    raise ConfigError(
        f"{escape(word)} is not a marker; they are @cert-authority, @revoked", path=path, line=line
    )


def _take(text: str) -> tuple[str, str]:
    word, *rest = text.split(None, 1)[:2] or [""]
    return word, rest[0] if rest else ""


class KnownHosts(Record):
    """The lines of one or more files. `problems` says which lines or files were of no use, and why."""

    entries: tuple[KnownHost, ...]
    problems: tuple[ConfigError, ...]

    @classmethod
    def load(cls, paths: Iterable[str]) -> "KnownHosts":
        """Read the files in order; those that do not exist are as if empty."""
        entries: list[KnownHost] = []
        problems: list[ConfigError] = []
        for path in paths:
            try:
                text = read_text(path)
            except ConfigError as error:
                problems.append(error)
                continue
            for entry in parse_lines(text, path):
                if isinstance(entry, KnownHost):
                    entries.append(entry)
                else:
                    problems.append(entry)
        return cls(tuple(entries), tuple(problems))

    def find(self, name: str) -> tuple[KnownHost, ...]:
        """Return the lines about a name, in order."""
        return tuple(entry for entry in self.entries if entry.matches(name.lower()))

    def check_key(self, name: str, key: PublicKey, *, without_port: str = "") -> HostKeyCheck:
        """Return what is known of `key` for `name`.

        `without_port` is a second name under which the key may be known when the first is unknown: ssh takes
        the bare host's key for a host at another port, but only as a confirmation.
        """
        result = _check(self.find(name), key)
        if result.status == "unknown" and without_port and not result.others:
            second = _check(self.find(without_port), key)
            if second.status in ("known", "revoked"):
                return second
        return result

    def order_algorithms(self, name: str, algorithms: Sequence[str]) -> tuple[str, ...]:
        """Return host key algorithms with those first whose keys are known for `name`.

        Otherwise the order stays, so that a server is not asked for a key that we would have to ask about.
        """
        found = self.find(name)
        plain_types = {entry.key_type for entry in found if not entry.marker}
        has_authority = any(entry.marker == "cert-authority" for entry in found)
        types = {name: _key_type(name) for name in algorithms}
        if not algorithms or _plain(types[algorithms[0]]) in plain_types:
            return tuple(algorithms)

        def is_wanted(algorithm: str) -> bool:
            key_type = types[algorithm]
            return (has_authority and key_type in CERTIFIED_TYPES) or _plain(key_type) in plain_types

        return tuple(sorted(algorithms, key=lambda algorithm: not is_wanted(algorithm)))


def _key_type(algorithm: str) -> str:
    known = signature_algorithm(algorithm)
    return algorithm if known is None else known.key_type


def _plain(key_type: str) -> str:
    return CERTIFIED_TYPES.get(key_type, key_type)


def _check(found: tuple[KnownHost, ...], key: PublicKey) -> HostKeyCheck:
    blobs = {key.blob, key.plain.blob}
    authority = cast("Certificate", key).signature_key.blob if key.key_type in CERTIFIED_TYPES else None
    others = tuple(entry for entry in found if not entry.marker and entry.blob not in blobs)
    for entry in found:
        if entry.marker == "revoked" and (entry.blob in blobs or entry.blob == authority):
            return HostKeyCheck("revoked", entry, others)
    for entry in found:
        if entry.marker == "cert-authority" and entry.blob == authority:
            return HostKeyCheck("known", entry, others)
    for entry in found:
        if not entry.marker and entry.blob in blobs:
            return HostKeyCheck("known", entry, others)
    for entry in others:
        if entry.key_type == key.plain.key_type:
            return HostKeyCheck("changed", entry, others)
    return HostKeyCheck("unknown", None, others)


def read_text(path: str) -> str:
    """Return a known_hosts file's text; "" if there is none."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(FILE_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigError(f"cannot read it: {error.strerror}", path=path) from None
    if len(data) > FILE_BYTES:
        raise ConfigError(f"it is larger than {FILE_BYTES} bytes", path=path)
    return data.decode("utf-8", "surrogateescape")


def parse_lines(text: str, path: str) -> Iterator[KnownHost | ConfigError]:
    """Parse each line that is not a comment; a bad one comes as the error that it is."""
    for number, line in enumerate(text.split("\n"), 1):
        try:
            entry = parse_known_host(line, path, number)
        except ConfigError as error:
            yield error
        else:
            if entry is not None:
                yield entry
