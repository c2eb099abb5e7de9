"""Which key, agent or prompt comes next: ssh's order, attempts and questions."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pyssh.errors import AuthenticationError, KeyFormatError, PassphraseError, SSHError
from pyssh.events import (
    Authenticated,
    Credential,
    CredentialNeeded,
    Event,
    KeyboardInteractiveCredential,
    KeysExchanged,
    PasswordChange,
    PasswordChangeNeeded,
    PasswordCredential,
    PromptsReceived,
    PublicKeyCredential,
    SignatureNeeded,
)
from pyssh.keys.private import PrivateKey
from pyssh.keys.public import PublicKey
from pyssh.wire.types import Reader, take_text
from pyssh_cli.client.attempts import Attempts
from pyssh_cli.client.identities import Identity, collect_identities, open_agent
from pyssh_cli.client.prompt import Prompter
from pyssh_cli.client.trust import HostTrust
from pyssh_cli.output import Level, Output, escape_lines
from pyssh_config.client import ClientConfig
from pyssh_config.errors import ConfigError, escape
from pyssh_config.key_files import read_private_key

if TYPE_CHECKING:
    from pyssh_cli.agent_client import AgentClient

__all__ = ["UserCredentials"]

_DEFAULT_METHODS: Final = ("publickey", "keyboard-interactive", "password")
"""ssh's order, without the methods that are not built."""


T = TypeVar("T")
OffLoop = Callable[[Callable[[], Any]], Awaitable[Any]]


class UserCredentials:
    """Answers for one connection. `user_algorithms` are those that keys may sign with.

    Its coroutines wait for nothing but the user and the agent, which block, so that a login needs no loop.
    Where there is one, `off_loop` runs what waits for the agent, so that signals and other hosts are heard.
    """

    def __init__(
        self,
        config: ClientConfig,
        prompter: Prompter,
        output: Output,
        *,
        trust: HostTrust,
        user_algorithms: tuple[str, ...],
        off_loop: OffLoop | None = None,
    ) -> None:
        self._config = config
        self._prompter = prompter
        self._output = output
        self._trust = trust
        self._user_algorithms = user_algorithms
        self._off_loop = off_loop
        self._methods = _enabled_methods(config)
        self._agent: AgentClient | None = None
        self._binding: KeysExchanged | None = None
        self._identities: list[Identity] | None = None
        self._offered: list[Identity] = []
        self._loaded: dict[PublicKey, PrivateKey] = {}
        self._password_attempts = 0
        self._interactive_attempts = 0
        self._was_asked = False
        self._has_begun = False
        self.attempts = Attempts(config)

    def observe(self, event: Event) -> None:
        """Take an event: agents want to know of the first key exchange, and are let go in the end."""
        self.attempts.observe(event)
        if isinstance(event, KeysExchanged) and event.first:
            self._binding = event
        elif isinstance(event, Authenticated):
            self.close()

    def explain(self, error: BaseException) -> None:
        """Add to an error that ended the login what was tried; only after the server asked for something."""
        if self._has_begun:
            for line in self.attempts.explain():
                error.add_note(line)

    def close(self) -> None:
        """Let go of the agent; nothing is signed after the login."""
        agent, self._agent = self._agent, None
        if agent is not None:
            agent.close()

    # --- what next

    async def next(self, question: CredentialNeeded) -> Credential | None:
        """Return what to try next; the methods in order of preference, each until it is used up."""
        self._has_begun = True
        self.attempts.methods = question.methods
        self._output.debug(f"Authentications that can continue: {escape(','.join(question.methods))}")
        if question.partial_success:
            self._output.debug("Authenticated with partial success.")
            self._identities = None
            self._password_attempts = self._interactive_attempts = 0
        for method in self._methods:
            if method not in question.methods:
                continue
            credential = await self._try(method)
            if credential is not None:
                self._output.debug(f"Next authentication method: {method}")
                return credential
        self._output.debug("No more authentication methods to try.")
        raise self._denied(question.methods)

    def _denied(self, methods: tuple[str, ...]) -> AuthenticationError:
        config = self._config
        where = f"{escape(config.user)}@{escape(config.host_name)}"
        return AuthenticationError(
            f"{where}: Permission denied ({escape(','.join(methods))}).", self._methods, methods
        )

    async def _try(self, method: str) -> Credential | None:
        match method:
            case "publickey":
                return await self._next_key()
            case "keyboard-interactive":
                return self._next_interactive()
        return await self._next_password()

    # --- keys

    async def _next_key(self) -> Credential | None:
        if self._identities is None:
            self._identities = await self._wait_for(
                lambda: collect_identities(self._config, self._bound_agent(), self._output)
            )
            for identity in self._identities:
                self._output.debug(f"Will attempt key: {identity}")
        while self._identities:
            identity = self._identities.pop(0)
            if identity.key is None:
                self._output.debug(f"Trying private key: {identity}")
                await self._load_unknown(identity)
            if identity.key is not None and self._is_usable(identity):
                self._output.debug(f"Offering public key: {identity}")
                self._offered.append(identity)
                self.attempts.offer(identity)
                return PublicKeyCredential(identity.key)
        return None

    async def _wait_for(self, work: Callable[[], T]) -> T:
        if self._off_loop is None:
            return work()
        done: T = await self._off_loop(work)
        return done

    def _bound_agent(self) -> "AgentClient | None":
        """Return the agent, told of the connection before it is asked for keys (OpenSSH's PROTOCOL.agent)."""
        if self._agent is None:
            self._agent = agent = open_agent(self._config, self._output)
            self.attempts.note_agent(found=agent is not None)
            binding = self._binding
            if agent is not None and binding is not None:
                try:
                    bound = agent.bind(binding.host_key, binding.session_identifier, binding.signature)
                except SSHError as error:
                    self._output.error(f"the agent is of no use: {escape(str(error))}")
                    self._agent = None
                else:
                    self._output.debug(f"The agent is {'' if bound else 'not '}bound to the host key")
        return self._agent

    def _is_usable(self, identity: Identity) -> bool:
        key = identity.key
        assert key is not None
        if any(name in self._user_algorithms for name in key.signature_algorithms):
            return True
        self._output.debug(f"Skipping {escape(key.key_type)} key: PubkeyAcceptedAlgorithms leaves it out")
        self.attempts.skip(identity, "PubkeyAcceptedAlgorithms leaves its type out")
        return False

    async def _load_unknown(self, identity: Identity) -> None:
        """Load a file whose public half is not known without it."""
        private = await self._load(identity)
        if private is not None:
            identity.key = private.key
            self._loaded[private.key] = private
        else:
            self.attempts.skip(identity, "it could not be read or its passphrase was not given")

    async def sign(self, question: SignatureNeeded) -> bytes | None:
        """Sign with the agent's or the file's private key; None, and the next one, if there is none."""
        identity = next((one for one in self._offered if one.key == question.key), None)
        if identity is None:
            return None
        if identity.signer is not None:
            return await self._wait_for(lambda: self._sign_with_agent(identity, question))
        plain = question.key.plain
        private = self._loaded.get(plain)
        if private is None:
            private = await self._load(identity)
        if private is None:
            self.attempts.refuse(identity, "it could not be read or its passphrase was not given")
            return None
        if private.key != plain:
            self._output.error(
                f"{escape(identity.path)}: the private key does not belong to the public one beside it"
            )
            return None
        self._loaded[plain] = private
        return private.sign(_plain_algorithm(question), question.data)

    def _sign_with_agent(self, identity: Identity, question: SignatureNeeded) -> bytes | None:
        assert identity.signer is not None
        try:
            signature = identity.signer.sign(question.algorithm, question.data)
            made_with = take_text(Reader(signature))
        except SSHError as error:
            self._output.error(f"the agent refused to sign with {identity}: {escape(str(error))}")
            return None
        if made_with != _plain_algorithm(question):
            # old agents take no notice of the flags that ask for another hash than SHA-1
            self._output.error(
                f"the agent signed with {escape(made_with)} where {question.algorithm} was asked for"
            )
            return None
        return signature

    async def _load(self, identity: Identity) -> PrivateKey | None:
        """Read a private key, asking for its passphrase as often as allowed."""
        path = escape(identity.path)
        passphrase: bytes | None = None
        for left in range(self._config.number_of_password_prompts, -1, -1):
            try:
                private, comment = read_private_key(identity.path, passphrase)
            except PassphraseError:
                if passphrase is not None:
                    self._output.debug(f"{path}: the passphrase is wrong")
                if not left:
                    break
            except (ConfigError, KeyFormatError) as error:
                shown = str(error)
                self._output.error(shown if isinstance(error, ConfigError) else f"{path}: {escape(shown)}")
                return None
            else:
                self._keep(private, identity.path, comment)
                return private
            answer = self._prompter.ask(f"Enter passphrase for key '{path}': ")
            if not answer:
                self._output.debug(f"{path}: no passphrase was given, trying the next key")
                return None
            passphrase = answer.encode(errors="surrogateescape")
        self._output.error(f"{path}: the passphrase was wrong each time")
        return None

    def _keep(self, private: PrivateKey, path: str, comment: str) -> None:
        if self._config.add_keys_to_agent.mode != "no":
            from pyssh_cli.client.agent_keys import add_to_agent  # noqa: PLC0415  # few configurations want it

            add_to_agent(self._config, private, (path, comment), self._prompter, self._output)

    # --- passwords and questions

    @property
    def _may_ask(self) -> bool:
        # a password typed to whoever shows a changed host key would be theirs
        return not self._trust.changed and not self._config.batch_mode

    async def _next_password(self) -> Credential | None:
        if not self._may_ask or self._password_attempts >= self._config.number_of_password_prompts:
            return None
        if self._password_attempts:
            self._output.log(Level.ERROR, "Permission denied, please try again.")
        self._password_attempts += 1
        password = self._prompter.ask(f"{self._where}'s password: ")
        return None if password is None else PasswordCredential(password)

    def _next_interactive(self) -> Credential | None:
        if not self._may_ask or self._interactive_attempts >= self._config.number_of_password_prompts:
            return None
        if self._interactive_attempts and not self._was_asked:
            # a server that offers the method and has no questions would be asked for ever
            return None
        self._interactive_attempts += 1
        return KeyboardInteractiveCredential(submethods=self._config.kbd_interactive_devices or "")

    async def answer_prompts(self, question: PromptsReceived) -> tuple[str, ...] | None:
        """Show what the server says and ask what it asks."""
        self._was_asked = self._was_asked or bool(question.prompts)
        for text in (question.name, question.instruction):
            if text:
                self._output.info(escape_lines(text))
        answers: list[str] = []
        for prompt in question.prompts:
            text = f"({self._where}) {escape_lines(prompt.text)}"
            answer = self._prompter.ask(text, echo=prompt.echo)
            if answer is None:
                return None
            answers.append(answer)
        return tuple(answers)

    async def change_password(self, question: PasswordChangeNeeded) -> PasswordChange | None:
        """Ask for the old password and twice for the new one."""
        if question.prompt:
            self._output.info(escape_lines(question.prompt))
        old = self._prompter.ask(f"Enter {self._where}'s old password: ")
        while old is not None:
            new = self._prompter.ask(f"Enter {self._where}'s new password: ")
            again = None if new is None else self._prompter.ask(f"Retype {self._where}'s new password: ")
            if new is None or again is None:
                return None
            if new == again:
                return PasswordChange(old, new)
            self._output.info("The two are not the same; try again.")
        return None

    @property
    def _where(self) -> str:
        config = self._config
        return f"{escape(config.user)}@{escape(config.host_key_alias or config.original_host)}"


def _enabled_methods(config: ClientConfig) -> tuple[str, ...]:
    enabled = {
        "publickey": config.pubkey_authentication != "no",
        "keyboard-interactive": config.kbd_interactive_authentication,
        "password": config.password_authentication,
    }
    preferred = config.preferred_authentications
    wanted = _DEFAULT_METHODS if preferred is None else preferred.split(",")
    return tuple(dict.fromkeys(method for method in wanted if enabled.get(method, False)))


def _plain_algorithm(question: SignatureNeeded) -> str:
    """Return the algorithm that the bare key signs with; a certificate's algorithm has a name of its own."""
    from pyssh.keys.signing import signature_algorithm  # noqa: PLC0415  # loaded long before

    known = signature_algorithm(question.algorithm)
    return question.algorithm if known is None else known.signature_format
