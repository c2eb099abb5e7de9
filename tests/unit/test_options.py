"""Options that no connection could be made with are refused at once."""

from typing import Any

import pytest

from pyssh.errors import UsageError
from pyssh.options import ClientOptions, ServerOptions
from tests.support.pair import HOST_KEY


@pytest.mark.parametrize(
    "version", ["", " x", "-x", "two\nlines", "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "a\0"]
)
def test_software_versions(version: str) -> None:
    with pytest.raises(UsageError, match="software_version"):
        ClientOptions(software_version=version)


@pytest.mark.parametrize("field", ["rekey_bytes", "rekey_seconds", "keepalive_seconds", "keepalive_count"])
def test_negative_values(field: str) -> None:
    values: dict[str, Any] = {field: -1}
    with pytest.raises(UsageError, match="negative"):
        ServerOptions(host_keys=(HOST_KEY.key,), **values)


def test_a_server_has_a_host_key() -> None:
    with pytest.raises(UsageError, match="host key"):
        ServerOptions()
