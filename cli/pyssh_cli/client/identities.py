"""The keys to log in with: files and the agent's, in the order in which ssh offers them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyssh.errors import SSHError
from pyssh.keys.public import PublicKey
from pyssh_cli.client.options import smallest_rsa
from pyssh_cli.output import Output
from pyssh_config.client import ClientConfig
from pyssh_config.errors import ConfigError, escape
from pyssh_config.key_files import public_path, read_public_half, read_public_key

if TYPE_CHECKING:
    from pyssh_cli.agent_client import AgentClient, AgentKey

__all__ = ["Identity", "agent_path", "collect_identities", "forwarded_agent", "open_agent"]

_CERTIFICATE: Final = "-cert.pub"


class Identity:
    """One key to try.

    `path` is the private key's file, `signer` the agent's; a file whose public half needs the passphrase
    has no `key` yet.
    """

    def __init__(
        self, key: PublicKey | None, path: str = "", comment: str = "", signer: "AgentKey | None" = None
    ) -> None:
        self.key = key
        self.path = path
        self.comment = comment
        self.signer = signer

    def __str__(self) -> str:
        kind = "" if self.key is None else f" {escape(self.key.key_type)} {self.key.fingerprint()}"
        source = " agent" if self.signer is not None else ""
        return f"{escape(self.path or self.comment)}{kind}{source}"


def open_agent(config: ClientConfig, output: Output) -> "AgentClient | None":
    """Connect to the agent that the configuration names; None if there is none to use."""
    path = agent_path(config)
    if not path:
        return None
    from pyssh_cli.agent_client import AgentClient  # noqa: PLC0415  # many logins have no agent

    try:
        return AgentClient.connect(path)
    except (OSError, SSHError) as error:
        output.debug(f"no agent at {escape(path)}: {escape(str(error))}")
        return None


def agent_path(config: ClientConfig) -> str:
    """Return where the agent's socket is; "" without one."""
    environ = config.context.environ
    named = config.expand("identity_agent")
    if named is None or named == "SSH_AUTH_SOCK":
        return environ.get("SSH_AUTH_SOCK", "")
    if named.lower() == "none":
        return ""
    return environ.get(named[1:], "") if named.startswith("$") else named


def forwarded_agent(config: ClientConfig) -> str:
    """Return the socket of the agent that ForwardAgent lets the server use; "" if it may use none."""
    if isinstance(config.forward_agent, bool):
        return agent_path(config) if config.forward_agent else ""
    named = config.expand("forward_agent") or ""
    return config.context.environ.get(named[1:], "") if named.startswith("$") else named


def collect_identities(config: ClientConfig, agent: "AgentClient | None", output: Output) -> list[Identity]:
    """Return what to try: files that the agent also has, its other keys, then the other files.

    With IdentitiesOnly the agent's other keys stay out. They come in the order that asks least of the user.
    """
    certificates = list(_certificates(config, output))
    files = list(_file_identities(config, certificates, output))
    held = _agent_keys(agent, output)
    preferred: list[Identity] = []
    others: list[Identity] = []
    for signer in held:
        # a certificate's file goes with the agent's bare key as well
        found = [
            identity
            for identity in files
            if identity.key is not None and signer.key in (identity.key, identity.key.plain)
        ]
        for identity in found:
            files.remove(identity)
            preferred.append(Identity(identity.key, identity.path, signer.comment, signer))
        preferred += _certified(signer, certificates, [*preferred, *files])
        if not found and not config.identities_only:
            others.append(Identity(signer.key, "", signer.comment, signer))
    return [
        one
        for one in (*preferred, *sorted(others, key=_effort), *files)
        if _is_long_enough(one, config, output)
    ]


def _effort(identity: Identity) -> tuple[bool, int]:
    """Return the rank of an agent's key: certificates first, and what somebody has to touch last."""
    key = identity.key
    assert key is not None
    on_device = key.plain.key_type.startswith("sk-")
    if key.plain is key:
        return True, int(on_device)
    from pyssh.keys.certificate import Certificate  # noqa: PLC0415  # loaded by the certificate already

    assert isinstance(key, Certificate)
    if "verify-required" in key.critical_options:
        return False, 3
    if on_device and "no-touch-required" not in key.extensions:
        return False, 2
    return False, 0 if on_device else 1


def _is_long_enough(identity: Identity, config: ClientConfig, output: Output) -> bool:
    key = identity.key
    if key is None or key.plain.key_type != "ssh-rsa" or key.bits >= smallest_rsa(config):
        return True
    output.info(f"Skipping key {identity}: an RSA key of {key.bits} bits is too short")
    return False


def _certified(
    signer: "AgentKey", certificates: list[PublicKey], known: list[Identity]
) -> Iterator[Identity]:
    """Yield the certificates of CertificateFile for a bare key of the agent's that no file has."""
    for certificate in certificates:
        if certificate.plain == signer.key and all(identity.key != certificate for identity in known):
            yield Identity(certificate, "", signer.comment, signer)


def _agent_keys(agent: "AgentClient | None", output: Output) -> "list[AgentKey]":
    if agent is None:
        return []
    try:
        return agent.list_keys()
    except SSHError as error:
        output.error(f"the agent does not list its keys: {escape(str(error))}")
        return []


def _file_identities(
    config: ClientConfig, certificates: list[PublicKey], output: Output
) -> Iterator[Identity]:
    was_named = "identity_file" in config.sources
    for path in config.paths("identity_file"):
        # without the file itself, the public half beside it may name a key of the agent's
        if not Path(path).exists() and not Path(public_path(path)).exists():
            if was_named:
                output.info(
                    f"Warning: Identity file {escape(path)} not accessible: No such file or directory."
                )
            continue
        identity = _file_identity(path, output)
        yield identity
        if config.paths("certificate_file"):
            yield from (
                Identity(certificate, path)
                for certificate in certificates
                if identity.key is not None and certificate.plain == identity.key
            )
        else:
            yield from _certificate_beside(path, output)


def _file_identity(path: str, output: Output) -> Identity:
    """Read the public half. A file given as `key.pub` means the agent's key, or the file without .pub."""
    private = path.removesuffix(".pub")
    try:
        if path.endswith(".pub"):
            key, comment = read_public_key(path)
        else:
            key, comment = read_public_half(path)
    except ConfigError as error:
        if os.path.exists(public_path(path)):  # noqa: PTH110  # the name as it was given
            output.error(str(error))
        return Identity(None, private)
    return Identity(key, private, comment)


def _certificate_beside(path: str, output: Output) -> Iterator[Identity]:
    beside = path.removesuffix(".pub") + _CERTIFICATE
    if Path(beside).exists():
        certificate = _read_certificate(beside, output)
        if certificate is not None:
            yield Identity(certificate, path.removesuffix(".pub"))


def _certificates(config: ClientConfig, output: Output) -> Iterator[PublicKey]:
    for path in config.paths("certificate_file"):
        certificate = _read_certificate(path, output)
        if certificate is not None:
            yield certificate


def _read_certificate(path: str, output: Output) -> PublicKey | None:
    try:
        key, _ = read_public_key(path)
    except ConfigError as error:
        output.error(str(error))
        return None
    if key.plain is key:
        output.error(f"{escape(path)}: it is a key and not a certificate")
        return None
    return key
