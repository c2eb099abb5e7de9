"""Does a key log a user in? authorized_keys files, read with the user's rights, and certificates."""

import json
import time
from collections.abc import Iterator, Sequence
from typing import Final

from pyssh.errors import KeyFormatError
from pyssh.events import PublicKeyAttempt
from pyssh.keys.certificate import Certificate
from pyssh.keys.public import PublicKey
from pyssh.record import Record
from pyssh_cli.server.accounts import Account
from pyssh_cli.server.as_user import read_as
from pyssh_config.addresses import matches_addresses
from pyssh_config.authorized_keys import AuthorizedKey, AuthorizedKeys, KeyOptions, parse_authorized_keys
from pyssh_config.errors import ConfigError, escape
from pyssh_config.permissions import read_strictly

__all__ = ["KeyDecision", "check_signature_flags", "judge_key", "read_authorized_keys"]

_FILE_SIZE: Final = 4 * 1024 * 1024
"""Some ten thousand keys; the file of one user."""

_USER_PRESENT: Final = 0x01
_USER_VERIFIED: Final = 0x04


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
        answer = read_as(account, lambda: _read_all(account, paths, strict), len(paths) * (_FILE_SIZE + 1024))
    except OSError as error:
        return [], [f"cannot read authorized keys as {account.name}: {error.strerror}"]
    missing: list[str] = []
    for path, (text, problem) in zip(paths, json.loads(answer), strict=True):
        if text is None:
            missing.append(f"{escape(path)} is not there")
        elif problem:
            problems.append(problem)
        else:
            found.append(parse_authorized_keys(text, path))
            problems += [str(error) for error in found[-1].unusable]
    # several places are usual, and one file is enough
    return found, problems if found or problems else missing


def _read_all(account: Account, paths: Sequence[str], strict: bool) -> bytes:
    return json.dumps([_read_one(account, path, strict) for path in paths]).encode()


def _read_one(account: Account, path: str, strict: bool) -> tuple[str | None, str]:
    """Return the text, None for a file that is not there, and what is wrong with one that is."""
    try:
        data = read_strictly(path, uid=account.uid, home=account.home, limit=_FILE_SIZE, strict=strict)
    except FileNotFoundError:
        return None, ""
    except ConfigError as error:
        return "", str(error)
    except OSError as error:
        return "", f"{escape(path)}: {error.strerror}"
    return data.decode("utf-8", "replace"), ""


def judge_key(
    key: PublicKey, user: str, account: Account, paths: Sequence[str], *, strict: bool, peer: str
) -> KeyDecision:
    """Decide whether a key (or certificate) logs `user` in to an account from an address. Blocks."""
    files, notes = read_authorized_keys(account, paths, strict=strict)
    now = time.time()
    for line in _lines_for(key, files):
        where = f"{escape(line.path)} line {line.line}"
        refusal = line.options.refusal(host=peer, address=peer, now=now)
        options = line.options
        if refusal is None and isinstance(key, Certificate):
            refusal = _certificate_refusal(key, user, options, peer, now)
            options = _with_certificate(options, key)
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


def _certificate_refusal(
    certificate: Certificate, user: str, options: KeyOptions, peer: str, now: float
) -> str | None:
    try:
        # with principals= the line itself says for whom certificates are good
        certificate.validate(now, user if options.principals is None else None, "user")
        if options.principals is not None and not set(options.principals) & set(certificate.principals):
            return "the certificate names none of its principals"
        source = certificate.source_address
        if source is not None and not matches_addresses(peer, source):
            return f"the certificate is not good for connections from {peer}"
    except (KeyFormatError, ConfigError) as error:
        return escape(str(error))
    if (
        None not in (options.command, certificate.force_command)
        and options.command != certificate.force_command
    ):
        return "its command= is another one than the certificate's force-command"
    return None


def _with_certificate(options: KeyOptions, certificate: Certificate) -> KeyOptions:
    """Return what both the line and the certificate allow."""
    extensions = certificate.extensions
    return options.replace(
        pty=options.pty and "permit-pty" in extensions,
        port_forwarding=options.port_forwarding and "permit-port-forwarding" in extensions,
        agent_forwarding=options.agent_forwarding and "permit-agent-forwarding" in extensions,
        x11_forwarding=options.x11_forwarding and "permit-X11-forwarding" in extensions,
        user_rc=options.user_rc and "permit-user-rc" in extensions,
        command=options.command or certificate.force_command,
        touch_required=options.touch_required or "no-touch-required" not in extensions,
        verify_required=options.verify_required or "verify-required" in certificate.critical_options,
    )


def check_signature_flags(attempt: PublicKeyAttempt, options: KeyOptions) -> str | None:
    """Return why the signature of a security key does not do; None if it does, and for other keys."""
    if not attempt.key.is_security_key or not attempt.signed:
        return None
    if options.touch_required and not attempt.signature_flags & _USER_PRESENT:
        return "the security key was not touched"
    if options.verify_required and not attempt.signature_flags & _USER_VERIFIED:
        return "the security key did not verify its user"
    return None
