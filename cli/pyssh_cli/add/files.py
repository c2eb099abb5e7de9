"""Adding, deleting and testing the keys of files."""

import os
import pwd
import time
from collections.abc import Callable, Iterator
from typing import Final

from pyssh.agent.answers import AgentError
from pyssh.agent.constraints import Constraints, encode_constraints
from pyssh.agent.identities import encode_identity
from pyssh.agent.messages import AddIdConstrained, AddIdentity, RemoveIdentity, Success
from pyssh.errors import SSHError
from pyssh.keys.certificate import Certificate
from pyssh.keys.lines import parse_key
from pyssh.keys.names import short_name
from pyssh.keys.private import PrivateKey
from pyssh.keys.public import PublicKey
from pyssh_cli.add.loading import STDIN, Loader, shown_path
from pyssh_cli.add.report import duration, reason, say, warn
from pyssh_cli.add.request import AddError, Request
from pyssh_cli.agent_client import AgentClient
from pyssh_cli.keygen.loading import read_text
from pyssh_cli.keygen.report import KeygenError, shown
from pyssh_config.errors import escape

__all__ = ["Files", "certificate_lifetime"]

_NAMES: Final = ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_mldsa44_ed25519")
_CERTIFICATE: Final = "-cert.pub"
_EVER: Final = 0xFFFF_FFFF_FFFF_FFFF
_GRACE: Final = 300
"""Seconds that the agent keeps a certificate beyond its end, as ssh-add has it: clocks differ."""
_LONGEST: Final = 0x7FFF_FFFF
_TESTED: Final = 1024


class Files:
    """What is done with the files that were named, or with the usual ones."""

    def __init__(
        self,
        request: Request,
        agent: AgentClient,
        loader: Loader,
        limits: Constraints,
    ) -> None:
        self._request = request
        self._agent = agent
        self._loader = loader
        self._limits = limits
        self._why = ""

    def run(self) -> int:
        """Add or delete; return the exit code, which is 1 if any of it failed."""
        work: Callable[[str], bool] = self._delete if self._request.deletes else self._add
        paths = self._request.words or tuple(_usual())
        done = [work(path) for path in paths]
        return 0 if done and all(done) else 1

    # --- adding

    def _add(self, path: str) -> bool:
        loaded = self._loader.load_private(path)
        if loaded is None:
            return False
        private, comment = loaded
        limits = self._limits
        if private.key.key_type.startswith("sk-"):
            limits = limits.replace(sk_provider=self._request.sk_provider)
        added = False
        if not self._request.certificates_only:
            added = self._send(private, comment, limits)
            if added:
                self._say(f"Identity added: {shown_path(path)} ({shown(comment)})", limits)
            else:
                warn(f'Could not add identity "{shown_path(path)}": {self._why}')
        if self._request.keys_only or path == STDIN:
            return added
        certified = self._add_certificate(path, private, comment, limits)
        return certified if self._request.certificates_only else added

    def _add_certificate(self, path: str, private: PrivateKey, comment: str, limits: Constraints) -> bool:
        beside = path + _CERTIFICATE
        certificate = self._loader.load_certificate(beside, private.key)
        if certificate is None:
            return False
        if not self._request.keeps_expired:
            lifetime = certificate_lifetime(certificate, limits.lifetime, time.time())
            if lifetime == 0:
                warn(f"Certificate {escape(beside)} has already expired; ignored")
                return False
            limits = limits.replace(lifetime=lifetime)
        what = f"{escape(beside)} ({escape(certificate.key_id)})"
        if not self._send(private, comment, limits, certificate):
            warn(f"Certificate {what} add failed: {self._why}")
            return False
        self._say(f"Certificate added: {what}", limits)
        return True

    def _send(
        self, private: PrivateKey, comment: str, limits: Constraints, certificate: Certificate | None = None
    ) -> bool:
        name = comment.encode("utf-8", "surrogateescape")
        identity = encode_identity(private, name, certificate)
        encoded = encode_constraints(limits)
        request = AddIdConstrained(identity + encoded) if encoded else AddIdentity(identity)
        try:
            self._agent.ask(request, Success)
        except AgentError as error:
            self._why = reason(error)
            return False
        return True

    def _say(self, text: str, limits: Constraints) -> None:
        if self._request.quiet:
            return
        warn(text)
        if limits.lifetime:
            warn(f"Lifetime set to {duration(limits.lifetime)}")
        if limits.confirm:
            warn("The user must confirm each use of the key")

    # --- deleting

    def _delete(self, path: str) -> bool:
        if path == STDIN:
            return self._delete_lines()
        try:
            key, comment = self._loader.load_public(path)
        except KeygenError as error:
            say(f"Bad key file {shown(path)}: {error}")
            return False
        deleted = False
        if not self._request.certificates_only:
            deleted = self._delete_one(key, comment or _nameless(path), path)
        if self._request.keys_only:
            return deleted
        beside = path + _CERTIFICATE
        certificate = self._loader.load_certificate(beside, key)
        if certificate is None:
            return deleted
        return self._delete_one(certificate, comment or beside, beside) or deleted

    def _delete_lines(self) -> bool:
        deleted = False
        for number, line in enumerate(read_text(STDIN).split("\n"), 1):
            text = line.strip(" \t")
            if not text or text.startswith("#"):
                continue
            try:
                key, comment = parse_key(text)
            except SSHError:
                warn(f"(stdin):{number}: invalid key")
                continue
            deleted = self._delete_one(key, comment, "(stdin)") or deleted
        return deleted

    def _delete_one(self, key: PublicKey, comment: str, path: str) -> bool:
        try:
            self._agent.ask(RemoveIdentity(key.blob), Success)
        except AgentError as error:
            warn(f'Could not remove identity "{shown(path)}": {reason(error)}')
            return False
        if not self._request.quiet:
            warn(f"Identity removed: {shown(path)} {short_name(key)} ({shown(comment)})")
        return True

    # --- testing

    def test(self) -> int:
        """Have the agent sign with each key and verify that; return the exit code."""
        if not self._request.words:
            raise AddError("no keys to test")
        tested = [self._test_one(path) for path in self._request.words]
        return 0 if all(tested) else 1

    def _test_one(self, path: str) -> bool:
        try:
            key, _ = self._loader.load_public(path)
        except KeygenError as error:
            warn(f"Couldn't read public key {shown(path)}: {error}")
            return False
        data = os.urandom(_TESTED)
        algorithm = key.signature_algorithms[0]
        try:
            signature = self._agent.sign(key, algorithm, data)
        except AgentError as error:
            warn(f"Agent signature failed for {shown(path)}: {reason(error)}")
            return False
        if not key.verify(algorithm, signature, data):
            warn(f"Signature verification failed for {shown(path)}: incorrect signature")
            return False
        return True


def _nameless(path: str) -> str:
    """Return what a key without a comment is called: as ssh-add has it, the file of its public half."""
    public = path if path.endswith(".pub") else f"{path}.pub"
    return public if os.path.exists(public) else "no comment"  # noqa: PTH110  # as below


def _usual() -> Iterator[str]:
    """Yield the keys in the user's directory, whatever HOME says."""
    try:
        home = pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        raise AddError(f"No user found with uid {os.getuid()}", 1) from None
    for name in _NAMES:
        path = f"{home}/.ssh/{name}"
        if os.path.exists(path):  # noqa: PTH110  # one name, looked at once
            yield path


def certificate_lifetime(certificate: Certificate, limit: int | None, now: float) -> int | None:
    """Return how long the agent is to keep a certificate: None is for ever, 0 that it has expired."""
    if certificate.valid_before == _EVER:
        return limit
    left = certificate.valid_before - int(now)
    if left <= 0:
        return 0
    left = min(left + _GRACE, _LONGEST)
    return min(left, limit) if limit else left
