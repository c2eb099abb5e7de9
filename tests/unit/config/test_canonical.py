"""Canonical names, with a resolver that is not asked."""

from typing import Any

import pytest

from pyssh_config.canonical import canonical_address, canonical_name
from pyssh_config.client_values import PermittedName
from pyssh_config.errors import ConfigError

ZONE = {"web.a.example.": "", "web.b.example.": "www.cdn.example", "full.name.": "full.name"}
YES: dict[str, Any] = {"canonicalize_hostname": "yes"}
DOMAINS: dict[str, Any] = YES | {"canonical_domains": ("x.example", "b.example", "a.example")}
FOLLOW = {
    "canonicalize_permitted_cnames": (
        PermittedName("no*", "*"),
        PermittedName("*.b.example", "*.cdn.example"),
    )
}


class Resolver:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, name: str, family: str) -> str | None:
        self.asked.append(f"{name} {family}")
        return ZONE.get(name)


@pytest.mark.parametrize(
    ("host", "values", "name"),
    [
        ("web", {}, "web"),
        ("web", YES, "web"),
        ("web", DOMAINS, "web.b.example"),
        ("web", DOMAINS | FOLLOW, "www.cdn.example"),
        ("web", DOMAINS | {"proxy_jump": "x"}, "web"),
        ("web", DOMAINS | {"proxy_command": "x"}, "web"),
        ("web", DOMAINS | {"proxy_jump": "x", "canonicalize_hostname": "always"}, "web.b.example"),
        ("web.b", DOMAINS | {"canonical_domains": ("example",)}, "web.b.example"),
        ("web.b", DOMAINS | {"canonical_domains": ("example",), "canonicalize_max_dots": 0}, "web.b"),
        ("full.name.", YES, "full.name"),
        ("nobody", DOMAINS, "nobody"),
        ("::1", DOMAINS, "::1"),
    ],
)
def test_names(host: str, values: dict[str, Any], name: str) -> None:
    assert canonical_name(host, values, Resolver()) == name


def test_domains_are_asked_in_order_and_no_further() -> None:
    resolver = Resolver()
    canonical_name("web", DOMAINS | {"address_family": "inet6"}, resolver)
    assert resolver.asked == ["web.x.example. inet6", "web.b.example. inet6"]


def test_without_a_domain_and_without_falling_back() -> None:
    values = DOMAINS | {"canonicalize_fallback_local": False}
    with pytest.raises(ConfigError, match="CanonicalizeFallbackLocal: no domain"):
        canonical_name("nobody", values, Resolver())
    assert canonical_name("far.too.many.dots", values, Resolver()) == "far.too.many.dots"


def test_addresses() -> None:
    spelled = {"0::01": "::1", "127.1": "127.0.0.1", "web": "web", "": "", "3com": "3com", "a:b": "a:b"}
    assert {text: canonical_address(text) for text in spelled} == spelled
