"""The directory of a small certificate authority: two keys, a record of what was done, a revocation list.

The record only ever grows: a JSON object on each line, appended in one write under a lock. What was issued
and what is revoked is read from it, and nothing is kept twice.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pyssh.keys.certificate import Certificate
from pyssh.keys.krl import RevocationList
from pyssh.keys.public import PublicKey, format_public_line, parse_public_line
from pyssh.record import Record
from pyssh_config.errors import ConfigError
from pyssh_config.key_files import read_public_key
from pyssh_config.known_hosts_file import replace_file

from .report import KeygenError, reason, shown

__all__ = ["KINDS", "Issued", "Store"]

KINDS: Final = ("user", "host")
_RECORD: Final = "record.jsonl"
_KRL: Final = "revoked.krl"
_MODE: Final = 0o600
_PUBLIC_MODE: Final = 0o644
_MAX_BYTES: Final = 64 << 20
"""Some fifty thousand certificates: what a small authority issues in a lifetime."""


class Issued(Record):
    """A certificate that was issued. `revoked_at` is None while it is good; `reason` is why it is not."""

    serial: int
    kind: str
    key_id: str
    names: tuple[str, ...]
    issued_at: int
    valid_after: int
    valid_before: int
    line: str
    revoked_at: int | None = None
    reason: str = ""

    @property
    def certificate(self) -> Certificate:
        """The certificate itself."""
        key, _ = parse_public_line(self.line)
        assert isinstance(key, Certificate)
        return key

    def state(self, now: float) -> str:
        """Return revoked, expired, early or valid."""
        if self.revoked_at is not None:
            return "revoked"
        if now >= self.valid_before:
            return "expired"
        return "early" if now < self.valid_after else "valid"


class Store:
    """An authority that was made with `init`. Raises KeygenError for what cannot be read or written."""

    def __init__(self, directory: str) -> None:
        self.directory: Final = directory
        if not os.path.isfile(self.path(_RECORD)):  # noqa: PTH113  as in prompts.home
            raise KeygenError(
                f"{shown(directory)} is no certificate authority; pyssh keygen ca init makes one", 1
            )

    def path(self, name: str) -> str:
        """Return where something lies in the directory."""
        return f"{self.directory}/{name}"

    def key_path(self, kind: str) -> str:
        """Return the private key that signs certificates of a kind."""
        return self.path(f"{kind}_ca")

    def public(self, kind: str) -> PublicKey:
        """Return the public half of it."""
        return read_public_key(f"{self.key_path(kind)}.pub")[0]

    @property
    def krl_path(self) -> str:
        """Where the revocation list lies."""
        return self.path(_KRL)

    # --- the record

    def append(self, event: str, **fields: Any) -> None:
        """Add a line to the record, on the disk when this returns; to be called within `locked`."""
        line = json.dumps({"event": event, "time": int(time.time()), **fields}, ensure_ascii=False)
        try:
            descriptor = os.open(self.path(_RECORD), os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
            try:
                _drop_half_line(descriptor)
                os.write(descriptor, line.encode("utf-8", "surrogateescape") + b"\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise KeygenError.of_file(self.path(_RECORD), error) from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out, so that serial numbers are given once."""
        try:
            descriptor = os.open(self.path(_RECORD), os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise KeygenError.of_file(self.path(_RECORD), error) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _events(self) -> Iterator[dict[str, Any]]:
        path = self.path(_RECORD)
        try:
            with Path(path).open("rb") as file:
                data = file.read(_MAX_BYTES + 1)
        except OSError as error:
            raise KeygenError.of_file(path, error) from None
        if len(data) > _MAX_BYTES:
            raise KeygenError(f"{shown(path)} is larger than {_MAX_BYTES} bytes")
        lines = data.split(b"\n")
        # behind the last line break is what a process did not finish writing, or an editor left without one
        if not _is_whole(lines[-1]):
            del lines[-1]
        for number, line in enumerate(lines, 1):
            try:
                event = json.loads(line)
                event["event"]
            except (ValueError, KeyError, TypeError):
                raise KeygenError(f"{shown(path)} line {number} is damaged") from None
            yield event

    def issued(self) -> list[Issued]:
        """Return all certificates, oldest first."""
        found: dict[int, Issued] = {}
        for event in self._events():
            try:
                if event["event"] == "issue":
                    fields = {name: event[name] for name in _FIELDS}
                    found[event["serial"]] = Issued(**fields | {"names": tuple(fields["names"])})
                elif event["event"] == "revoke":
                    serial = event["serial"]
                    found[serial] = found[serial].replace(
                        revoked_at=event["time"], reason=str(event.get("reason", ""))
                    )
            except (KeyError, TypeError):
                problem = f"{shown(self.path(_RECORD))} has a line that lacks something"
                raise KeygenError(problem) from None
        return list(found.values())

    def add(self, certificate: Certificate, comment: str) -> None:
        """Record a certificate; to be called within `locked`, before anybody has it."""
        self.append(
            "issue",
            serial=certificate.serial,
            kind=certificate.kind,
            key_id=certificate.key_id,
            names=list(certificate.principals),
            issued_at=int(time.time()),
            valid_after=certificate.valid_after,
            valid_before=certificate.valid_before,
            line=format_public_line(certificate, comment),
        )

    # --- revocation

    def revocation_list(self) -> RevocationList:
        """Return the list as the record has it; its version counts the revocations."""
        revoked = [one for one in self.issued() if one.revoked_at is not None]
        krl = RevocationList(len(revoked), "pyssh keygen ca", int(time.time()))
        for one in revoked:
            krl.of_authority(self.public(one.kind)).serials.add(one.serial, one.serial)
        return krl

    def write_krl(self, path: str | None = None) -> str:
        """Write the list, in one step; return where."""
        target = path or self.krl_path
        try:
            replace_file(target, self.revocation_list().encode(), mode=_PUBLIC_MODE)
        except ConfigError as error:
            raise KeygenError(str(error)) from None
        return target

    @staticmethod
    def prepare(directory: str) -> str:
        """Make an empty directory beside the wanted one, for `finish` to put in its place; return it."""
        parent = os.path.dirname(os.path.abspath(directory))  # noqa: PTH100, PTH120  as in prompts.home
        fresh = f"{parent}/.{os.path.basename(directory.rstrip('/'))}.{os.getpid()}"  # noqa: PTH119
        try:
            os.makedirs(parent, mode=0o700, exist_ok=True)  # noqa: PTH103
            os.mkdir(fresh, 0o700)  # noqa: PTH102
            descriptor = os.open(f"{fresh}/{_RECORD}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
            os.close(descriptor)
        except OSError as error:
            raise KeygenError(f"{shown(directory)}: {reason(error)}") from None
        return fresh

    @staticmethod
    def finish(fresh: str, directory: str) -> None:
        """Give a directory its name, whole or not at all; one that holds something is left alone."""
        try:
            os.rename(fresh, directory.rstrip("/"))  # noqa: PTH104
        except OSError as error:
            raise KeygenError(f"{shown(directory)}: {reason(error)}; name another with -d") from None


_FIELDS: Final = tuple(name for name in Issued.__match_args__ if name not in ("revoked_at", "reason"))


def _drop_half_line(descriptor: int) -> None:
    """Cut off what a process that was killed did not finish: nobody was told that it had been done.

    A whole line without its end stays: a certificate is out with that serial number.
    """
    size = os.fstat(descriptor).st_size
    if not size or os.pread(descriptor, 1, size - 1) == b"\n":
        return
    start = size
    while start and os.pread(descriptor, 1, start - 1) != b"\n":
        start -= 1
    if _is_whole(os.pread(descriptor, size - start, start)):
        os.write(descriptor, b"\n")
    else:
        os.ftruncate(descriptor, start)


def _is_whole(line: bytes) -> bool:
    """Tell whether a line without its end is all there: no part of an object is an object."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
