"""What a configuration means for the engine."""

import pytest

from pyssh.about import SOFTWARE_VERSION
from pyssh.options import ClientOptions
from pyssh_cli.client.options import algorithms, client_options
from pyssh_cli.output import Output
from pyssh_config.client import ClientConfig


def options(*texts: str) -> ClientOptions:
    config = ClientConfig.load("h", files=[], overrides=texts)
    return client_options(config, algorithms(config), Output("pyssh"))


@pytest.mark.parametrize(("asked", "bits"), [("1", 2048), ("2048", 2048), ("3072", 3072)])
def test_rsa_keys_may_be_asked_to_be_longer_and_not_shorter(asked: str, bits: int) -> None:
    assert options(f"RequiredRSASize={asked}").limits.rsa_bits == bits


def test_what_follows_the_version() -> None:
    assert options().software_version == SOFTWARE_VERSION
    assert options("VersionAddendum=a b").software_version == f"{SOFTWARE_VERSION} a b"
