"""Our side: the lines of the configuration that took effect, key files and their modes, the agent."""

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

from pyssh.errors import KeyFormatError, PassphraseError, SSHError
from pyssh.keys.certificate import Certificate
from pyssh.keys.names import is_certificate
from pyssh.keys.verdict import judge_certificate
from pyssh_cli.client.effective import effective_lines
from pyssh_cli.client.identities import agent_path
from pyssh_cli.client.trust import show_local_time
from pyssh_cli.doctor.findings import Findings, Value
from pyssh_config.client import ClientConfig
from pyssh_config.errors import ConfigError, escape
from pyssh_config.key_files import public_path, read_private_key, read_public_key
from pyssh_config.known_hosts import KnownHosts
from pyssh_config.lexer import expand_tilde

__all__ = ["look_at_agent", "look_at_configuration", "look_at_files"]

_YES_OR_NO: Final = frozenset(
    {
        "addkeystoagent",
        "canonicalizehostname",
        "controlmaster",
        "pubkeyauthentication",
        "requesttty",
        "stricthostkeychecking",
        "tcpkeepalive",
        "tunnel",
        "updatehostkeys",
        "verifyhostkeydns",
    }
)
"""What `ssh -G` shows as true and false, which nobody writes."""

_SPELLED: Final = {"true": "yes", "false": "no"}
_OTHERS: int = 0o077
_OTHERS_WRITE: int = 0o022


# --- configuration


def look_at_configuration(config: ClientConfig, findings: Findings) -> None:
    """Note what took effect, with the line that it came from, and what was warned of."""
    lines: dict[str, list[str]] = {}
    for line in effective_lines(config):
        keyword, _, value = line.partition(" ")
        lines.setdefault(keyword, []).append(value)
    for source in sorted(config.sources.values(), key=lambda one: (one.line == 0, one.path, one.line)):
        values = lines.get(source.keyword.lower(), [])
        if source.keyword.lower() in _YES_OR_NO:
            values = [_SPELLED.get(value, value) for value in values]
        shown = ", ".join(map(escape, values))
        findings.values.append(Value(escape(source.keyword), shown, escape(source.path), source.line))
    for warning in config.warnings:
        findings.warn("configuration", warning)
    count = len(config.sources)
    text = "nothing is set: every value is a default" if not count else f"{count} keywords are set"
    findings.fine("configuration", text)


# --- files


def look_at_files(config: ClientConfig, findings: Findings) -> None:
    """Look at ~/.ssh, the files of known hosts, the keys and their certificates."""
    _check_directory(f"{config.context.home}/.ssh", findings)
    for problem in KnownHosts.load(_known_files(config)).problems:
        findings.warn("files", f"{problem}; the line is of no use")
    seen = 0
    for path in config.paths("identity_file"):
        if os.path.exists(path):  # noqa: PTH110  the name as it was given
            seen += 1
            _check_key(path, findings)
        elif "identity_file" in config.sources:
            findings.problem("files", f"{escape(path)} is named by IdentityFile and is not there")
    for path in config.paths("certificate_file"):
        _check_certificate(path, "CertificateFile names it", findings)
    if not seen:
        findings.note("files", "there is no key file to log in with; pyssh keygen makes one")


def _known_files(config: ClientConfig) -> tuple[str, ...]:
    return (*config.paths("user_known_hosts_file"), *config.paths("global_known_hosts_file"))


def _check_directory(path: str, findings: Findings) -> None:
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        findings.note("files", f"{escape(path)} is not there yet")
        return
    except OSError as error:
        findings.problem("files", f"{escape(path)}: {error.strerror}")
        return
    if found.st_uid != os.getuid():
        findings.problem("files", f"{escape(path)} belongs to uid {found.st_uid} and not to you")
    if found.st_mode & _OTHERS_WRITE:
        mode = stat.S_IMODE(found.st_mode)
        findings.problem("files", f"others can write to {escape(path)} (mode {mode:04o}); try chmod go-w")


def _check_key(path: str, findings: Findings) -> None:
    shown = escape(path)
    if path.endswith(".pub"):
        return _check_public(path, findings)
    try:
        private, _ = read_private_key(path)
    except PassphraseError:
        mode = stat.S_IMODE(Path(path).stat().st_mode)
        findings.fine("files", f"{shown} is a private key with a passphrase, mode {mode:04o}")
    except (ConfigError, KeyFormatError) as error:
        text = str(error) if isinstance(error, ConfigError) else f"{shown}: {escape(str(error))}"
        findings.problem("files", text)
        return None
    else:
        findings.fine(
            "files", f"{shown} is a private key: {private.key.key_type} {private.key.fingerprint()}"
        )
        for problem in _mismatch(path, private.key.blob):
            findings.problem("files", problem)
    beside = f"{path}-cert.pub"
    if os.path.exists(beside):  # noqa: PTH110  as above
        _check_certificate(beside, "it lies beside the key", findings)
    return None


def _mismatch(path: str, blob: bytes) -> Iterator[str]:
    public = public_path(path)
    if not os.path.exists(public):  # noqa: PTH110  as above
        return
    try:
        key, _ = read_public_key(public)
    except ConfigError as error:
        yield str(error)
        return
    if key.plain.blob != blob:
        yield f"{escape(public)} is not the public half of {escape(path)}; pyssh keygen -y prints that"


def _check_public(path: str, findings: Findings) -> None:
    try:
        key, _ = read_public_key(path)
    except ConfigError as error:
        findings.problem("files", str(error))
        return
    text = (
        f"{escape(path)} is a public key, {key.key_type} {key.fingerprint()}: its private half is elsewhere"
    )
    findings.note("files", text)


def _check_certificate(path: str, why: str, findings: Findings) -> None:
    try:
        key, _ = read_public_key(path)
    except ConfigError as error:
        findings.problem("files", str(error))
        return
    if not is_certificate(key):
        findings.problem("files", f"{escape(path)} is a key and not a certificate ({why})")
        return
    certificate = cast(Certificate, key)
    verdict = judge_certificate(certificate, "user", time.time(), names=None, show_time=show_local_time)
    names = ", ".join(map(escape, certificate.principals)) or "nobody"
    if verdict.holds:
        validity = next(check.text for check in verdict.checks if check.name == "validity")
        findings.fine("files", f"{escape(path)} is a certificate for {names}: {validity}")
    else:
        findings.problem("files", f"{escape(path)}: {escape(verdict.reason)}")


# --- agent


def look_at_agent(config: ClientConfig, findings: Findings) -> None:
    """Ask the agent for its keys."""
    path = agent_path(config)
    if not path:
        findings.note("agent", "there is none: SSH_AUTH_SOCK is not set, or IdentityAgent is none")
        return
    from pyssh_cli.agent_client import AgentClient  # noqa: PLC0415  # only with an agent

    path = expand_tilde(path, config.context.home)
    try:
        agent = AgentClient.connect(path)
    except (OSError, SSHError) as error:
        findings.problem("agent", f"{escape(path)} cannot be reached: {escape(str(error))}")
        return
    try:
        keys = agent.list_keys()
    except SSHError as error:
        findings.problem("agent", f"{escape(path)} does not list its keys: {escape(str(error))}")
        return
    finally:
        agent.close()
    findings.fine("agent", f"{escape(path)} has {len(keys)} key{'s' * (len(keys) != 1)}")
    for key in keys:
        findings.note("agent", f"{escape(key.comment)}: {escape(key.key.key_type)} {key.key.fingerprint()}")
