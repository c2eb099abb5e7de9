"""`-G`: the configuration that takes effect, in the form of ssh's own.

git runs it to find out whether a program stands in for ssh, and editors to find out where a host is.
"""

from collections.abc import Iterator
from typing import Any, Final

from pyssh_cli.client.options import algorithms
from pyssh_config.client import ClientConfig
from pyssh_config.keywords import CLIENT_KEYWORDS, Support

__all__ = ["effective_lines"]

_FIRST: Final = ("user", "host_name", "port")
_ONE_LINE: Final = ("global_known_hosts_file", "user_known_hosts_file")
_SPELLED_OTHERWISE: Final = {"fingerprint_hash": str.upper}
_ALGORITHMS: Final = {
    "ciphers": "ciphers",
    "host_key_algorithms": "host_key",
    "kex_algorithms": "kex",
    "macs": "macs",
    "pubkey_accepted_algorithms": "user_key",
}


def effective_lines(config: ClientConfig) -> Iterator[str]:
    """Yield a line `keyword value` for each value that is set; the algorithms in full."""
    yield f"host {config.original_host}"
    rows = {row.field: row.name.lower() for row in CLIENT_KEYWORDS.values() if row.support is Support.BUILT}
    fields = [*_FIRST, *(field for field in sorted(rows) if field not in _FIRST)]
    offered = algorithms(config)
    for field in fields:
        if field in _ALGORITHMS:
            yield f"{rows[field]} {','.join(getattr(offered, _ALGORITHMS[field]))}"
            continue
        value = getattr(config, field, None)
        if field in _ONE_LINE:
            value = " ".join(config.paths(field))
        for text in _texts(field, value):
            yield f"{rows[field]} {text}"


def _texts(field: str, value: Any) -> Iterator[str]:
    match value:
        case None | "":
            return
        case bool():
            yield "yes" if value else "no"
        case (str(), str()) if field == "set_env":
            yield f"{value[0]}={value[1]}"
        case tuple():
            for item in value:
                yield from _texts(field, item)
        case str():
            yield _SPELLED_OTHERWISE.get(field, str)(value)
        case _:
            yield str(value)
