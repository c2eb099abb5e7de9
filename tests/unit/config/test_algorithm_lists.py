import pytest

from pyssh.algorithms.ciphers import CIPHERS
from pyssh.algorithms.macs import MACS
from pyssh_config.algorithm_lists import algorithms, apply_list, passed_over
from pyssh_config.errors import ConfigError
from pyssh_config.values import Arguments

DEFAULT, KNOWN = MACS.default_names, MACS.names


def parse(word: str) -> str:
    return algorithms("MAC")(Arguments((word,), word))


@pytest.mark.parametrize("word", ["hmac-sha2-256", "+hmac-sha1", "-hmac-*", "umac-64@openssh.com", "-x"])
def test_lists_stay_text(word: str) -> None:
    assert parse(word) == word


@pytest.mark.parametrize(
    "word", ["", "+", "bogus", "+bogus", "*", "+hmac-*", "^bogus", "hmac-sha2-256,,", "hmac-sha2-256,bogus"]
)
def test_bad_lists(word: str) -> None:
    with pytest.raises(ConfigError):
        parse(word)


def test_edits() -> None:
    assert apply_list(None, DEFAULT, KNOWN) == DEFAULT
    assert apply_list("+hmac-sha1", DEFAULT, KNOWN) == (*DEFAULT, "hmac-sha1")
    assert apply_list("^hmac-sha2-512", DEFAULT, KNOWN)[0] == "hmac-sha2-512"
    assert "hmac-sha2-256" not in apply_list("-hmac-sha2-256", DEFAULT, KNOWN)
    assert apply_list("hmac-sha2-512", DEFAULT, KNOWN) == ("hmac-sha2-512",)


def test_names_that_only_openssh_knows() -> None:
    text = "umac-64-etm@openssh.com,hmac-sha2-256"
    assert apply_list(text, DEFAULT, KNOWN) == ("hmac-sha2-256",)
    assert apply_list("+umac-64@openssh.com", DEFAULT, KNOWN) == DEFAULT
    assert passed_over(text, KNOWN) == ("umac-64-etm@openssh.com",)
    assert passed_over("-umac*", KNOWN) == ()
    for nothing in ("umac-64@openssh.com", "-*"):
        with pytest.raises(ConfigError, match="leaves no algorithm"):
            apply_list(nothing, DEFAULT, KNOWN)


def test_other_kinds() -> None:
    word = ",".join(CIPHERS.names)
    assert algorithms("cipher")(Arguments((word,), word)) == word
