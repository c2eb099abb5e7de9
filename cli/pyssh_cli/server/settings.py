"""From a configuration to what the engine and the handlers take: one immutable value for each (re)load."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pyssh.algorithms.ciphers import CIPHERS
from pyssh.algorithms.kex import KEX
from pyssh.algorithms.macs import MACS
from pyssh.algorithms.preferences import SIGNATURES, Algorithms
from pyssh.keys.certificate import CertifiedSigner
from pyssh.keys.private import PrivateKey
from pyssh.keys.signing import Signer
from pyssh.options import Limits, ServerOptions
from pyssh.record import Record
from pyssh_cli.output import Output
from pyssh_cli.server.accounts import Account, Accounts
from pyssh_cli.server.authentication import Policy, offered_methods
from pyssh_cli.server.host_keys import (
    SYSTEM_KEYS,
    certified_signers,
    load_host_keys,
    own_host_key,
    state_directory,
)
from pyssh_cli.server.passwords import PasswordHash, Passwords, PasswordSource
from pyssh_config.algorithm_lists import apply_list
from pyssh_config.errors import ConfigError, escape
from pyssh_config.server import ServerConfig

__all__ = ["Request", "Settings", "load_config", "load_settings", "system_passwords"]

_INTERNAL_SFTP: Final = "internal-sftp"

_DELAYED_COMPRESSION: Final = ("none", "zlib@openssh.com")
"""What starts after the login: `zlib` would inflate what strangers send, so `yes` means this, too."""


class Request(Record):
    """What the command line asks for. `overrides` are as `ServerConfig.load` takes them.

    `passwords` is empty without `--user` and `--password-file`; with them nobody else logs in. `run_password`
    is for the user who starts the server, and for one run.
    """

    config_file: str | None = None
    overrides: tuple[str | tuple[str, Any], ...] = ()
    passwords: Mapping[str, PasswordHash] = {}
    run_password: PasswordHash | None = None


class Settings(Record):
    """Everything that a new connection is served with."""

    config: ServerConfig
    options: ServerOptions
    signers: tuple[PrivateKey, ...]
    certified: tuple[CertifiedSigner, ...]
    policy: Policy

    @property
    def all_signers(self) -> tuple[Signer, ...]:
        """The host keys as they are shown: those with certificates, then all of them bare."""
        return (*self.certified, *self.signers)


def load_config(request: Request) -> ServerConfig:
    """Read the configuration. Raises ConfigError, also for what it asks for and is not built."""
    overrides = list(request.overrides)
    if request.passwords or request.run_password:
        # whoever gives a password wants it to work, root's too, unless a configuration says otherwise
        overrides += [("permit_root_login", "yes")] if request.config_file is None else []
    config = ServerConfig.load(request.config_file, overrides=overrides, environ=os.environ)
    for values in (_values(config), *(section.values for section in config.sections)):
        _check_sftp(values, request.config_file or "")
    return config


def _values(config: ServerConfig) -> Mapping[str, Any]:
    return {"subsystem": config.subsystem, "force_command": config.force_command}


def _check_sftp(values: Mapping[str, Any], path: str) -> None:
    commands = [("Subsystem", command) for _, command in values.get("subsystem") or ()]
    commands.append(("ForceCommand", values.get("force_command") or ""))
    for keyword, command in commands:
        if command.split()[:1] == [_INTERNAL_SFTP]:
            raise ConfigError(
                f"{_INTERNAL_SFTP} is not supported yet; name an sftp-server", path=path, keyword=keyword
            )


def load_settings(request: Request, own: Account, output: Output) -> Settings:
    """Read everything: configuration, host keys, banner. Raises ConfigError."""
    config = load_config(request)
    for warning in config.warnings:
        output.info(warning)
    signers = tuple(_signers(config, request.config_file is not None, own, output))
    certified = certified_signers(config.host_certificate, signers, output)
    names = tuple(request.passwords) or None
    policy = Policy(Accounts(own, names), config, _password_source(request, own), _read_banners(config))
    options = _options(config, policy, (*certified, *signers))
    return Settings(config, options, signers, certified, policy)


def _signers(config: ServerConfig, has_file: bool, own: Account, output: Output) -> Sequence[PrivateKey]:
    if config.host_key:
        return load_host_keys(config.host_key, output)
    present = [path for path in SYSTEM_KEYS if os.access(path, os.R_OK)]
    if has_file and present:
        return load_host_keys(present, output)
    return [own_host_key(state_directory(os.environ, own.home))]


def system_passwords() -> PasswordSource | None:
    """Return the system's own passwords, where this process may read them."""
    from pyssh_cli.server.shadow import SystemPasswords  # noqa: PLC0415  # loads the C library's crypt

    return SystemPasswords.open()


def _password_source(request: Request, own: Account) -> PasswordSource | None:
    if request.passwords:
        return Passwords(request.passwords)
    system = system_passwords() if own.uid == 0 else None
    return system if request.run_password is None else Passwords({own.name: request.run_password}, system)


def _options(config: ServerConfig, policy: Policy, signers: Sequence[Signer]) -> ServerOptions:
    tries = [section.values.get("max_auth_tries", 0) for section in config.sections]
    return ServerOptions(
        algorithms=_algorithms(config),
        limits=Limits(),
        rekey_bytes=config.rekey_limit.bytes,
        rekey_seconds=config.rekey_limit.seconds,
        keepalive_seconds=config.client_alive_interval if config.client_alive_count_max else 0,
        keepalive_count=config.client_alive_count_max,
        host_keys=tuple(signer.key for signer in signers),
        methods=_all_methods(config, policy),
        authentication_attempts=max([config.max_auth_tries, *tries]),
        login_grace_seconds=config.login_grace_time,
    )


def _all_methods(config: ServerConfig, policy: Policy) -> tuple[str, ...]:
    """Return every method that some user may use; what a user is offered is decided for each."""
    variants = [config, *(_within(config, section.values) for section in config.sections)]
    with_passwords = policy.passwords is not None
    found = [name for variant in variants for name in offered_methods(variant, with_passwords=with_passwords)]
    return tuple(dict.fromkeys(found))


def _within(config: ServerConfig, values: Mapping[str, Any]) -> ServerConfig:
    return config.replace(
        **{name: value for name, value in values.items() if name.endswith("_authentication")}
    )


def _algorithms(config: ServerConfig) -> Algorithms:
    default = Algorithms()
    compression = ("none",) if config.compression == "no" else _DELAYED_COMPRESSION
    return Algorithms(
        kex=apply_list(config.kex_algorithms, default.kex, KEX.names),
        host_key=apply_list(config.host_key_algorithms, default.host_key, SIGNATURES.names),
        ciphers=apply_list(config.ciphers, default.ciphers, CIPHERS.names),
        macs=apply_list(config.macs, default.macs, MACS.names),
        compression=compression,
        user_key=apply_list(config.pubkey_accepted_algorithms, default.user_key, SIGNATURES.names),
    )


def _read_banners(config: ServerConfig) -> Mapping[str, str]:
    """Read the texts that users may be shown, those of Match blocks too."""
    paths = [config.banner, *(section.values.get("banner") for section in config.sections)]
    return {path: _read_banner(path) for path in paths if path is not None}


def _read_banner(path: str) -> str:
    try:
        with Path(path).open(errors="replace") as file:
            return file.read(Limits().banner_size)
    except OSError as error:
        raise ConfigError(f"cannot read it: {error.strerror}", path=escape(path), keyword="Banner") from None
