"""The hosts on the way to a host (ProxyJump), each with a configuration of its own."""

from collections.abc import Callable
from typing import Final

from .client import ClientConfig
from .errors import ConfigError
from .forwards import Destination

__all__ = ["hops", "said_of_hop"]

# ssh has no limit of its own; a configuration that sends each host through another must end somewhere
_MOST_HOPS: Final = 16


def said_of_hop(hop: Destination) -> list[tuple[str, object]]:
    """Return what a hop's spelling overrides in its configuration."""
    said: list[tuple[str, object]] = [] if hop.user is None else [("user", hop.user)]
    return said if hop.port is None else [*said, ("port", hop.port)]


def hops(
    config: ClientConfig, load: Callable[[Destination], ClientConfig], depth: int = 0
) -> tuple[ClientConfig, ...]:
    """Return the configurations of the hosts on the way, the first one in front; `load` reads one.

    The first hop may in turn have hosts on its way. Raises ConfigError if that does not end.
    """
    if depth > _MOST_HOPS:
        raise ConfigError(f"more than {_MOST_HOPS} hosts on the way", keyword="ProxyJump")
    found: list[ClientConfig] = []
    for hop in config.jump_hosts():
        loaded = load(hop)
        if found:
            loaded = loaded.replace(proxy_jump=None, proxy_command=None)
        elif _is_same(loaded, config):
            # "Host *" with a ProxyJump covers the jump host itself
            return ()
        found.append(loaded)
    if not found:
        return ()
    before = hops(found[0], load, depth + 1)
    if before:
        found[0] = found[0].replace(proxy_command=None)
    return (*before, *found)


def _is_same(one: ClientConfig, other: ClientConfig) -> bool:
    return (one.host_name, one.port, one.user) == (other.host_name, other.port, other.user)
