import pytest

from pyssh_config.errors import ConfigError
from pyssh_config.tokens import expand, expand_variables

VALUES = {"h": "host", "r": "user", "p": "22"}


def test_expansion() -> None:
    assert expand("%r@%h:%p 100%%", VALUES, "hrp") == "user@host:22 100%"
    assert expand("plain", VALUES, "") == "plain"


@pytest.mark.parametrize("text", ["%x", "%", "a%", "%r", "%\x1b"])
def test_tokens_that_are_not_allowed(text: str) -> None:
    with pytest.raises(ConfigError, match="allowed are %%, %h") as caught:
        expand(text, VALUES, "h")
    assert str(caught.value).isprintable()


def test_a_value_is_not_expanded_again() -> None:
    assert expand("%h", {"h": "%r"}, "hr") == "%r"


@pytest.mark.parametrize("value", ["-oProxyCommand=x", "a;b", "$(x)", "`x`", "a b", "a\nb", "a'b", "${IFS}"])
def test_names_that_a_shell_would_misread(value: str) -> None:
    assert expand("%h", {"h": value}, "h") == value
    with pytest.raises(ConfigError, match="not safe in a command"):
        expand("nc %h", {"h": value}, "h", for_shell=True)


def test_what_is_too_long() -> None:
    with pytest.raises(ConfigError, match="too long"):
        expand("%h" * 1000, {"h": "x" * 1000}, "h")


def test_variables() -> None:
    assert expand_variables("${A}/x$B", {"A": "v"}) == "v/x$B"
    for bad in ("${NOPE}", "${", "${}", "x${A"):
        with pytest.raises(ConfigError):
            expand_variables(bad, {"A": "v"})
