"""Certificates that log a user in: who trusts them, and what they allow."""

import time
from collections.abc import Collection, Iterator

from pyssh.errors import SSHError
from pyssh.keys.certificate import DEFAULT_CA_ALGORITHMS, Certificate
from pyssh.keys.public import PublicKey
from pyssh.keys.verdict import judge_certificate
from pyssh.record import Record
from pyssh_cli.server.accounts import Account
from pyssh_cli.server.user_files import read_files
from pyssh_config.authorized_keys import KeyOptions
from pyssh_config.errors import ConfigError, escape
from pyssh_config.principals import PrincipalLine, parse_principals
from pyssh_config.revoked_keys import RevokedKeys, read_key_list

__all__ = [
    "KeyRules",
    "Trusted",
    "certificate_refusal",
    "is_revoked",
    "trusted_by_authority",
    "with_certificate",
]


class KeyRules(Record):
    """What the configuration says of keys besides authorized_keys; paths are ready for use.

    `principals_file` None means that a certificate must name the user.
    """

    ca_file: str | None = None
    principals_file: str | None = None
    ca_algorithms: Collection[str] = DEFAULT_CA_ALGORITHMS
    revoked_files: tuple[str, ...] = ()


class Trusted(Record):
    """What TrustedUserCAKeys makes of a certificate: `options` and their `source`, or notes for the log."""

    options: KeyOptions | None
    source: str = ""
    notes: tuple[str, ...] = ()


def is_revoked(key: PublicKey, rules: KeyRules) -> str | None:
    """Return why RevokedKeys keeps a key out, None if it does not.

    A list that cannot be read keeps all keys out.
    """
    try:
        for path in rules.revoked_files:
            if RevokedKeys.load(path).is_revoked(key):
                return f"the key is revoked by {escape(path)}"
    except SSHError as error:
        return f"RevokedKeys cannot be used, so no key is accepted: {escape(str(error))}"
    return None


def certificate_refusal(
    certificate: Certificate,
    names: Collection[str],
    options: KeyOptions,
    *,
    peer: str,
    now: float,
    rules: KeyRules,
) -> str | None:
    """Return why a certificate of a trusted CA does not do; None if it does. It must have one of `names`."""
    verdict = judge_certificate(
        certificate, "user", now, names=names, ca_algorithms=rules.ca_algorithms, address=peer
    )
    if not verdict.holds:
        return escape(verdict.reason)
    forced = certificate.force_command
    if None not in (options.command, forced) and options.command != forced:
        return "its command= is another one than the certificate's force-command"
    return None


def with_certificate(options: KeyOptions, certificate: Certificate) -> KeyOptions:
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


def trusted_by_authority(
    certificate: Certificate, user: str, account: Account, rules: KeyRules, *, strict: bool, peer: str
) -> Trusted:
    """Decide by TrustedUserCAKeys and AuthorizedPrincipalsFile. Blocks."""
    if rules.ca_file is None:
        return Trusted(None)
    try:
        authorities = read_key_list(rules.ca_file)
    except ConfigError as error:
        return Trusted(None, notes=(f"TrustedUserCAKeys cannot be used: {error}",))
    if certificate.signature_key not in authorities:
        return Trusted(None, notes=(f"the certificate's CA is not in {escape(rules.ca_file)}",))
    now = time.time()
    if rules.principals_file is None:
        refusal = certificate_refusal(certificate, (user,), KeyOptions(), peer=peer, now=now, rules=rules)
        if refusal is not None:
            return Trusted(None, notes=(refusal,))
        return Trusted(with_certificate(KeyOptions(), certificate), escape(rules.ca_file))
    return _by_principals(certificate, account, rules, strict=strict, peer=peer, now=now)


def _by_principals(
    certificate: Certificate, account: Account, rules: KeyRules, *, strict: bool, peer: str, now: float
) -> Trusted:
    assert rules.principals_file is not None
    notes: list[str] = []
    for line in _principal_lines(account, rules.principals_file, notes, strict=strict):
        if line.principal not in certificate.principals:
            continue
        where = f"{escape(line.path)} line {line.line}"
        refusal = line.options.refusal(host=peer, address=peer, now=now) or certificate_refusal(
            certificate, (line.principal,), line.options, peer=peer, now=now, rules=rules
        )
        if refusal is None:
            return Trusted(with_certificate(line.options, certificate), where, tuple(notes))
        notes.append(f"{where} has a name of the certificate, but {refusal}")
    notes.append(f"no line of {escape(rules.principals_file)} lets one of the certificate's names in")
    return Trusted(None, notes=tuple(notes))


def _principal_lines(
    account: Account, path: str, notes: list[str], *, strict: bool
) -> Iterator[PrincipalLine]:
    try:
        (found,) = read_files(account, (path,), strict=strict)
    except OSError as error:
        notes.append(f"cannot read {escape(path)} as {account.name}: {error.strerror}")
        return
    if found.problem:
        notes.append(found.problem)
    parsed = parse_principals(found.text or "", path)
    notes += [str(error) for error in parsed.unusable]
    yield from parsed.lines
