"""Changes to known_hosts files: add, remove, hash. Safe with other processes that do the same.

Adding is one write in append mode under a lock, so that readers never see half a line; the others write a new
file and rename it into place, as ssh-keygen does.
"""

import fcntl
import os
import stat
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pyssh.keys.public import PublicKey
from pyssh.record import Record

from .errors import ConfigError
from .known_hosts import KnownHost, hash_name, parse_known_host, parse_lines, read_text

_OPEN_ATTEMPTS = 100  # each is lost only to another process that replaced the file in between


def add_host_key(
    path: str, names: Sequence[str], key: PublicKey, *, hash_names: bool = False, comment: str = ""
) -> bool:
    """Add a key for the names, unless a line says so already; return whether the file changed.

    A name is as `host_port_name` makes it. The file is made with mode 0600, its directory with 0700. Hashed
    names get a line each.
    """
    blob = b64encode(key.blob).decode("ascii")
    hosts = [hash_name(name) for name in names] if hash_names else [",".join(name.lower() for name in names)]
    for text in (*hosts, comment):
        if not text.isprintable() or (text is not comment and " " in text):
            raise ConfigError("a host name or comment holds characters that cannot stand in it", path=path)
    lines = "".join(f"{host} {key.key_type} {blob} {comment}".rstrip() + "\n" for host in hosts)
    with _locked(path, create=True) as descriptor:
        if _is_known(path, names, key):
            return False
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            lines = "\n" + lines  # an editor left the last line without its end
        os.write(descriptor, lines.encode(errors="surrogateescape"))
    return True


def _is_known(path: str, names: Sequence[str], key: PublicKey) -> bool:
    lines = [
        entry
        for entry in parse_lines(read_text(path), path)
        if isinstance(entry, KnownHost) and not entry.marker and entry.blob == key.blob
    ]
    return all(any(entry.matches(name.lower()) for entry in lines) for name in names)


def remove_host(path: str, name: str) -> tuple[KnownHost, ...]:
    """Remove a name's lines, as `ssh-keygen -R` does; return them. Authorities and revocations stay.

    When something was removed the file's former content is in `path` + ".old". A line that cannot be parsed
    is an error and nothing is changed.
    """
    removed: list[KnownHost] = []

    def keep(entry: KnownHost) -> list[str]:
        if entry.marker or not entry.matches(name.lower()):
            return [entry.text]
        removed.append(entry)
        return []

    _rewrite(path, keep, lambda: bool(removed))
    return tuple(removed)


def remove_keys(path: str, names: Sequence[str], keys: Sequence[PublicKey]) -> tuple[KnownHost, ...]:
    """Remove lines with these keys that are about some of the names and nothing else; return them.

    Lines that cannot be parsed stay as they are.
    """
    removed: list[KnownHost] = []
    blobs = {key.blob for key in keys}
    lowered = {name.lower() for name in names}

    def keep(entry: KnownHost) -> list[str]:
        is_theirs = (
            any(map(entry.matches, lowered))
            if entry.is_hashed
            else set(entry.hosts.lower().split(",")) <= lowered
        )
        if entry.marker or entry.blob not in blobs or not is_theirs:
            return [entry.text]
        removed.append(entry)
        return []

    _rewrite(path, keep, lambda: bool(removed), keep_bad_lines=True)
    return tuple(removed)


class HashResult(Record):
    """What `hash_file` did: how many names it hid, and the lines that it left because they hold patterns."""

    hashed: int
    left: tuple[KnownHost, ...]


def hash_file(path: str) -> HashResult:
    """Hide a file's names, as `ssh-keygen -H` does. Patterns, authorities and revocations stay readable."""
    hashed: list[str] = []
    left: list[KnownHost] = []

    def hide(entry: KnownHost) -> list[str]:
        if entry.has_patterns:
            left.append(entry)
        if entry.has_patterns or entry.is_hashed or entry.marker:
            return [entry.text]
        names = [name for name in entry.hosts.split(",") if name]
        hashed.extend(names)
        return [f"{hash_name(name)} {entry.rest}" for name in names]

    _rewrite(path, hide, lambda: bool(hashed))
    return HashResult(len(hashed), tuple(left))


def _rewrite(
    path: str,
    change: Callable[[KnownHost], list[str]],
    is_changed: Callable[[], bool],
    *,
    keep_bad_lines: bool = False,
) -> None:
    with _locked(path, create=False):
        lines: list[str] = []
        for number, text in enumerate(read_text(path).split("\n"), 1):
            try:
                entry = parse_known_host(text, path, number)
            except ConfigError:
                if not keep_bad_lines:
                    raise
                entry = None
            lines += [text] if entry is None else change(entry)
        if is_changed():
            replace_file(path, "\n".join(lines).encode(errors="surrogateescape"), keep=path + ".old")


def replace_file(path: str, data: bytes, *, mode: int | None = None, keep: str = "") -> None:
    """Put a new file in the place of `path` in one step; `keep` is a further name for the former one.

    A device or pipe is written to, without `keep`: a file in its place would break it for everybody.
    """
    target = Path(path)
    if is_special(path):
        return _write_to_special(path, data, may_write=not keep)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        found_mode = target.stat().st_mode & 0o777 if mode is None else mode
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), found_mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if keep:
            Path(keep).unlink(missing_ok=True)
            Path(keep).hardlink_to(target)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ConfigError(f"cannot write it: {error.strerror}", path=path) from None
    return None


def is_special(path: str) -> bool:
    """Tell whether something is there that is no plain file."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116  the name as it was given
    except OSError:
        return False


def _write_to_special(path: str, data: bytes, *, may_write: bool) -> None:
    if not may_write:
        raise ConfigError("cannot change it: it is not a plain file", path=path)
    try:
        with open(path, "wb", buffering=0) as file:  # noqa: PTH123  the name as it was given
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
    except OSError as error:
        raise ConfigError(f"cannot write it: {error.strerror}", path=path) from None


@contextmanager
def _locked(path: str, *, create: bool) -> Iterator[int]:
    """Open and lock the file that has this name now; whoever waited may hold one that was replaced."""
    for _ in range(_OPEN_ATTEMPTS):
        try:
            descriptor = _open(path, create)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if os.path.samestat(os.fstat(descriptor), os.stat(path)):  # noqa: PTH116  compared as it is
                    yield descriptor
                    return
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            if create:
                continue  # replaced or removed between open and stat
            raise ConfigError("there is no such file", path=path) from None
        except OSError as error:
            raise ConfigError(f"cannot change it: {error.strerror}", path=path) from None
    raise ConfigError("cannot change it: other programs replace it all the time", path=path)


def _open(path: str, create: bool) -> int:
    if create:
        Path(path).parent.mkdir(mode=0o700, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    return os.open(path, os.O_RDWR | os.O_CLOEXEC)
