"""The canonical form of a host's name: addresses in their usual spelling, names with a domain that has them.

ssh_config(5): CanonicalizeHostname, CanonicalDomains, CanonicalizeMaxDots, CanonicalizeFallbackLocal and
CanonicalizePermittedCNAMEs.
"""

from collections.abc import Callable, Mapping
from typing import Any

from .errors import ConfigError, escape
from .patterns import matches_list

__all__ = ["canonical_address", "canonical_name", "look_up"]


def look_up(name: str, family: str) -> str | None:
    """Ask the resolver for a name; return its canonical one, "" if it does not say, None if it knows none."""
    import socket  # noqa: PLC0415  # few configurations ask

    families = {"any": socket.AF_UNSPEC, "inet": socket.AF_INET, "inet6": socket.AF_INET6}
    try:
        found = socket.getaddrinfo(
            name.encode("ascii"),  # a str would be put through the IDNA codec, which takes 2 ms to import
            None,
            families[family],
            socket.SOCK_STREAM,
            flags=socket.AI_CANONNAME,
        )
    except (OSError, UnicodeError):
        return None
    return found[0][3].lower().removesuffix(".")


def canonical_address(host: str) -> str:
    """Return an IP address in its usual spelling, anything else as it is."""
    if not host or not (host[0].isdigit() or ":" in host):
        return host
    import socket  # noqa: PLC0415  # as above

    try:
        found = socket.getaddrinfo(
            host.encode("ascii"), None, socket.AF_UNSPEC, socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
        return socket.getnameinfo(found[0][4], socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0]
    except (OSError, UnicodeError):
        return host


def canonical_name(
    host: str, values: Mapping[str, Any], resolve: Callable[[str, str], str | None] | None
) -> str:
    """Return the canonical name of a host by the values of its configuration, or the host as it is.

    Raises ConfigError if no domain has it and `CanonicalizeFallbackLocal` is no.
    """
    mode = values.get("canonicalize_hostname", "no")
    if mode == "no" or resolve is None or not host or ":" in host:
        return host
    is_direct = values.get("proxy_command") is None and values.get("proxy_jump") is None
    if not is_direct and mode != "always":  # the name is another's to look up
        return host
    family = values.get("address_family", "any")
    for name in _candidates(host, values):
        alias = resolve(f"{name}.", family)
        if alias is not None:
            return _followed(name, alias, values)
    if _is_qualified(host, values) or values.get("canonicalize_fallback_local", True):
        return host
    raise ConfigError(
        f'no domain of CanonicalDomains has "{escape(host)}"', keyword="CanonicalizeFallbackLocal"
    )


def _candidates(host: str, values: Mapping[str, Any]) -> list[str]:
    if host.endswith("."):
        return [host.removesuffix(".")]
    if _is_qualified(host, values):
        return []
    return [f"{host}.{domain}" for domain in values.get("canonical_domains", ())]


def _is_qualified(host: str, values: Mapping[str, Any]) -> bool:
    most: int = values.get("canonicalize_max_dots", 1)
    return not host.endswith(".") and host.count(".") > most


def _followed(name: str, alias: str, values: Mapping[str, Any]) -> str:
    for rule in values.get("canonicalize_permitted_cnames", ()):
        if (
            alias
            and matches_list(name.lower(), rule.source, fold_case=True)
            and matches_list(alias, rule.target, fold_case=True)
        ):
            return alias
    return name
