"""`-G`: the configuration that takes effect, line for line as ssh prints it.

git runs it to find out whether a program stands in for ssh, and editors to find out where a host is.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pyssh.algorithms.ciphers import CIPHERS
from pyssh.algorithms.kex import KEX
from pyssh.algorithms.macs import MACS
from pyssh.algorithms.preferences import SIGNATURES
from pyssh.algorithms.registry import Registry
from pyssh_config.algorithm_lists import CA_SIGNATURES, AlgorithmNames, apply_list
from pyssh_config.client import ClientConfig
from pyssh_config.client_values import DSCP
from pyssh_config.forwards import Address, Forward, UnixPath, format_jump
from pyssh_config.keywords import CLIENT_KEYWORDS

__all__ = ["effective_lines"]

# in ssh's order, which scripts have come to know
_FIELDS: Final = """
    user host_name port address_family batch_mode canonicalize_fallback_local canonicalize_hostname
    check_host_ip compression control_master enable_ssh_keysign clear_all_forwardings
    exit_on_forward_failure fingerprint_hash forward_x11 forward_x11_trusted gateway_ports
    hash_known_hosts hostbased_authentication identities_only kbd_interactive_authentication
    no_host_authentication_for_localhost password_authentication permit_local_command proxy_use_fdpass
    pubkey_authentication request_tty session_type stdin_null fork_after_authentication
    stream_local_bind_unlink strict_host_key_checking tcp_keep_alive tunnel verify_host_key_dns
    visual_host_key update_host_keys enable_escape_commandline warn_weak_crypto canonicalize_max_dots
    connection_attempts forward_x11_timeout number_of_password_prompts server_alive_count_max
    server_alive_interval required_rsa_size obscure_keystroke_timing bind_address bind_interface ciphers
    control_path host_key_algorithms host_key_alias hostbased_accepted_algorithms identity_agent
    ignore_unknown kbd_interactive_devices kex_algorithms ca_signature_algorithms local_command
    remote_command log_level macs pkcs11_provider security_key_provider preferred_authentications
    pubkey_accepted_algorithms x_auth_location known_hosts_command tag version_addendum dynamic_forward
    local_forward remote_forward identity_file canonical_domains certificate_file
    global_known_hosts_file user_known_hosts_file revoked_host_keys send_env set_env log_verbose
    channel_timeout permit_remote_open add_keys_to_agent forward_agent connect_timeout tunnel_device
    canonicalize_permitted_cnames control_persist escape_char ip_qos rekey_limit stream_local_bind_mask
    syslog_facility proxy_jump proxy_command
"""

_TRUE_AND_FALSE: Final = {"yes": "true", "no": "false"}
_KNOWN: Final[Mapping[str, Registry[Any] | AlgorithmNames]] = {
    "ciphers": CIPHERS,
    "macs": MACS,
    "kex_algorithms": KEX,
    "host_key_algorithms": SIGNATURES,
    "hostbased_accepted_algorithms": SIGNATURES,
    "pubkey_accepted_algorithms": SIGNATURES,
    "ca_signature_algorithms": CA_SIGNATURES,
}
_EXPANDED: Final = ("control_path", "identity_agent", "remote_command")
_LEVELS: Final = {"QUIET": "SILENT", "DEBUG1": "DEBUG"}
_KEYSTROKES: Final = {None: "no", 20: "yes"}
_SERVICES: Final = {value: name for name, value in DSCP.items()}


def effective_lines(config: ClientConfig) -> Iterator[str]:
    """Yield a line `keyword value` for each value that is set; the algorithms in full."""
    yield f"host {config.original_host}"
    names = {row.field: row.name.lower() for row in CLIENT_KEYWORDS.values()}
    for field in _FIELDS.split():
        for text in _texts(config, field):
            yield f"{names[field]} {text}"


def _texts(config: ClientConfig, field: str) -> Iterator[str]:
    value = getattr(config, field)
    if field in _KNOWN:
        known = _KNOWN[field]
        yield ",".join(apply_list(value, known.default_names, known.names))
    elif field in _EXPANDED:
        if value is not None:
            yield config.expand(field) or ""
    elif field in _SPECIAL:
        yield from _SPECIAL[field](config)
    else:
        yield from _plain(value)


def _plain(value: Any) -> Iterator[str]:
    match value:
        case None:
            return
        case bool():
            yield "yes" if value else "no"
        case tuple():
            for part in value:
                yield from _plain(part)
        case _:
            yield str(value)


def _true_or_false(field: str) -> Callable[[ClientConfig], Iterator[str]]:
    def texts(config: ClientConfig) -> Iterator[str]:
        value: str = getattr(config, field)
        yield _TRUE_AND_FALSE.get(value, value)

    return texts


def _one_line(*texts: str) -> Iterator[str]:
    yield " ".join(texts) or "none"


def _forwards(config: ClientConfig, field: str) -> Iterator[str]:
    for forward in getattr(config, field):
        yield f"{_end(forward.listen)} {_end(forward.connect)}"


def _dynamic_forwards(config: ClientConfig) -> Iterator[str]:
    # ssh keeps both kinds in one list, and takes what leads to a socket for either
    both: list[Forward] = [*config.local_forward, *config.dynamic_forward]
    for forward in both:
        if forward.connect is None or isinstance(forward.connect, UnixPath):
            yield _end(forward.listen)


def _end(end: Address | UnixPath | None) -> str:
    return "[socks]:0" if end is None else str(end)


def _keys_to_agent(config: ClientConfig) -> Iterator[str]:
    keys = config.add_keys_to_agent
    if keys.seconds:
        yield f"confirm {keys.seconds}" if keys.mode == "confirm" else str(keys.seconds)
    else:
        yield _TRUE_AND_FALSE.get(keys.mode, keys.mode)


def _agent(config: ClientConfig) -> Iterator[str]:
    value = config.forward_agent
    if isinstance(value, bool):
        yield "yes" if value else "no"
    else:
        yield config.expand("forward_agent") or ""


def _permits(config: ClientConfig) -> Iterator[str]:
    permits = config.permit_remote_open
    return iter(("any",)) if permits is None else _one_line(*(permit.text for permit in permits))


def _escape_char(config: ClientConfig) -> Iterator[str]:
    character = config.escape_char
    if character is None:
        yield "none"
    elif ord(character) < 32:
        yield f"\\^{chr(ord(character) + 64)}"
    else:
        yield character.replace("\\", "\\\\")


def _services(config: ClientConfig) -> Iterator[str]:
    values = (config.ip_qos.interactive, config.ip_qos.bulk)
    yield " ".join("none" if value is None else _SERVICES.get(value, f"0x{value:02x}") for value in values)


def _proxy_jump(config: ClientConfig) -> Iterator[str]:
    if config.proxy_jump is not None:
        yield format_jump(config.proxy_jump)


_SPECIAL: Final[dict[str, Callable[[ClientConfig], Iterator[str]]]] = {
    **{
        field: _true_or_false(field)
        for field in (
            "canonicalize_hostname",
            "control_master",
            "pubkey_authentication",
            "request_tty",
            "strict_host_key_checking",
            "tcp_keep_alive",
            "tunnel",
            "update_host_keys",
            "verify_host_key_dns",
        )
    },
    "fingerprint_hash": lambda config: _plain(config.fingerprint_hash.upper()),
    "forward_x11_timeout": lambda config: _plain(config.forward_x11_timeout),
    "obscure_keystroke_timing": lambda config: _plain(
        _KEYSTROKES.get(config.obscure_keystroke_timing, config.obscure_keystroke_timing)
    ),
    "log_level": lambda config: _plain(_LEVELS.get(config.log_level, config.log_level)),
    "tag": lambda config: _plain(config.tag or None),
    "version_addendum": lambda config: _plain(
        config.expand("version_addendum") if "version_addendum" in config.sources else None
    ),
    "dynamic_forward": _dynamic_forwards,
    "local_forward": lambda config: _forwards(config, "local_forward"),
    "remote_forward": lambda config: _forwards(config, "remote_forward"),
    "canonical_domains": lambda config: _one_line(*config.canonical_domains),
    "global_known_hosts_file": lambda config: _one_line(*config.global_known_hosts_file),
    "user_known_hosts_file": lambda config: _one_line(*config.paths("user_known_hosts_file")),
    "revoked_host_keys": lambda config: _one_line(*config.paths("revoked_host_keys")),
    "set_env": lambda config: iter([f"{name}={value}" for name, value in config.environment()]),
    "log_verbose": lambda config: _one_line(*config.log_verbose),
    "channel_timeout": lambda config: _one_line(*(entry.text for entry in config.channel_timeout)),
    "permit_remote_open": _permits,
    "add_keys_to_agent": _keys_to_agent,
    "forward_agent": _agent,
    "connect_timeout": lambda config: _plain(
        "none" if config.connect_timeout is None else config.connect_timeout
    ),
    "canonicalize_permitted_cnames": lambda config: _one_line(
        *map(str, config.canonicalize_permitted_cnames)
    ),
    "control_persist": lambda config: _plain(
        {None: "no", 0: "yes"}.get(config.control_persist, config.control_persist)
    ),
    "escape_char": _escape_char,
    "ip_qos": _services,
    "stream_local_bind_mask": lambda config: _plain(f"0{config.stream_local_bind_mask:o}"),
    "proxy_jump": _proxy_jump,
}
