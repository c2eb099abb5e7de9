"""What `pyssh.connect` takes to go where ssh goes: from ssh_config, known_hosts and key files.

    async with pyssh.connect(**connect_arguments("web")) as link: ...

It is asked for, and nothing else in the library reads these files. What belongs to sessions of people
(forwardings, terminals, questions, agents) is left to the program.
"""

import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

from pyssh.about import SOFTWARE_VERSION
from pyssh.algorithms.ciphers import CIPHERS
from pyssh.algorithms.kex import KEX
from pyssh.algorithms.macs import MACS
from pyssh.algorithms.preferences import SIGNATURES, Algorithms
from pyssh.errors import PassphraseError
from pyssh.keys.public import PublicKey
from pyssh.options import ClientOptions, Limits

from .algorithm_lists import apply_list
from .client import ClientConfig, ConfigFile
from .errors import ConfigError
from .interfaces import interfaces
from .key_files import read_private_key
from .known_hosts import KnownHosts
from .route import hops, said_of_hop

__all__ = ["connect_arguments", "connect_route"]

Passphrases = Callable[[str], bytes | None]
"""Takes the path of a key file; None passes the key over."""

_FAMILIES: Final = {"any": socket.AF_UNSPEC, "inet": socket.AF_INET, "inet6": socket.AF_INET6}


def connect_arguments(
    host: str,
    *,
    overrides: Sequence[str | tuple[str, Any]] = (),
    files: Sequence[ConfigFile] | None = None,
    passphrase: Passphrases | None = None,
) -> dict[str, Any]:
    """Return the arguments of `pyssh.connect` for a host as people call it.

    `overrides` count before the files, as with `ClientConfig.load`; None are the user's and the system's.
    The keys are those of the files that can be read without a passphrase, or with what `passphrase` says;
    the server must show a key that known_hosts has for it, as with StrictHostKeyChecking.

    Raises ConfigError for files and values that cannot be used, for hosts behind others (`connect_route`),
    and PassphraseError for a key that the configuration names and nobody can open.
    """
    route = connect_route(host, overrides=overrides, files=files, passphrase=passphrase)
    if len(route) > 1:
        raise ConfigError(f"{host} is behind other hosts; connect_route says which", keyword="ProxyJump")
    return route[0]


def connect_route(
    host: str,
    *,
    overrides: Sequence[str | tuple[str, Any]] = (),
    files: Sequence[ConfigFile] | None = None,
    passphrase: Passphrases | None = None,
) -> tuple[dict[str, Any], ...]:
    """Return arguments for each host on the way (ProxyJump) and the last; `overrides` are for that one.

    Each connection is made through the one before: `connect(**arguments, via=link)`.
    """
    config = ClientConfig.load(host, files=files, overrides=overrides)
    before = hops(config, lambda hop: ClientConfig.load(hop.host, files=files, overrides=said_of_hop(hop)))
    return tuple(_arguments(one, passphrase) for one in (*before, config))


def _arguments(config: ClientConfig, passphrase: Passphrases | None) -> dict[str, Any]:
    _refuse_what_asks_for_more(config)
    files = (*config.paths("user_known_hosts_file"), *config.paths("global_known_hosts_file"))
    known = KnownHosts.load(files)
    return {
        "host": config.host_name,
        "port": config.port,
        "options": _options(config, known),
        "keys": tuple(_keys(config, passphrase)),
        "host_keys": _host_keys(config, known),
        "proxy_command": config.expand("proxy_command"),
        "address_family": _FAMILIES[config.address_family],
        "local_address": _local_address(config),
    }


def _refuse_what_asks_for_more(config: ClientConfig) -> None:
    """Refuse what decides about trust or the way there and cannot be said in arguments."""
    asked = {
        "KnownHostsCommand": config.known_hosts_command is not None,
        "ProxyCommand": config.proxy_command == "-",
        "ProxyUseFdpass": config.proxy_use_fdpass and config.proxy_command is not None,
        "RevokedHostKeys": bool(config.revoked_host_keys),
    }
    for keyword, is_asked in asked.items():
        if is_asked:
            problem = "connect_arguments cannot do it; call connect() with trust or sock of your own"
            raise ConfigError(problem, keyword=keyword)


def _options(config: ClientConfig, known: KnownHosts) -> ClientOptions:
    host_key = apply_list(config.host_key_algorithms, SIGNATURES.default_names, SIGNATURES.names)
    if config.host_key_algorithms is None:
        host_key = known.order_algorithms(config.known_hosts_names[0], host_key)
    user_key = apply_list(config.pubkey_accepted_algorithms, SIGNATURES.default_names, SIGNATURES.names)
    return ClientOptions(
        user=config.user,
        algorithms=Algorithms(
            kex=apply_list(config.kex_algorithms, KEX.default_names, KEX.names),
            host_key=host_key,
            ciphers=apply_list(config.ciphers, CIPHERS.default_names, CIPHERS.names),
            macs=apply_list(config.macs, MACS.default_names, MACS.names),
            compression=("zlib@openssh.com", "none") if config.compression else ("none",),
            user_key=user_key,
        ),
        limits=Limits(rsa_bits=max(Limits().rsa_bits, config.required_rsa_size)),
        software_version=f"{SOFTWARE_VERSION} {config.expand('version_addendum')}".rstrip(),
        rekey_bytes=config.rekey_limit.bytes,
        rekey_seconds=float(config.rekey_limit.seconds),
        keepalive_seconds=float(config.server_alive_interval),
        keepalive_count=config.server_alive_count_max,
    )


def _keys(config: ClientConfig, passphrase: Passphrases | None) -> list[Any]:
    if config.pubkey_authentication == "no":
        return []
    was_named = "identity_file" in config.sources
    found = []
    for path in config.paths("identity_file"):
        try:
            found.append(_open_key(path, passphrase))
        except (ConfigError, PassphraseError):
            if was_named:
                raise
    return [key for key in found if key is not None]


def _open_key(path: str, passphrase: Passphrases | None) -> object:
    try:
        return read_private_key(path)[0]
    except PassphraseError:
        if passphrase is None:
            raise
        said = passphrase(path)
        return None if said is None else read_private_key(path, said)[0]


def _host_keys(config: ClientConfig, known: KnownHosts) -> tuple[PublicKey, ...]:
    """Return the keys that a host may show; a revoked one is none of them."""
    name, without_port = config.known_hosts_names
    entries = known.find(name) or (known.find(without_port) if without_port else ())
    revoked = {entry.blob for entry in entries if entry.marker == "revoked"}
    return tuple(entry.key for entry in entries if not entry.marker and entry.blob not in revoked)


def _local_address(config: ClientConfig) -> str | None:
    if config.bind_interface is None:
        return config.bind_address
    family = _FAMILIES[config.address_family]
    for interface in interfaces():
        if interface.name == config.bind_interface and family in (socket.AF_UNSPEC, interface.family):
            return interface.address
    raise ConfigError("there is no such interface with an address", keyword="BindInterface")
