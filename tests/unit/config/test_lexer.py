from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh_config.errors import ConfigError, escape
from pyssh_config.lexer import expand_tilde, include_paths, parse_line, parse_lines, read_lines, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("a b", ["a", "b"]),
        ("  a\t b ", ["a", "b"]),
        ('"a b" c', ["a b", "c"]),
        ("'a b'", ["a b"]),
        ('a"b c"d', ["ab cd"]),
        (r"a\"b", ['a"b']),
        (r"a\ b", ["a b"]),
        (r"a\b", [r"a\b"]),
        (r'"a\ b"', [r"a\ b"]),
        ('"" b', ["", "b"]),
        ("a # b", ["a"]),
        ("a#b", ["a#b"]),
        ('a "#b"', ["a", "#b"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize("text", ['"a', "a'b", 'x "'])
def test_open_quote_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match="never closed"):
        split_words(text)


@given(st.text(alphabet=" \t\"'\\#ab=", max_size=30))
def test_any_text_gives_words_or_a_config_error(text: str) -> None:
    try:
        words = split_words(text)
    except ConfigError:
        return
    assert sum(map(len, words)) <= len(text)


@pytest.mark.parametrize(
    ("text", "keyword", "rest"),
    [
        ("Port 22", "Port", "22"),
        ("Port=22", "Port", "22"),
        ("Port = 22", "Port", "22"),
        ("  Port\t22 \r", "Port", "22"),
        ('"Port" 22', "Port", "22"),
        ("Port 22\f", "Port", "22"),
        ("ProxyCommand ssh -W '%h:%p' x # y", "ProxyCommand", "ssh -W '%h:%p' x # y"),
        ("Port ==22", "Port", "=22"),
    ],
)
def test_keyword_and_rest(text: str, keyword: str, rest: str) -> None:
    if "'" in text and text.count("'") % 2:
        pytest.skip("not a line")
    line = parse_line(text, "f", 3)
    assert line is not None
    assert (line.keyword, line.rest) == (keyword, rest)


@pytest.mark.parametrize("text", ["", "   ", "# x", "\t#x", "\r"])
def test_comments_and_empty_lines(text: str) -> None:
    assert parse_line(text, "f", 1) is None


def test_missing_value_names_file_line_and_keyword() -> None:
    with pytest.raises(ConfigError) as caught:
        list(parse_lines("# one\n\nPort\n", "/etc/x"))
    assert str(caught.value) == "/etc/x line 3: Port: there is no value after the keyword"
    assert (caught.value.path, caught.value.line, caught.value.keyword) == ("/etc/x", 3, "Port")


def test_text_of_files_is_harmless() -> None:
    assert escape("a\x1b[31m\n\x7f\u202e\udcff") == "a\\x1b[31m\\n\\x7f\\u202e\\xff"
    assert len(escape("x" * 10_000)) < 300
    assert "\x1b" not in str(ConfigError("p", path="a\x1bb", keyword="\x1b"))


def test_files_that_others_can_write(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("Port 1\n")
    path.chmod(0o664)
    assert [line.rest for line in read_lines(str(path))] == ["1"]
    with pytest.raises(ConfigError, match="others can write"):
        list(read_lines(str(path), own_files_only=True))
    path.chmod(0o600)
    assert len(list(read_lines(str(path), own_files_only=True))) == 1


def test_unreadable_files(tmp_path: Path) -> None:
    path = tmp_path / "config"
    with pytest.raises(FileNotFoundError):
        list(read_lines(str(path)))
    path.write_bytes(b"Port 1\0\n")
    with pytest.raises(ConfigError, match="NUL"):
        list(read_lines(str(path)))
    with pytest.raises(ConfigError, match=f"{tmp_path}: cannot read it"):
        list(read_lines(str(tmp_path)))


def test_include_globs(tmp_path: Path) -> None:
    for name in ("b.conf", "a.conf", "c.txt"):
        (tmp_path / name).touch()
    line = parse_line(f"Include *.conf nothing* {tmp_path}/c.txt ~/a.conf", "f", 1)
    assert line is not None
    names = [path.rpartition("/")[2] for path in include_paths(line, str(tmp_path), str(tmp_path))]
    assert names == ["a.conf", "b.conf", "c.txt", "a.conf"]
    with pytest.raises(ConfigError, match="system-wide"):
        include_paths(line, str(tmp_path), None)


def test_tilde() -> None:
    assert expand_tilde("~/x", "/h") == "/h/x"
    assert expand_tilde("~", "/h") == "/h/"
    assert expand_tilde("/~", "/h") == "/~"
    assert expand_tilde("~root/x", "/h") == "/root/x"
