"""What a login tried: each key and password, where it came from, what the server said, and what to try next.

A failed login is told in ssh's one line, which programs look for; people at a terminal get this besides.
"""

from typing import TYPE_CHECKING, Final

from pyssh.events import (
    Credential,
    CredentialRefused,
    DebugReceived,
    Event,
    KeyAccepted,
    PublicKeyCredential,
)
from pyssh.keys.public import PublicKey
from pyssh_config.client import ClientConfig
from pyssh_config.errors import escape

if TYPE_CHECKING:
    from pyssh_cli.client.identities import Identity

__all__ = ["Attempt", "Attempts"]

_DEFAULT_PORT: Final = 22
_MOST_SHOWN: Final = 20
_MOST_DEBUG_LINES: Final = 8
_NEVER_ANSWERED: Final = "the connection ended before the server answered"
_METHODS: Final = {
    "password": "the password",
    "keyboard-interactive": "the answers to the server's questions",
}


class Attempt:
    """One thing that was tried, or why it was not."""

    def __init__(self, what: str, source: str, key: PublicKey | None = None, answer: str = "") -> None:
        self.what = what
        self.source = source
        self.key = key
        self.answer = answer

    def __str__(self) -> str:
        source = f" from {self.source}" if self.source else ""
        return f"{self.what}{source}: {self.answer or _NEVER_ANSWERED}"


class Attempts:
    """Listens to one login, and explains it when it has failed."""

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        self._said: list[str] = []
        self.all: list[Attempt] = []
        self.methods: tuple[str, ...] = ()
        self.agent_problem = ""

    # --- what happens

    def offer(self, identity: "Identity") -> None:
        """Note a key that is shown to the server."""
        self.all.append(Attempt(_describe(identity), self._source(identity), identity.key))

    def skip(self, identity: "Identity", reason: str) -> None:
        """Note a key that is not."""
        self.all.append(Attempt(_describe(identity), self._source(identity), None, f"not tried, {reason}"))

    def refuse(self, identity: "Identity", reason: str) -> None:
        """Note why a key that the server would take did not sign."""
        for attempt in self.all:
            if attempt.key is not None and attempt.key == identity.key:
                attempt.answer = f"the server would take it, but {reason}"

    def note_agent(self, *, found: bool) -> None:
        """Note whether there is an agent to ask."""
        from pyssh_cli.client.identities import agent_path  # noqa: PLC0415  # loaded by then

        path = agent_path(self._config)
        if not found and path:
            self.agent_problem = f"The agent at {escape(path)} cannot be reached."
        elif not found:
            self.agent_problem = "There is no agent: SSH_AUTH_SOCK is not set, and IdentityAgent names none."

    def observe(self, event: Event) -> None:
        """Take what the engine tells."""
        match event:
            case KeyAccepted(key):
                self._answer(key, "the server would take it, and then did not take its signature")
            case CredentialRefused(PublicKeyCredential(key), probed, methods, reason):
                self.methods = methods
                if probed or reason:
                    self._answer(key, escape(reason) or "the server does not take this key for this user")
            case CredentialRefused(credential, _, methods, reason):
                self.methods = methods
                self._count(credential, escape(reason) or "the server did not take it")
            case DebugReceived(_, message) if len(self._said) < _MOST_DEBUG_LINES:
                self._said.append(escape(message))

    def _answer(self, key: PublicKey, text: str) -> None:
        for attempt in reversed(self.all):
            if attempt.key == key:
                attempt.answer = text
                return

    def _count(self, credential: Credential, text: str) -> None:
        what = _METHODS.get(credential.method, credential.method)
        self.all.append(Attempt(what, "", None, text))

    def _source(self, identity: "Identity") -> str:
        if identity.signer is not None and not identity.path:
            return "the agent"
        place = self._config.sources.get("identity_file")
        if place is None:
            named = "the usual files"
        elif place.line:
            first = "" if len(self._config.identity_file) == 1 else ", the first in"
            named = f"{place.keyword} ({escape(place.path)}{first} line {place.line})"
        else:
            named = "the command line"
        return f"{named} and the agent" if identity.signer is not None else named

    # --- what is told of it

    def explain(self) -> list[str]:
        """Return lines about a login that failed."""
        lines = []
        if self.all:
            lines.append("What was tried:")
            lines += [f"  {attempt}" for attempt in _merged(self.all)[:_MOST_SHOWN]]
            if len(self.all) > _MOST_SHOWN:
                lines.append(f"  and {len(self.all) - _MOST_SHOWN} more")
        else:
            lines.append("Nothing was tried: there is no key, and nobody could be asked for a password.")
        if self.agent_problem:
            lines.append(f"  {self.agent_problem}")
        lines += [f"  The server remarks: {text}" for text in dict.fromkeys(self._said)]
        lines.append("What to do next:")
        lines += [f"  - {text}" for text in self.advice()]
        return lines

    def advice(self) -> list[str]:
        """Return what may help, the likeliest first."""
        config = self._config
        where = f"{escape(config.user)}@{escape(config.original_host)}"
        advice = [f"Is {escape(config.user)} the right user? {self._user_source()}"]
        keys = [attempt.key for attempt in self.all if attempt.key is not None]
        if keys and "publickey" in self.methods:
            advice.append(
                f"Does ~/.ssh/authorized_keys of {where} have one of these keys? Its line begins with "
                f"{escape(keys[0].key_type)}; the file and the directories above it must be writable by "
                "their owner only."
            )
        if any("would take it" in attempt.answer for attempt in self.all):
            advice.append("A key is right, but did not sign: look at its passphrase and at the agent.")
        if not keys:
            advice.append("pyssh keygen makes a key; -i FILE names one.")
        if len(keys) > 4:
            advice.append("Many keys use up the server's patience: -o IdentitiesOnly=yes -i FILE tries one.")
        if reason := self._silence():
            advice.append(f"The server would take a password, but {reason}.")
        port = "" if config.port == _DEFAULT_PORT else f"-p {config.port} "
        host = escape(config.original_host)
        advice.append(f"pyssh doctor {port}{host} looks at both sides; -v tells each step.")
        return advice

    def _silence(self) -> str:
        """Return why nobody was asked for a password that the server would take; "" if somebody was."""
        config = self._config
        wanted = {"password", "keyboard-interactive"} & set(self.methods)
        if not wanted or any(attempt.what in _METHODS.values() for attempt in self.all):
            return ""
        if config.batch_mode:
            return "BatchMode forbids to ask for one"
        enabled = {
            "password": config.password_authentication,
            "keyboard-interactive": config.kbd_interactive_authentication,
        }
        if not any(enabled[method] for method in wanted):
            return "the configuration here switches that off"
        return "nobody could be asked for one"

    def _user_source(self) -> str:
        place = self._config.sources.get("user")
        if place is None:
            return "It is your name here; pyssh USER@HOST or -l USER takes another."
        if place.line:
            return f"It comes from {escape(place.path)} line {place.line}."
        return "It was given on the command line."


def _describe(identity: "Identity") -> str:
    name = escape(identity.path or identity.comment) or "a key"
    key = identity.key
    return name if key is None else f"{name} ({escape(key.key_type)} {key.fingerprint()})"


def _merged(attempts: list[Attempt]) -> list[str]:
    """Return lines, those that come more than once with a number."""
    counts: dict[str, int] = {}
    for attempt in attempts:
        counts[str(attempt)] = counts.get(str(attempt), 0) + 1
    return [text if count == 1 else f"{text} ({count} times)" for text, count in counts.items()]
