import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh_config import values
from pyssh_config.errors import ConfigError
from pyssh_config.values import Arguments, RekeyLimit, parse_port, parse_size, parse_time


def args(*words: str) -> Arguments:
    return Arguments(words, " ".join(words))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("90", 90),
        ("10m", 600),
        ("1h30m", 5400),
        ("1H", 3600),
        ("2d", 172800),
        ("1w", 604800),
        ("1h5", 3605),
    ],
)
def test_times(text: str, seconds: int) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "1x", "-1", " 1", "1 m", "m", "99999999999", "1w" * 5000, "٣"])
def test_bad_times(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a time"):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("16", 16),
        ("1K", 1024),
        ("1.5k", 1536),
        ("4G", 4 << 30),
        ("1T", 1 << 40),
        ("512M", 512 << 20),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "K", "1Q", "-1", "1KK", "16E", "1" * 5000])
def test_bad_sizes(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_size(text)


@given(st.text(max_size=12))
def test_any_text_is_a_value_or_a_config_error(text: str) -> None:
    for parse in (parse_time, parse_size, parse_port):
        value, problem = 0, ""
        try:
            value = parse(text)
        except ConfigError as error:
            problem = str(error)
        assert value >= 0
        assert problem.isprintable()


def test_ports() -> None:
    assert parse_port("22") == 22
    assert parse_port("ssh") == 22
    assert parse_port("0", low=0) == 0
    for bad in ("0", "65536", "-1", "", "x y", "1.5", "9" * 100, "nosuchservice"):
        with pytest.raises(ConfigError, match="is not a port"):
            parse_port(bad)


def test_flags_in_all_spellings() -> None:
    assert [values.flag(args(word)) for word in ("yes", "TRUE", "no", "false")] == [True, True, False, False]
    with pytest.raises(ConfigError, match='"1" is not allowed here; allowed are yes, no'):
        values.flag(args("1"))


def test_one_word_only() -> None:
    for words in ((), ("",), ("yes", "no")):
        with pytest.raises(ConfigError):
            values.flag(args(*words))


def test_rekey_limits() -> None:
    assert values.rekey_limit(args("default", "none")) == RekeyLimit(0, 0)
    assert values.rekey_limit(args("1G", "1h")) == RekeyLimit(1 << 30, 3600)
    for bad in (("15",), ("1G", "1h", "x"), ("x",), ("1G", "x")):
        with pytest.raises(ConfigError):
            values.rekey_limit(args(*bad))


def test_environment_takes_the_first_of_two() -> None:
    assert values.environment(args("A=1", "B=x=y", "A=2")) == (("A", "1"), ("B", "x=y"))
    for bad in ("A", "=x", ""):
        with pytest.raises(ConfigError):
            values.environment(args(bad))


def test_none_stands_alone() -> None:
    assert values.words_or_none(args("none")) == ()
    with pytest.raises(ConfigError, match="alone"):
        values.words_or_none(args("none", "x"))


@pytest.mark.parametrize(("word", "character"), [("~", "~"), ("^]", "\x1d"), ("none", None), ("%", "%")])
def test_escape_characters(word: str, character: str | None) -> None:
    assert values.escape_character(args(word)) == character


@pytest.mark.parametrize("word", ["ab", "^", "^^^", "^1"])
def test_bad_escape_characters(word: str) -> None:
    if word == "^":
        assert values.escape_character(args(word)) == "^"
        return
    with pytest.raises(ConfigError):
        values.escape_character(args(word))


def test_masks() -> None:
    assert values.mask(args("0177")) == 0o177
    for bad in ("8", "1777", "-1", "rw"):
        with pytest.raises(ConfigError):
            values.mask(args(bad))
