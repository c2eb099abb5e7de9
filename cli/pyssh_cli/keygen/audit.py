"""`pyssh keygen audit`: looks over a `.ssh` directory for what should not be so.

No key derivation runs, and no passphrase is asked for: that a key has one is seen without it.
"""

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from typing import Final

from pyssh.errors import KeyFormatError, PassphraseError, SSHError
from pyssh.keys.certificate import Certificate
from pyssh.keys.formats import detect_format, load_key, load_public
from pyssh.keys.lines import find_keys
from pyssh.keys.names import short_name
from pyssh.keys.openssh import DEFAULT_ROUNDS, MAX_FILE_SIZE, kdf_rounds
from pyssh.keys.public import PublicKey
from pyssh.keys.verdict import judge_certificate
from pyssh.record import Record
from pyssh_config.authorized_keys import parse_authorized_keys

from .report import KeygenError

__all__ = ["Audit", "Finding", "Seen", "look_over"]

_AUTHORIZED: Final = ("authorized_keys", "authorized_keys2")
_NO_FILES: Final = frozenset({errno.ENXIO, errno.ENOENT, errno.ELOOP})
"""What opening says of the sockets of agents and masters, and of links that lead nowhere."""
_MAX_FILES: Final = 4096
_MAX_AUTHORIZED_BYTES: Final = 16 << 20
_PRIVATE_FORMATS: Final = frozenset({"openssh", "pem", "pkcs8", "ppk", "sshcom"})

_REMEDIES: Final = dict.fromkeys(("openssh", "pem", "pkcs8"), "pyssh keygen -p gives it one")
_FOREIGN_REMEDY: Final = "pyssh keygen --import with -N writes another file that has one"
_NO_DSA: Final = "a DSA key, which OpenSSH does not take since version 10.0"

_WEAK_RSA_BITS: Final = 2048
_OLD_RSA_BITS: Final = 3072
"""What ssh-keygen makes since 2019; NIST SP 800-57 allows less until 2030."""
_OLD_ROUNDS: Final = 16
"""ssh-keygen's from 2013 to 2023."""


class Finding(Record):
    """Something that should not be so. `line` is 0 for a whole file; `kind` is a word for programs."""

    path: str
    line: int
    kind: str
    text: str


class Seen(Record):
    """A key that was looked at. `encrypted` is None for a public one."""

    path: str
    line: int
    format: str
    key: PublicKey
    comment: str
    encrypted: bool | None = None


class Audit(Record):
    """What a directory holds, and what is wrong there."""

    directory: str
    keys: tuple[Seen, ...]
    findings: tuple[Finding, ...]


class _File(Record):
    path: str
    name: str
    found: os.stat_result
    data: bytes

    @property
    def is_public(self) -> bool:
        return self.name.endswith(".pub")


def look_over(directory: str, now: float | None = None) -> Audit:
    """Look at each file in a directory. Raises `KeygenError` if the directory cannot be looked at."""
    look = _Look(directory, time.time() if now is None else now)
    look.at_everything()
    return Audit(directory, tuple(look.keys), tuple(look.findings))


class _Look:
    """Goes through one directory and gathers."""

    def __init__(self, directory: str, now: float) -> None:
        self.keys: list[Seen] = []
        self.findings: list[Finding] = []
        self._directory = directory
        self._now = now
        # the private file of each key, by its blob
        self._private: dict[bytes, str] = {}
        self._files: dict[str, _File] = {}

    def at_everything(self) -> None:
        names = self._names()
        self._files = {name: file for name in names if (file := self._read(name))}
        files = list(self._files.values())
        for file in files:
            self._mode(file)
        # the private files first: what is wrong with a key is said where its private half is
        order: tuple[tuple[Callable[[_File], bool], Callable[[_File], None]], ...] = (
            (lambda file: file.name not in _AUTHORIZED and not file.is_public, self._private_file),
            (lambda file: file.is_public, self._public_file),
            (lambda file: file.name in _AUTHORIZED, self._authorized),
        )
        for belongs, look in order:
            for file in files:
                if belongs(file):
                    look(file)

    def _names(self) -> list[str]:
        try:
            with os.scandir(self._directory) as entries:
                names = sorted(entry.name for _, entry in zip(range(_MAX_FILES + 1), entries, strict=False))
            found = os.stat(self._directory)  # noqa: PTH116  as in prompts.home
        except OSError as error:
            raise KeygenError.of_file(self._directory, error) from None
        if len(names) > _MAX_FILES:
            raise KeygenError(f"{self._directory}: more than {_MAX_FILES} files, this is no .ssh directory")
        self._owner_and_writers(self._directory, found)
        return names

    def _read(self, name: str) -> _File | None:
        path = os.path.join(self._directory, name)  # noqa: PTH118  as in prompts.home
        limit = _MAX_AUTHORIZED_BYTES if name in _AUTHORIZED else MAX_FILE_SIZE
        try:
            # a FIFO must not make us wait
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
            try:
                found = os.fstat(descriptor)
                if not stat.S_ISREG(found.st_mode):
                    return None
                with os.fdopen(descriptor, "rb", closefd=False) as file:
                    data = file.read(limit + 1)
            finally:
                os.close(descriptor)
        except OSError as error:
            if error.errno not in _NO_FILES:
                self._add(path, "unreadable", f"cannot be read: {os.strerror(error.errno or 0)}")
            return None
        if len(data) > limit:
            if name in _AUTHORIZED:
                self._add(path, "unreadable", f"larger than {limit} bytes, so that it was not looked at")
            return None
        return _File(path, name, found, data)

    def _add(self, path: str, kind: str, text: str, line: int = 0) -> None:
        self.findings.append(Finding(path, line, kind, text))

    # --- modes

    def _mode(self, file: _File) -> None:
        self._owner_and_writers(file.path, file.found)
        if _is_private(file.data) and file.found.st_mode & 0o077:
            mode = f"{stat.S_IMODE(file.found.st_mode):04o}"
            self._add(file.path, "mode", f"mode {mode} lets others at a private key; try chmod 600")

    def _owner_and_writers(self, path: str, found: os.stat_result) -> None:
        if found.st_uid not in (0, os.getuid()):
            self._add(path, "owner", f"belongs to uid {found.st_uid}, who can change it")
        if found.st_mode & 0o022:
            mode = f"{stat.S_IMODE(found.st_mode):04o}"
            self._add(path, "mode", f"mode {mode} lets others write to it; try chmod go-w")

    # --- keys

    def _private_file(self, file: _File) -> None:
        if not _is_private(file.data):
            return
        try:
            self._private_key(file)
        except KeyFormatError as error:
            if _is_dsa(file.data, error):
                self._add(file.path, "weak-key", _NO_DSA)
            else:
                self._add(file.path, "unreadable", f"a private key that cannot be used: {error}")

    def _private_key(self, file: _File) -> None:
        name = detect_format(file.data)
        comment = ""
        try:
            loaded = load_key(file.data)
            key, comment, encrypted = loaded.key, loaded.comment, False
        except PassphraseError:
            encrypted = True
            self._encryption(file, name)
            try:
                key = load_public(file.data)
            except PassphraseError:
                beside = self._beside(file)
                if beside is None:
                    return
                key = beside
        if isinstance(key, Certificate):
            self._certificate(file.path, key)
            key = key.plain
        if not encrypted and not key.is_security_key:
            self._add(
                file.path, "no-passphrase", f"has no passphrase; {_REMEDIES.get(name, _FOREIGN_REMEDY)}"
            )
        self.keys.append(Seen(file.path, 0, name, key, comment, encrypted))
        first = self._private.setdefault(key.blob, file.path)
        if first != file.path:
            self._add(file.path, "duplicate", f"the same key as in {first}")
        else:
            self._strength(file.path, key)
        beside = self._beside(file)
        if beside is not None and beside.plain != key:
            self._add(f"{file.path}.pub", "mismatch", f"is not the public half of {file.path}")

    def _beside(self, file: _File) -> PublicKey | None:
        """Return the key of the `.pub` file of a private one."""
        public = self._files.get(f"{file.name}.pub")
        return next((key for key, _ in find_keys(_text(public.data))), None) if public else None

    def _encryption(self, file: _File, name: str) -> None:
        """Say so if the passphrase is easier to guess than it has to be."""
        if name == "openssh" and (rounds := kdf_rounds(file.data)) < _OLD_ROUNDS:
            self._add(
                file.path,
                "weak-encryption",
                f"rounds of bcrypt: {rounds}; pyssh keygen -p makes it {DEFAULT_ROUNDS}",
            )
        elif name == "pem":
            self._add(
                file.path,
                "weak-encryption",
                "in this old format a single MD5 protects the passphrase; pyssh keygen -p writes a new one",
            )
        elif name == "ppk" and file.data.lstrip().startswith(b"PuTTY-User-Key-File-2"):
            self._add(
                file.path,
                "weak-encryption",
                "in version 2 a single SHA-1 protects the passphrase; --export ppk writes version 3",
            )

    def _public_file(self, file: _File) -> None:
        try:
            loaded = load_key(file.data)
        except SSHError as error:
            if _is_dsa(file.data, error):
                self._add(file.path, "weak-key", _NO_DSA)
            return
        if loaded.private is not None:
            return
        self.keys.append(Seen(file.path, 0, loaded.format, loaded.key, loaded.comment))
        if loaded.key.plain.blob not in self._private:
            self._strength(file.path, loaded.key)
        if isinstance(loaded.key, Certificate):
            self._certificate(file.path, loaded.key)

    def _certificate(self, path: str, certificate: Certificate) -> None:
        verdict = judge_certificate(certificate, certificate.kind, self._now, names=None)
        for check in verdict.checks:
            if not check.passed:
                self._add(path, "certificate", check.text)

    def _strength(self, path: str, key: PublicKey, line: int = 0) -> None:
        plain = key.plain
        if plain.key_type == "ssh-rsa" and plain.bits < _OLD_RSA_BITS:
            if plain.bits < _WEAK_RSA_BITS:
                self._add(path, "weak-key", f"RSA of {plain.bits} bits can be broken; make a new key", line)
            else:
                self._add(
                    path,
                    "old-key",
                    f"RSA of {plain.bits} bits; {_OLD_RSA_BITS}, or an ed25519 key, is what is made today",
                    line,
                )
        elif plain.key_type == "ssh-mldsa44-ed25519@openssh.com":
            self._add(path, "old-key", f"{short_name(plain)} as only OpenSSH 10.4 and 10.5 know it", line)

    # --- authorized_keys

    def _authorized(self, file: _File) -> None:
        parsed = parse_authorized_keys(_text(file.data), file.path)
        for problem in parsed.unusable:
            line = problem.line or 0
            if _is_dsa(b"", problem):
                self._add(file.path, "weak-key", _NO_DSA, line)
            else:
                self._add(file.path, "unusable-line", f"grants nothing: {problem.problem}", line)
        lines: dict[bytes, int] = {}
        for entry in parsed.keys:
            self.keys.append(Seen(file.path, entry.line, "public", entry.key, entry.comment))
            self._strength(file.path, entry.key, entry.line)
            first = lines.setdefault(entry.key.blob, entry.line)
            if first != entry.line:
                self._add(file.path, "duplicate", f"the same key as in line {first}", entry.line)
            if entry.options.expiry_time is not None and self._now >= entry.options.expiry_time:
                self._add(file.path, "expired", "its expiry-time has passed", entry.line)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _is_private(data: bytes) -> bool:
    """Whether a file is, or was, a private key."""
    try:
        name = detect_format(data)
    except KeyFormatError:
        start = data.lstrip()[:100].partition(b"\n")[0]
        return start.startswith(b"-----BEGIN ") and b"PRIVATE KEY" in start
    if name != "jwk":
        return name in _PRIVATE_FORMATS
    try:
        return load_key(data).private is not None
    except KeyFormatError:
        return False


def _is_dsa(data: bytes, error: Exception) -> bool:
    head = data.lstrip()
    return head.startswith((b"ssh-dss ", b"-----BEGIN DSA PRIVATE KEY")) or "'ssh-dss'" in str(error)


def sorted_findings(audit: Audit) -> Iterator[Finding]:
    """Yield the findings by file and line."""
    yield from sorted(audit.findings, key=lambda finding: (finding.path, finding.line, finding.kind))
