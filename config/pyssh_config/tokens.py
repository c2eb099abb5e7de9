"""`%h` and its kind, and ${NAME}: which keyword accepts which, and their expansion."""

import re
from collections.abc import Mapping
from typing import Final

from .errors import ConfigError, escape

_PERCENT = re.compile(r"%(.?)", re.DOTALL)
_VARIABLE = re.compile(r"\$\{([^}]*)(\}?)")
_SHELL_CHARACTERS: Final = frozenset("'`\"$\\;&<>|(){}*?[]!#~\n\r\t ")
EXPANDED_LENGTH: Final = 65536  # a token may be long, but a thousand of them in a line are an attack

CONNECTION_TOKENS: Final = "CdhijkLlnpru"
"""What most client keywords accept (ssh_config(5), TOKENS), besides %%."""

CLIENT_TOKENS: Final[Mapping[str, str]] = {
    "host_name": "h",
    "proxy_command": "hknpr",
    "proxy_jump": "hnpr",
    "local_command": CONNECTION_TOKENS + "HIKTft",
    "known_hosts_command": CONNECTION_TOKENS + "HIKft",
    "user": "CdhijkLlnpu",
    **dict.fromkeys(
        (
            "certificate_file",
            "control_path",
            "forward_agent",
            "identity_agent",
            "identity_file",
            "include",
            "match exec",
            "remote_command",
            "set_env",
            "revoked_host_keys",
            "user_known_hosts_file",
            "version_addendum",
            "local_forward",
            "remote_forward",
        ),
        CONNECTION_TOKENS,
    ),
}
"""By the field of `ClientConfig`; a keyword that is not here accepts none."""

SHELL_KEYWORDS: Final = frozenset({"proxy_command", "local_command", "known_hosts_command", "match exec"})
"""Whose expansion a local shell reads."""

SERVER_TOKENS: Final[Mapping[str, str]] = dict.fromkeys(
    ("authorized_keys_file", "authorized_principals_file"), "hUu"
)


def expand(text: str, values: Mapping[str, str], allowed: str, *, for_shell: bool = False) -> str:
    """Replace `%x` for each `x` of `allowed` by its value, and `%%` by `%`; any other is an error.

    `for_shell` refuses values of host and user names that a shell would read as more than a word.
    """

    def replaced(match: re.Match[str]) -> str:
        letter = match[1]
        if letter == "%":
            return "%"
        if not letter or letter not in allowed or letter not in values:
            names = ", ".join(f"%{x}" for x in sorted(allowed, key=str.lower))
            raise ConfigError(f"%{escape(letter)} is not allowed here; allowed are %%, {names}")
        if for_shell:
            _check_for_shell(letter, values[letter])
        return values[letter]

    return _bounded(_PERCENT.sub(replaced, text))


def _check_for_shell(letter: str, value: str) -> None:
    if letter in "hknr" and (value.startswith("-") or not _SHELL_CHARACTERS.isdisjoint(value)):
        raise ConfigError(f"%{letter} is {escape(value)} here, which is not safe in a command")


def expand_variables(text: str, environ: Mapping[str, str]) -> str:
    """Replace each ${NAME} by the environment variable's value; one that is not set is an error."""

    def replaced(match: re.Match[str]) -> str:
        name, end = match[1], match[2]
        if not end or not name:
            raise ConfigError(f'"{escape(text)}" has a ${{ without a name and a }}')
        if name not in environ:
            raise ConfigError(f"the environment variable {escape(name)} is not set")
        return environ[name]

    return _bounded(_VARIABLE.sub(replaced, text))


def _bounded(text: str) -> str:
    if len(text) > EXPANDED_LENGTH:
        raise ConfigError("it becomes too long when its tokens are replaced")
    return text
