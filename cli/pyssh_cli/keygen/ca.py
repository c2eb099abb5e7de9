"""`pyssh keygen ca`: a small certificate authority. Arguments, and what is done and said."""

import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from pyssh.errors import SSHError
from pyssh.keys.names import is_certificate, short_name
from pyssh.keys.public import PublicKey, format_public_line
from pyssh_cli.getopt import BadUsageError, Flag, Scanner, format_flags

from .ca_store import KINDS, Issued, Store
from .ca_times import GRAMMAR, parse_end, parse_span
from .loading import describe, expand, require_public
from .prompts import ask_new_passphrase, home
from .report import KeygenError, say, shown, warn

if TYPE_CHECKING:
    from .certify import Authority

__all__ = ["FLAGS", "Wanted", "main"]

FLAGS: Final = (
    Flag("d", "directory", "DIR", "where the authority is (default ~/.ssh/ca, or $PYSSH_CA)"),
    Flag("t", "type", "TYPE", "init: type of the keys (ed25519)"),
    Flag("N", "", "PASSPHRASE", "init: passphrase of the keys"),
    Flag("P", "", "PASSPHRASE", "issue: passphrase of the key, instead of asking"),
    Flag("", "valid", "WORDS", 'issue: how long, such as "30 days" or "until friday 18:00"'),
    Flag("I", "id", "TEXT", "issue: what server logs call the certificate"),
    Flag("O", "option", "OPTION", "issue: as -O of pyssh keygen -s (repeatable)"),
    Flag("o", "output", "FILE", "issue, krl: write there"),
    Flag("", "expiring", "WORDS", 'list: only what expires within, such as "2 weeks"'),
    Flag("", "all", "", "list: also what has expired or is revoked"),
    Flag("", "reason", "TEXT", "revoke: why, for the record"),
    Flag("", "hosts", "PATTERNS", "init, show: the hosts that known_hosts trusts it for (*)"),
    Flag("", "name", "NAME", "verify: the user or host that it should be for"),
    Flag("", "from", "ADDRESS", "verify: where its owner comes from"),
    Flag("", "at", "WORDS", 'verify: at that time, such as "until friday", instead of now'),
    Flag("", "json", "", "list, verify, show: print JSON"),
    Flag("", "help", "", "print this help"),
)
_DEFAULT_VALID: Final = {"user": "30 days", "host": "52 weeks"}
_BACKDATE_SECONDS: Final = 60
"""Clocks differ."""


class Wanted:
    """The arguments: words, flags by their long names, and options in their order."""

    def __init__(self, arguments: Sequence[str]) -> None:
        scanner = Scanner(arguments, FLAGS)
        self.words: list[str] = []
        self.flags: dict[str, str] = {}
        self.options: list[str] = []
        while True:
            for key, value in scanner.take_flags():
                if key == "option":
                    self.options.append(value)
                else:
                    self.flags[key] = value
            if not scanner.rest:
                break
            self.words.append(scanner.rest.pop(0))
            if scanner.terminated:
                self.words += scanner.rest
                break
        default = os.environ.get("PYSSH_CA") or f"{home()}/.ssh/ca"
        self.directory = expand(self.flags.get("directory", default))

    def store(self) -> Store:
        """Return the authority."""
        return Store(self.directory)


def main(arguments: Sequence[str]) -> int:
    """Run one subcommand; return its exit code."""
    wanted = Wanted(arguments)
    if "help" in wanted.flags or not wanted.words:
        say(_help())
        return 0 if "help" in wanted.flags else 1
    name = wanted.words.pop(0)
    if name not in _COMMANDS:
        raise BadUsageError(f"{shown(name)} is nothing; there are {', '.join(_COMMANDS)}")
    command, counts, usage = _COMMANDS[name]
    if not counts[0] <= len(wanted.words) <= counts[1]:
        raise BadUsageError(f"usage: pyssh keygen ca {name} {usage}")
    return command(wanted)


# --- init


def _init(wanted: Wanted) -> int:
    from pyssh.keys.openssh import encode_private_key  # noqa: PLC0415  # as the next
    from pyssh.keys.private import generate_private_key  # noqa: PLC0415  # loads every type's module

    from .saving import save_private, save_public  # noqa: PLC0415

    directory = wanted.directory
    if os.path.isdir(directory) and os.listdir(directory):  # noqa: PTH112, PTH208  as in prompts.home
        raise KeygenError(f"{shown(directory)} holds something already; name another with -d", 1)
    passphrase = _new_passphrase(wanted)
    fresh = Store.prepare(directory)
    try:
        for kind in KINDS:
            key = generate_private_key(wanted.flags.get("type", "ed25519").lower())
            comment = f"{kind} CA"
            save_private(f"{fresh}/{kind}_ca", encode_private_key(key, comment, passphrase or None))
            save_public(f"{fresh}/{kind}_ca", key.key, comment)
        store = Store(fresh)
        with store.locked():
            keys = {f"{kind}_ca": store.public(kind).fingerprint() for kind in KINDS}
            store.append("init", keys=keys)
        store.write_krl()
        Store.finish(fresh, directory)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    say(f"The authority is in {shown(directory)}. Keep its keys, and a copy of them, where nobody else is.")
    say("")
    return _show(wanted)


def _new_passphrase(wanted: Wanted) -> bytes:
    if "N" in wanted.flags:
        return os.fsencode(wanted.flags["N"])
    first = "Enter passphrase for the authority's keys (empty for no passphrase): "
    while (passphrase := ask_new_passphrase(first, "Enter same passphrase again: ")) is None:
        say("Passphrases do not match.  Try again.")
    return passphrase


# --- issue


def _issue(wanted: Wanted) -> int:
    kind, names_text, path = wanted.words
    if kind not in KINDS:
        raise BadUsageError(f"a certificate is for a user or a host, not for {shown(kind)}")
    names = tuple(names_text.split(","))
    if not all(names):
        raise BadUsageError(f'"{shown(names_text)}" has an empty name')
    store = wanted.store()
    key, comment = require_public(path, f"{shown(path)}")
    if is_certificate(key):
        raise KeygenError(f"{shown(path)} is a certificate already; name the key", 1)
    now = time.time()
    end = parse_end(wanted.flags.get("valid", _DEFAULT_VALID[kind]), now)
    authority = _authority(wanted, store, kind)
    target = wanted.flags.get("output") or f"{path.removesuffix('.pub')}-cert.pub"
    with store.locked():
        serial = 1 + max((one.serial for one in store.issued()), default=0)
        issued = _sign(wanted, authority, key, kind, names, serial=serial, end=end, now=now)
        # recorded first: a certificate that nobody got does no harm, one that nobody knows of may
        store.add(issued, comment)
    from .saving import save_line  # noqa: PLC0415  # only here

    save_line(target, issued, comment)
    say(f"Certificate {serial} for {kind} {', '.join(map(shown, names))}, {_until(issued.valid_before)}:")
    say(f"    {shown(target)}")
    if kind == "host":
        say("On the host it goes beside the key, with this line in sshd_config:")
        say(f"    HostCertificate {shown(_beside(path))}")
    return 0


def _beside(path: str) -> str:
    return f"/etc/ssh/{os.path.basename(path).removesuffix('.pub')}-cert.pub"  # noqa: PTH119


def _authority(wanted: Wanted, store: Store, kind: str) -> "Authority":
    from .certify import Authority  # noqa: PLC0415  # only issue signs
    from .loading import load_identity  # noqa: PLC0415

    private, _, _ = load_identity(store.key_path(kind), wanted.flags.get("P"))
    return Authority(private.key, lambda data: private.sign(private.key.signature_algorithms[0], data))


def _sign(
    wanted: Wanted,
    authority: "Authority",
    key: PublicKey,
    kind: str,
    names: tuple[str, ...],
    *,
    serial: int,
    end: int,
    now: float,
) -> Any:
    from pyssh.keys.certify import NONCE_SIZE, Statement, sign_certificate  # noqa: PLC0415  # as above

    from .certify import CertificateOptions  # noqa: PLC0415

    options = CertificateOptions(for_host=kind == "host")
    for option in wanted.options:
        options.add(option)
    key_id = wanted.flags.get("id", f"{names[0]}-{serial}")
    start = int(now - _BACKDATE_SECONDS) // 60 * 60
    try:
        text = f"{key_id}{''.join(names)}"
        text.encode()
        statement = Statement(kind, key_id, names, serial, start, end, options.critical, options.extensions)
        return sign_certificate(key, statement, authority.key, authority.sign, os.urandom(NONCE_SIZE))
    except UnicodeEncodeError:
        raise KeygenError("names and the ID must be UTF-8", 1) from None
    except SSHError as error:
        raise KeygenError(f"the key cannot be certified: {describe(error)}") from None


def _until(moment: int) -> str:
    from pyssh.keys.certificate import FOREVER  # noqa: PLC0415  # only for words

    from .validity import format_moment  # noqa: PLC0415

    return "without an end" if moment == FOREVER else f"until {format_moment(moment)}"


# --- list


def _list(wanted: Wanted) -> int:
    now = time.time()
    found = wanted.store().issued()
    if "expiring" in wanted.flags:
        limit = parse_span(wanted.flags["expiring"], now)
        found = [one for one in found if one.state(now) in ("valid", "early") and one.valid_before <= limit]
        found.sort(key=lambda one: one.valid_before)
    elif "all" not in wanted.flags:
        found = [one for one in found if one.state(now) in ("valid", "early")]
    if "json" in wanted.flags:
        say(json.dumps([_as_json(one, now) for one in found], indent=2))
        return 0
    rows = [("serial", "for", "names", "state", "end", "id")]
    rows += [
        (
            str(one.serial),
            one.kind,
            ",".join(map(shown, one.names)),
            one.state(now),
            _until(one.valid_before).removeprefix("until "),
            shown(one.key_id),
        )
        for one in found
    ]
    if not found:
        say("nothing")
        return 0
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        say("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _as_json(one: Issued, now: float) -> dict[str, Any]:
    fields = {name: getattr(one, name) for name in Issued.__match_args__}
    certificate = one.certificate
    return fields | {
        "names": list(one.names),
        "state": one.state(now),
        "key_type": certificate.plain.key_type,
        "fingerprint": certificate.fingerprint(),
    }


# --- revoke, krl


def _revoke(wanted: Wanted) -> int:
    store = wanted.store()
    with store.locked():
        issued = store.issued()
        chosen = {one.serial: one for word in wanted.words for one in _matching(issued, word)}
        for one in chosen.values():
            if one.revoked_at is not None:
                warn(f"certificate {one.serial} is revoked already")
                continue
            reason = wanted.flags.get("reason", "").encode("utf-8", "replace").decode()
            store.append("revoke", serial=one.serial, reason=reason)
            say(f"Certificate {one.serial} for {one.kind} {', '.join(map(shown, one.names))} is revoked.")
        path = store.write_krl()
    say(f"Put the list where servers (RevokedKeys) and clients (RevokedHostKeys) have it: {shown(path)}")
    return 0


def _matching(issued: list[Issued], word: str) -> list[Issued]:
    """Return the certificates that a serial number, an ID, or a file with the key or certificate names."""
    found = [one for one in issued if word in (str(one.serial), one.key_id)]
    if not found and os.path.exists(word):  # noqa: PTH110  as in prompts.home
        key, _ = require_public(word, shown(word))
        found = [
            one
            for one in issued
            if key == (one.certificate if is_certificate(key) else one.certificate.plain)
        ]
    if not found:
        raise KeygenError(
            f"{shown(word)} names no certificate of this authority; see pyssh keygen ca list", 1
        )
    return found


def _krl(wanted: Wanted) -> int:
    store = wanted.store()
    with store.locked():
        path = store.write_krl(wanted.flags.get("output"))
    say(shown(path))
    return 0


# --- show, verify


def _show(wanted: Wanted) -> int:
    store = wanted.store()
    lines = {kind: format_public_line(store.public(kind), f"{kind} CA") for kind in KINDS}
    hosts = wanted.flags.get("hosts", "*")
    known = f"@cert-authority {hosts} {lines['host']}"
    if "json" in wanted.flags:
        say(
            json.dumps(
                {
                    "directory": store.directory,
                    "user_ca": lines["user"],
                    "host_ca": lines["host"],
                    "krl": store.krl_path,
                    "sshd_config": _SERVER_LINES,
                    "known_hosts": known,
                },
                indent=2,
            )
        )
        return 0
    for kind in KINDS:
        key = store.public(kind)
        say(f"{kind} CA: {short_name(key)} {key.fingerprint()}")
    say("")
    say("On servers: copy these two files,")
    say(f"    {shown(store.key_path('user'))}.pub  to  /etc/ssh/user_ca.pub")
    say(f"    {shown(store.krl_path)}  to  /etc/ssh/revoked.krl")
    say("and put these lines into sshd_config:")
    for line in _SERVER_LINES:
        say(f"    {line}")
    say("")
    say("On clients: this line in ~/.ssh/known_hosts or /etc/ssh/ssh_known_hosts:")
    say(f"    {shown(known)}")
    return 0


_SERVER_LINES: Final = ["TrustedUserCAKeys /etc/ssh/user_ca.pub", "RevokedKeys /etc/ssh/revoked.krl"]


def _verify(wanted: Wanted) -> int:
    from .ca_verify import verify  # noqa: PLC0415  # only here

    return verify(wanted)


_COMMANDS: Final[dict[str, tuple[Callable[[Wanted], int], tuple[int, int], str]]] = {
    "init": (_init, (0, 0), "[-d DIR] [-t TYPE]"),
    "issue": (_issue, (3, 3), "user|host NAME[,NAME ...] KEY.pub [--valid WORDS]"),
    "list": (_list, (0, 0), "[--all | --expiring WORDS] [--json]"),
    "revoke": (_revoke, (1, 10**6), "SERIAL|ID|FILE ... [--reason TEXT]"),
    "krl": (_krl, (0, 0), "[-o FILE]"),
    "show": (_show, (0, 0), "[--hosts PATTERNS] [--json]"),
    "verify": (_verify, (1, 1), "CERTIFICATE [--name NAME] [--from ADDRESS] [--json]"),
}


def _help() -> str:
    return "\n".join(
        [
            *(f"{'usage:' if i == 0 else '      '} pyssh keygen ca {name} {usage}"
              for i, (name, (_, _, usage)) in enumerate(_COMMANDS.items())),
            "",
            "Keeps a small certificate authority: makes it, issues certificates, lists and revokes them, and",
            "prints the lines for sshd_config and known_hosts.",
            f"Times are words: {GRAMMAR}.",
            "",
            format_flags(FLAGS),
        ]
    )  # fmt: skip
