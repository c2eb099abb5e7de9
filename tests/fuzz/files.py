"""Targets: what OpenSSH-style files and arguments are made of. Any text gives values or a `ConfigError`."""

import tempfile
from collections.abc import Callable, Iterator
from typing import Any, Final

from pyssh.errors import KeyFormatError
from pyssh.keys.public import format_public_line
from pyssh_config.authorized_keys import parse_authorized_keys, parse_options
from pyssh_config.client import ClientConfig
from pyssh_config.client_reader import ConfigFile
from pyssh_config.errors import ConfigError
from pyssh_config.forwards import (
    parse_destination,
    parse_forward,
    parse_jump,
    parse_listen_address,
    parse_permit,
    parse_stdio_forward,
)
from pyssh_config.keywords import CLIENT_KEYWORDS
from pyssh_config.known_hosts import KnownHost, hash_name, parse_lines
from pyssh_config.lexer import parse_lines as parse_config_lines
from pyssh_config.lexer import split_words
from pyssh_config.match import ClientContext, ServerContext
from pyssh_config.server import ServerConfig
from pyssh_config.server_keywords import SERVER_KEYWORDS
from pyssh_config.tokens import SERVER_TOKENS, expand
from tests.fuzz.targets import outcome, target, words
from tests.support.pair import HOST_KEY, USER_KEY

_KEY: Final = format_public_line(USER_KEY.key, "me@here")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


# --- keys


def _authorized_seeds() -> Iterator[bytes]:
    options = (
        "",
        "restrict,pty ",
        'command="echo \\"hi\\"",from="10.0.0.0/8,!*.example.com" ',
        'environment="A=b",permitopen="host:80",permitlisten="localhost:8080" ',
        'cert-authority,principals="a,b",expiry-time="20300101" ',
    )
    yield from (f"# comment\n{text}{_KEY}\n".encode() for text in options)


@target("authorized_keys", _authorized_seeds)
def fuzz_authorized_keys(data: bytes) -> str:
    text = _text(data)
    found = parse_authorized_keys(text, "path")
    assert len(found.keys) + len(found.unusable) <= text.count("\n") + 1
    outcome(parse_options, text.partition(" ")[0], errors=ConfigError)
    return str([len(found.keys), *(words(error) for error in found.unusable)])


def _known_hosts_seeds() -> Iterator[bytes]:
    key = format_public_line(HOST_KEY.key, "comment")
    for hosts in (
        "host,10.0.0.1",
        "[host]:2222",
        "*.example.com,!a.example.com",
        hash_name("host", bytes(20)),
    ):
        yield f"{hosts} {key}\n@revoked {hosts} {key}\n@cert-authority {hosts} {key}".encode()


@target("known_hosts", _known_hosts_seeds)
def fuzz_known_hosts(data: bytes) -> str:
    found = []
    for entry in parse_lines(_text(data), "path"):
        if isinstance(entry, KnownHost):
            _, problem = outcome(lambda entry=entry: entry.key, errors=KeyFormatError)
            found.append(f"{entry.matches('host')} {entry.is_hashed} {problem}")
        else:
            found.append(words(entry))
    return str(found)


# --- configuration

_CONTEXT: Final = ClientContext(home="/nonexistent", local_user="me", uid=1000)


def _words_seeds() -> Iterator[bytes]:
    for text in ("Host a b", "Keyword=\"a b\" 'c d' e\\ f # comment", "Port = 22", '"Port" 22', "A", '"'):
        yield text.encode()


@target("words", _words_seeds)
def fuzz_words(data: bytes) -> str:
    outcome(split_words, _text(data), errors=ConfigError)
    lines, problem = outcome(lambda: list(parse_config_lines(_text(data), "path")), errors=ConfigError)
    return problem or str([len(line.words) for line in lines or ()])


def _load(data: bytes, load: Callable[[str], Any]) -> str:
    """Load from a file. What names other files is left out: they are not ours to read."""
    if b"include" in data.lower():
        return ""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        # what comes last says what is wrong, and not where
        return outcome(load, file.name, errors=ConfigError)[1].rpartition(": ")[2][:30]


def _client_seeds() -> Iterator[bytes]:
    for row in list(CLIENT_KEYWORDS.values())[::7]:
        yield f"{row.name} yes\n".encode()
    yield b"Host *.example.com !a\n  Port 22\n  LocalForward 8080 host:80\nMatch host b user c\n User %h\n"
    yield b"Match all\n RekeyLimit 1G 1h\n SetEnv A=b\n Ciphers +aes128-cbc\n DynamicForward [::1]:1080\n"


@target("ssh_config", _client_seeds)
def fuzz_client_config(data: bytes) -> str:
    def load(path: str) -> None:
        config = ClientConfig.load("host", files=[ConfigFile(path)], context=_CONTEXT, strict=False)
        outcome(config.paths, "identity_file", errors=ConfigError)
        outcome(config.jump_hosts, errors=ConfigError)

    return _load(data, load)


def _server_seeds() -> Iterator[bytes]:
    for row in list(SERVER_KEYWORDS.values())[::7]:
        yield f"{row.name} yes\n".encode()
    yield b"Port 22\nListenAddress [::1]:2200\nAllowUsers a b@192.0.2.0/24\nMaxStartups 5:20:50\n"
    yield b"Match user a address 10.0.0.0/8\n PermitOpen h:80 [::1]:*\n ForceCommand echo\nMatch all\n"


@target("sshd_config", _server_seeds)
def fuzz_server_config(data: bytes) -> str:
    def load(path: str) -> None:
        config = ServerConfig.load(path)
        assert config.lines()
        config.listeners()
        context = ServerContext("a", ("g",), "host", "10.0.0.1", "10.0.0.2", 22)
        ours, _ = outcome(config.for_connection, context, errors=ConfigError)
        if ours is not None:
            outcome(ours.login_refusal, context, errors=ConfigError)
            outcome(lambda: ours.authorized_keys_paths(user="a", home="/home/a", uid=1), errors=ConfigError)

    return _load(data, load)


# --- arguments


def _argument_seeds() -> Iterator[bytes]:
    for text in (
        "8080:host:80",
        "[::1]:8080:[::1]:80",
        "/tmp/a:/tmp/b",
        "ssh://me@host:22",
        "me@host:22",
        "%h%%",
    ):
        yield text.encode()


@target("arguments", _argument_seeds)
def fuzz_arguments(data: bytes) -> str:
    text = _text(data)
    parsers: tuple[Callable[[str], object], ...] = (
        parse_forward,
        lambda text: parse_forward(text, dynamic=True),
        lambda text: parse_forward(text, remote=True),
        parse_stdio_forward,
        parse_destination,
        parse_jump,
        parse_listen_address,
        parse_permit,
        lambda text: expand(text, {"h": "host", "u": "me", "U": "1"}, SERVER_TOKENS["authorized_keys_file"]),
    )
    return str([outcome(parse, text, errors=ConfigError)[1] for parse in parsers])
