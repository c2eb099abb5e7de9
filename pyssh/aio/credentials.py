"""Who a client is and whom it trusts: answers to the engine's questions while it logs in."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from pyssh.errors import HostKeyError
from pyssh.events import (
    Credential,
    CredentialNeeded,
    HostKeyQuestion,
    KeyboardInteractiveCredential,
    PasswordChange,
    PasswordChangeNeeded,
    PasswordCredential,
    PromptsReceived,
    PublicKeyCredential,
    SignatureNeeded,
)
from pyssh.keys.public import PublicKey
from pyssh.keys.signing import Signer

Trust = Callable[[HostKeyQuestion], Awaitable[bool]]
PromptAnswerer = Callable[[PromptsReceived], Awaitable[tuple[str, ...] | None]]


class AsyncSigner(Protocol):
    """A `Signer` that takes its time: an agent, a device."""

    @property
    def key(self) -> PublicKey:
        """The key that verifies the signatures."""

    async def sign(self, algorithm: str, data: bytes) -> bytes:
        """Return a whole signature blob over `data`."""


AnySigner = Signer | AsyncSigner


async def sign_with(signers: Sequence[AnySigner], question: SignatureNeeded) -> bytes | None:
    """Let the signer that has the key sign; None if none has it."""
    for signer in signers:
        if signer.key == question.key:
            signature = signer.sign(question.algorithm, question.data)
            return await signature if inspect.isawaitable(signature) else signature
    return None


class Credentials:
    """Answers what a server asks while a client logs in. Every default refuses; override what you can do.

    An exception raised here ends the connection, and `connect` raises it.
    """

    async def next(self, question: CredentialNeeded) -> Credential | None:
        """Return what to try next; None gives up."""
        return None

    async def sign(self, question: SignatureNeeded) -> bytes | None:
        """Sign with a key that `next` offered."""
        return None

    async def answer_prompts(self, question: PromptsReceived) -> tuple[str, ...] | None:
        """Answer the questions of keyboard-interactive."""
        return None

    async def change_password(self, question: PasswordChangeNeeded) -> PasswordChange | None:
        """Replace an expired password."""
        return None


class SimpleCredentials(Credentials):
    """Tries keys in order, then keyboard-interactive if `prompts` answers it, then the password.

    A password answers keyboard-interactive too, when that asks one hidden question, as servers do that leave
    passwords to PAM.
    """

    def __init__(
        self,
        keys: Sequence[AnySigner] = (),
        password: str | None = None,
        prompts: PromptAnswerer | None = None,
    ) -> None:
        self._keys = tuple(keys)
        self._password = password
        self._prompts = prompts
        self._left: list[Credential] = [PublicKeyCredential(signer.key) for signer in keys]
        if prompts is not None:
            self._left.append(KeyboardInteractiveCredential())
        if password is not None:
            self._left.append(PasswordCredential(password))
            if prompts is None:
                self._left.append(KeyboardInteractiveCredential())

    async def next(self, question: CredentialNeeded) -> Credential | None:
        """Return the first untried credential that can continue."""
        for credential in self._left:
            if credential.method in question.methods:
                self._left.remove(credential)
                return credential
        return None

    async def sign(self, question: SignatureNeeded) -> bytes | None:
        """Sign with one of the keys."""
        return await sign_with(self._keys, question)

    async def answer_prompts(self, question: PromptsReceived) -> tuple[str, ...] | None:
        """Ask `prompts`, or answer one hidden question with the password."""
        if self._prompts is not None:
            return await self._prompts(question)
        if not question.prompts:
            return ()
        if self._password is not None and len(question.prompts) == 1 and not question.prompts[0].echo:
            return (self._password,)
        return None


def trust_keys(host_keys: Sequence[PublicKey]) -> Trust:
    """Return what trusts exactly these host keys."""
    trusted = frozenset(host_keys)

    async def trust(question: HostKeyQuestion) -> bool:
        if question.key in trusted:
            return True
        if not trusted:
            shown = question.key.fingerprint()
            raise HostKeyError(f"the host key {shown} is not known: pass host_keys or trust to connect()")
        raise HostKeyError(f"the host key {question.key.fingerprint()} is not one of those expected")

    return trust
