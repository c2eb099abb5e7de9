"""What a configuration means for the engine: algorithms, limits of time and data."""

from collections.abc import Callable

from pyssh.about import SOFTWARE_VERSION
from pyssh.algorithms.ciphers import CIPHERS
from pyssh.algorithms.kex import KEX
from pyssh.algorithms.macs import MACS
from pyssh.algorithms.preferences import SIGNATURES, Algorithms
from pyssh.options import ClientOptions, Limits
from pyssh_cli.client.story import message_observer
from pyssh_cli.output import Output
from pyssh_config.algorithm_lists import apply_list
from pyssh_config.client import ClientConfig

__all__ = ["algorithms", "client_options", "smallest_rsa"]

_COMPRESSION = "zlib@openssh.com"

_LIMITS = Limits(packet_size_before_authentication=257 * 1024, banner_size=256 * 1024)
"""The user called this server: it may send what ssh takes, such as a banner of 256 KiB."""

_EXTENSIONS = {"ext-info-in-auth@openssh.com": b"0"}
"""What a server takes may depend on the user: it may tell again once it knows who that is."""


def algorithms(
    config: ClientConfig, order: Callable[[tuple[str, ...]], tuple[str, ...]] | None = None
) -> Algorithms:
    """Return what to offer. `order` sorts host key algorithms, unless the user has done so."""
    host_key = apply_list(config.host_key_algorithms, SIGNATURES.default_names, SIGNATURES.names)
    if config.host_key_algorithms is None and order is not None:
        host_key = order(host_key)
    return Algorithms(
        kex=apply_list(config.kex_algorithms, KEX.default_names, KEX.names),
        host_key=host_key,
        ciphers=apply_list(config.ciphers, CIPHERS.default_names, CIPHERS.names),
        macs=apply_list(config.macs, MACS.default_names, MACS.names),
        compression=(_COMPRESSION, "none") if config.compression else ("none",),
        user_key=apply_list(config.pubkey_accepted_algorithms, SIGNATURES.default_names, SIGNATURES.names),
    )


def smallest_rsa(config: ClientConfig) -> int:
    """Return how many bits an RSA key needs; `RequiredRSASize` can ask for more than we do, not for less."""
    return max(_LIMITS.rsa_bits, config.required_rsa_size)


def client_options(config: ClientConfig, offered: Algorithms, output: Output) -> ClientOptions:
    """Return the engine's options."""
    return ClientOptions(
        user=config.user,
        algorithms=offered,
        limits=_LIMITS.replace(rsa_bits=smallest_rsa(config)),
        software_version=f"{SOFTWARE_VERSION} {config.expand('version_addendum')}".rstrip(),
        extensions=_EXTENSIONS,
        rekey_bytes=config.rekey_limit.bytes,
        rekey_seconds=float(config.rekey_limit.seconds),
        keepalive_seconds=float(config.server_alive_interval),
        keepalive_count=config.server_alive_count_max,
        observer=message_observer(output),
    )
