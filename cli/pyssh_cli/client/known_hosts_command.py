"""KnownHostsCommand: a program of the user's that prints lines of known_hosts (ssh_config(5))."""

import shlex
from typing import Final

from pyssh.keys.public import PublicKey, format_public_line
from pyssh_config.client import ClientConfig
from pyssh_config.errors import ConfigError, escape
from pyssh_config.known_hosts import FILE_BYTES, KnownHost, KnownHosts, parse_lines
from pyssh_config.tokens import CLIENT_TOKENS, expand

__all__ = ["ask_command"]

KEYWORD: Final = "KnownHostsCommand"
_NONE: Final = "NONE"


def ask_command(config: ClientConfig, reason: str, name: str, key: PublicKey | None) -> KnownHosts:
    """Run the command and return what it prints.

    `reason` is ORDER, HOSTNAME or ADDRESS, `name` the host or address that is looked up; there is no `key`
    before the host has shown one. Raises ConfigError if it cannot be run or fails: then nothing is known of
    the host, not even that it is new.
    """
    words = _words(config, reason, name, key)
    output = _run(words)
    entries: list[KnownHost] = []
    problems: list[ConfigError] = []
    for entry in parse_lines(output.decode("utf-8", "surrogateescape"), KEYWORD):
        if isinstance(entry, KnownHost):
            entries.append(entry)
        else:
            problems.append(entry)
    return KnownHosts(tuple(entries), tuple(problems))


def _words(config: ClientConfig, reason: str, name: str, key: PublicKey | None) -> list[str]:
    try:
        # no shell reads it: words are split as a shell would, before anything is put into them
        words = shlex.split(config.known_hosts_command or "")
    except ValueError as error:
        raise _problem(f"its quotes do not match: {error}") from None
    values = config.tokens() | {"I": reason, "H": name} | _key_tokens(config, key)
    words = [expand(word, values, CLIENT_TOKENS["known_hosts_command"]) for word in words]
    if not words or not words[0].startswith("/"):
        raise _problem("it must name a program by its whole path")
    return words


def _key_tokens(config: ClientConfig, key: PublicKey | None) -> dict[str, str]:
    if key is None:
        return dict.fromkeys("Kft", _NONE)
    _, blob = format_public_line(key, "").split(" ", 1)
    return {"K": blob, "f": key.fingerprint(config.fingerprint_hash), "t": key.key_type}


def _run(words: list[str]) -> bytes:
    import subprocess  # noqa: PLC0415  # few configurations have a command

    try:
        # the user's own program, named by the user's own configuration
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:  # noqa: S603
            assert process.stdout is not None
            output = process.stdout.read(FILE_BYTES + 1)
            if len(output) > FILE_BYTES:
                process.kill()
    except OSError as error:
        raise _problem(f"cannot run {escape(words[0])}: {error.strerror}") from None
    if len(output) > FILE_BYTES:
        raise _problem(f"it printed more than {FILE_BYTES} bytes")
    if process.returncode:
        raise _problem(f"{escape(words[0])} failed with exit status {process.returncode}")
    return output


def _problem(text: str) -> ConfigError:
    return ConfigError(text, keyword=KEYWORD)
