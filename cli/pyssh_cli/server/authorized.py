"""Does a key log a user in? authorized_keys files, read with the user's rights, and certificates."""

import time
from collections.abc import Iterator, Sequence
from typing import Final

from pyssh.events import PublicKeyAttempt
from pyssh.keys.certificate import Certificate
from pyssh.keys.public import PublicKey
from pyssh.record import Record
from pyssh_cli.server.accounts import Account
from pyssh_cli.server.certificates import (
    KeyRules,
    certificate_refusal,
    is_revoked,
    trusted_by_authority,
    with_certificate,
)
from pyssh_cli.server.user_files import read_files
from pyssh_config.authorized_keys import AuthorizedKey, AuthorizedKeys, KeyOptions, parse_authorized_keys
from pyssh_config.errors import escape

__all__ = ["KeyDecision", "check_signature_flags", "judge_key", "read_authorized_keys"]

_USER_PRESENT: Final = 0x01
_USER_VERIFIED: Final = 0x04

_NO_RULES: Final = KeyRules()


class KeyDecision(Record):
    """Whether a key opens an account: `options` if so. `notes` are for the log: what else was found."""

    options: KeyOptions | None
    notes: tuple[str, ...] = ()
    source: str = ""


def read_authorized_keys(
    account: Account, paths: Sequence[str], *, strict: bool
) -> tuple[list[AuthorizedKeys], list[str]]:
    """Read the files that are there, with the user's own rights; also return what was wrong with others.

    Blocks; call it on a thread.
    """
    found: list[AuthorizedKeys] = []
    problems: list[str] = []
    try:
        files = read_files(account, paths, strict=strict)
    except OSError as error:
        return [], [f"cannot read authorized keys as {account.name}: {error.strerror}"]
    missing: list[str] = []
    for file in files:
        if file.text is None:
            missing.append(f"{escape(file.path)} is not there")
        elif file.problem:
            problems.append(file.problem)
        else:
            found.append(parse_authorized_keys(file.text, file.path))
            problems += [str(error) for error in found[-1].unusable]
    # several places are usual, and one file is enough
    return found, problems if found or problems else missing


def judge_key(
    key: PublicKey,
    user: str,
    account: Account,
    paths: Sequence[str],
    *,
    strict: bool,
    peer: str,
    rules: KeyRules = _NO_RULES,
) -> KeyDecision:
    """Decide whether a key (or certificate) logs `user` in to an account from an address. Blocks."""
    # looked at first, and the files are read all the same: what is slower for some keys tells about them
    revocation = is_revoked(key, rules)
    found = _judge_by_files(key, user, account, paths, strict=strict, peer=peer, rules=rules)
    if found.options is None and isinstance(key, Certificate):
        trusted = trusted_by_authority(key, user, account, rules, strict=strict, peer=peer)
        found = KeyDecision(trusted.options, (*found.notes, *trusted.notes), trusted.source)
    if revocation is not None:
        return KeyDecision(None, (revocation,))
    return found


def _judge_by_files(
    key: PublicKey,
    user: str,
    account: Account,
    paths: Sequence[str],
    *,
    strict: bool,
    peer: str,
    rules: KeyRules,
) -> KeyDecision:
    files, notes = read_authorized_keys(account, paths, strict=strict)
    now = time.time()
    for line in _lines_for(key, files):
        where = f"{escape(line.path)} line {line.line}"
        refusal = line.options.refusal(host=peer, address=peer, now=now)
        options = line.options
        if refusal is None and isinstance(key, Certificate):
            # with principals= the line itself says for whom certificates are good
            names = (user,) if options.principals is None else options.principals
            refusal = certificate_refusal(key, names, options, peer=peer, now=now, rules=rules)
            options = with_certificate(options, key)
        if refusal is None:
            return KeyDecision(options, tuple(notes), where)
        notes.append(f"{where} has the key, but {refusal}")
    if not any(line for file in files for line in file.keys):
        notes.append("no authorized key was found")
    elif not any(_lines_for(key, files)):
        notes.append(f"no line of {', '.join(escape(path) for path in paths)} has this key")
    return KeyDecision(None, tuple(notes))


def _lines_for(key: PublicKey, files: Sequence[AuthorizedKeys]) -> Iterator[AuthorizedKey]:
    wanted = key.signature_key if isinstance(key, Certificate) else key
    for file in files:
        for line in file.keys:
            if line.options.cert_authority is isinstance(key, Certificate) and line.key == wanted:
                yield line


def check_signature_flags(attempt: PublicKeyAttempt, options: KeyOptions) -> str | None:
    """Return why the signature of a security key does not do; None if it does, and for other keys."""
    if not attempt.key.is_security_key or not attempt.signed:
        return None
    if options.touch_required and not attempt.signature_flags & _USER_PRESENT:
        return "the security key was not touched"
    if options.verify_required and not attempt.signature_flags & _USER_VERIFIED:
        return "the security key did not verify its user"
    return None
