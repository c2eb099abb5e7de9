"""Parsers of values that one keyword alone has."""

import shlex
from typing import Final

from pyssh.record import Record

from .addresses import matches_addresses
from .errors import ConfigError, escape
from .forwards import parse_jump
from .tokens import expand_variables
from .values import (
    Arguments,
    all_words,
    flag,
    one_word,
    parse_time,
    raw_text,
    words_or_none,
)

KEYSTROKE_INTERVAL: Final = 20
"""Milliseconds between obscured keystrokes that `ObscureKeystrokeTiming yes` means."""

_METHODS: Final = ("publickey", "password", "keyboard-interactive", "hostbased", "none", "gssapi-with-mic")
_ANY_METHOD: Final = "any"


def proxy_jump(arguments: Arguments) -> str | None:
    """Parse `ProxyJump`: hops with commas between them, None for `none`. Tokens are replaced later."""
    text = raw_text(arguments).partition("#")[0].strip()
    if text.lower() == "none":
        return None
    for hop in text.split(","):
        parse_jump(hop, is_checked=arguments.from_command_line)
    return text


def identity_agent(arguments: Arguments) -> str:
    """Parse `IdentityAgent`: a path, `none`, `SSH_AUTH_SOCK`, or `$NAME` for a variable's value."""
    word = one_word(arguments)
    expand_variables(word, arguments.environ)  # raises for one that is not set
    if word.startswith("$") and not word.startswith("${") and not word[1:].replace("_", "a").isalnum():
        raise ConfigError(f'"{escape(word)}" is not a name of an environment variable')
    return word


def forward_agent(arguments: Arguments) -> bool | str:
    """Parse `ForwardAgent`: yes, no, or where the agent's socket is (as `IdentityAgent`)."""
    word = one_word(arguments)
    return flag(arguments) if word.lower() in ("yes", "no", "true", "false") else identity_agent(arguments)


def obscure_keystroke_timing(arguments: Arguments) -> int | None:
    """Parse `ObscureKeystrokeTiming`: milliseconds between keystrokes, None for `no`."""
    word = one_word(arguments)
    if word in ("yes", "true"):
        return KEYSTROKE_INTERVAL
    if word in ("no", "false"):
        return None
    interval = word.removeprefix("interval:")
    if interval == word or not (
        interval.isascii() and interval.isdigit() and 0 < int(interval[:9]) <= 1_000_000
    ):
        raise ConfigError(f'"{escape(word)}" is not allowed here; allowed are yes, no, interval:MILLISECONDS')
    return int(interval)


def lowered(arguments: Arguments) -> str:
    """Parse a name that is looked up in lower case."""
    return one_word(arguments).lower()


class MaxStartups(Record):
    """How many connections may be unauthenticated: from `begin` on `rate` % drop, from `full` on all."""

    begin: int = 10
    rate: int = 30
    full: int = 100

    def __str__(self) -> str:
        return f"{self.begin}:{self.rate}:{self.full}"


def max_startups(arguments: Arguments) -> MaxStartups:
    """Parse `MaxStartups`: full, or begin:rate:full."""
    word = one_word(arguments)
    parts = word.split(":")
    if all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        numbers = [int(part) for part in parts]
        if len(numbers) == 1 and numbers[0] > 0:
            return MaxStartups(numbers[0], MaxStartups.record_defaults["rate"], numbers[0])
        if len(numbers) == 3 and 0 < numbers[0] <= numbers[2] and 1 <= numbers[1] <= 100:
            return MaxStartups(*numbers)
    raise ConfigError(
        f'"{escape(word)}" is not of the form begin:rate:full (rate 1 to 100 percent), as in 10:30:100'
    )


def authentication_methods(arguments: Arguments) -> tuple[tuple[str, ...], ...]:
    """Parse `AuthenticationMethods`: lists, one of which must be completed; empty for `any`."""
    words = all_words(arguments)
    if _ANY_METHOD in words:
        if len(words) > 1:
            raise ConfigError('"any" must stand alone')
        return ()
    lists = tuple(tuple(word.split(",")) for word in words)
    for methods in lists:
        for method in methods:
            name, _, kind = method.partition(":")
            if name not in _METHODS or (kind and name not in ("keyboard-interactive", "publickey")):
                raise ConfigError(f'"{escape(method)}" is not a method; they are {", ".join(_METHODS)}')
        if "none" in methods and len(methods) > 1:
            raise ConfigError('"none" must be the only method of its list')
    return lists


def subsystem(arguments: Arguments) -> tuple[str, str]:
    """Parse `Subsystem`: a name and a command."""
    words = all_words(arguments)
    if len(words) < 2:
        raise ConfigError("a name and a command are needed")
    return words[0], " ".join(shlex.quote(word) if " " in word else word for word in words[1:])


def user_patterns(arguments: Arguments) -> tuple[str, ...]:
    """Parse `AllowUsers` and `DenyUsers`: patterns `user` or `user@host`, the host perhaps a network."""
    words = all_words(arguments)
    for word in words:
        user, at, host = word.rpartition("@")
        if at and (not user or not host):
            raise ConfigError(f'"{escape(word)}" is not of the form user or user@host')
        if at:
            matches_addresses("", host)  # raises for a network that is none
    return words


def permit_user_environment(arguments: Arguments) -> str | None:
    """Parse `PermitUserEnvironment`: patterns of names, "*" for yes, None for no."""
    word = one_word(arguments)
    return {"yes": "*", "no": None}.get(word.lower(), word)


def channel_timeout(arguments: Arguments) -> tuple[tuple[str, int], ...]:
    """Parse `ChannelTimeout`: pairs type=time; empty for `none`."""
    pairs = []
    for word in words_or_none(arguments):
        kind, equals, interval = word.partition("=")
        if not kind or not equals:
            raise ConfigError(f'"{escape(word)}" is not of the form type=time')
        pairs.append((kind, parse_time(interval)))
    return tuple(pairs)
