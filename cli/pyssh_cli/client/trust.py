"""The host-key decision: what known_hosts says of a key, and what is done about it.

StrictHostKeyChecking has the last word on unknown keys. A changed key is refused, and a revoked one always.
"""

import time
from typing import TYPE_CHECKING, Final, cast

from pyssh.errors import HostKeyError, KeyFormatError
from pyssh.keys.public import PublicKey
from pyssh_cli.client.prompt import Prompter
from pyssh_cli.output import Level, Output
from pyssh_config.client import ClientConfig
from pyssh_config.errors import ConfigError, escape
from pyssh_config.known_hosts import HostKeyCheck, KnownHost, KnownHosts
from pyssh_config.known_hosts_file import add_host_key

if TYPE_CHECKING:
    from pyssh.events import HostKeyQuestion
    from pyssh.keys.certificate import Certificate

__all__ = ["HostTrust", "key_name"]

_REFUSED: Final = "Host key verification failed."
"""How ssh says it; scripts look for it."""

_NAMES: Final = {
    "ssh-rsa": "RSA",
    "ssh-ed25519": "ED25519",
    "ssh-mldsa44-ed25519": "MLDSA44-ED25519",
    "sk-ssh-ed25519@openssh.com": "ED25519-SK",
    "sk-ecdsa-sha2-nistp256@openssh.com": "ECDSA-SK",
}


def key_name(key: PublicKey) -> str:
    """Return the kind of key as people call it."""
    name = key.plain.key_type
    return _NAMES.get(name) or ("ECDSA" if name.startswith("ecdsa") else escape(name))


class HostTrust:
    """Decides for one host. `changed` says that a changed key was let through (StrictHostKeyChecking no)."""

    def __init__(self, config: ClientConfig, prompter: Prompter, output: Output) -> None:
        self._config = config
        self._prompter = prompter
        self._output = output
        self._user_files = config.paths("user_known_hosts_file")
        self._known = KnownHosts.load((*self._user_files, *config.paths("global_known_hosts_file")))
        self._name, self._without_port = config.known_hosts_names
        self.changed = False
        for problem in self._known.problems:
            output.debug(str(problem))

    def order_algorithms(self, algorithms: tuple[str, ...]) -> tuple[str, ...]:
        """Put the host key algorithms first whose keys are known, so that nobody is asked without need."""
        return self._known.order_algorithms(self._name, algorithms)

    async def decide(self, question: "HostKeyQuestion") -> bool:
        """Answer the engine's question; a refusal is a `HostKeyError` and has been explained."""
        key = question.key
        self._output.debug(f"Server host key: {escape(key.key_type)} {key.fingerprint()}")
        check = self._known.check_key(self._name, key, without_port=self._without_port)
        if check.status == "known" and check.entry is not None and check.entry.marker == "cert-authority":
            check = self._check_certificate(cast("Certificate", key), check)
        match check.status:
            case "known":
                return self._accept_known(check)
            case "revoked":
                return self._refuse_revoked(key, check)
            case "changed":
                return self._refuse_changed(key, check)
        return await self._decide_unknown(key)

    def _accept_known(self, check: HostKeyCheck) -> bool:
        assert check.entry is not None
        place = _place(check.entry)
        self._output.debug(f"Host '{escape(self._name)}' is known: {place}")
        return True

    def _check_certificate(self, certificate: "Certificate", check: HostKeyCheck) -> HostKeyCheck:
        """Validate a certificate of a trusted authority; if it does not hold, the bare key may be known."""
        host = self._config.host_key_alias or self._config.host_name
        try:
            certificate.validate(time.time(), host, "host")
        except KeyFormatError as error:
            self._output.error(f"the host's certificate is not accepted: {escape(str(error))}")
            return self._known.check_key(self._name, certificate.plain, without_port=self._without_port)
        return check

    def _refuse_revoked(self, key: PublicKey, check: HostKeyCheck) -> bool:
        assert check.entry is not None
        self._output.log(
            Level.ERROR,
            f"WARNING: REVOKED HOST KEY DETECTED!\n"
            f"{_place(check.entry)} says that the {key_name(key)} key that {escape(self._name)} shows must\n"
            f"not be trusted any more: {key.fingerprint(self._hash)}\n"
            f"Somebody who stole the key may be answering in the host's place. Ask who runs the host.",
        )
        raise HostKeyError(_REFUSED)

    def _refuse_changed(self, key: PublicKey, check: HostKeyCheck) -> bool:
        assert check.entry is not None
        entry = check.entry
        name = escape(self._name)
        self._output.log(
            Level.ERROR,
            f"WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!\n"
            f"The {key_name(key)} key of {name} is not the one that is known for it:\n"
            f"  known:     {self._fingerprint(entry)}\n"
            f"             in {_place(entry)}\n"
            f"  now shown: {key.fingerprint(self._hash)}\n"
            f"Either the host was set up anew, or its address now belongs to another one, or somebody is\n"
            f"between you and the host and reads along. Ask who runs the host for its fingerprint. If it is\n"
            f"the one now shown, forget the other: pyssh keygen -R '{name}' -f {escape(entry.path)}",
        )
        if self._config.strict_host_key_checking != "no":
            raise HostKeyError(_REFUSED)
        self.changed = True
        self._output.error(
            "StrictHostKeyChecking is off: going on without passwords and without forwardings, which whoever "
            "is in between could use"
        )
        return True

    async def _decide_unknown(self, key: PublicKey) -> bool:
        match self._config.strict_host_key_checking:
            case "yes":
                self._output.error(
                    f"No {key_name(key)} host key is known for {escape(self._name)} and you have requested "
                    f"strict checking; it shows {key.fingerprint(self._hash)}"
                )
                raise HostKeyError(_REFUSED)
            case "ask":
                await self._ask(key)
        self._remember(key)
        return True

    async def _ask(self, key: PublicKey) -> None:
        fingerprint = key.fingerprint(self._hash)
        text = (
            f"The authenticity of host '{escape(self._name)}' can't be established.\n"
            f"{key_name(key)} key fingerprint is {fingerprint}\n"
            f"{self._other_names(key)}\n"
            "Do you trust it and want to connect (yes/no/[fingerprint])? "
        )
        while True:
            answer = self._prompter.ask(text, echo=True)
            if answer is None:
                self._output.error(
                    f"the {key_name(key)} host key of {escape(self._name)} is not known and nobody can be "
                    f"asked: {fingerprint}; -o StrictHostKeyChecking=accept-new takes it"
                )
                raise HostKeyError(_REFUSED)
            answer = answer.strip()
            if answer.lower() == "yes" or answer == fingerprint:
                return
            if answer.lower() == "no":
                raise HostKeyError(_REFUSED)
            text = "Please type 'yes', 'no' or the fingerprint: "

    def _other_names(self, key: PublicKey) -> str:
        others = [entry for entry in self._known.entries if entry.blob == key.plain.blob and not entry.marker]
        if not others:
            return "This key is not known by any other name."
        shown = [f"{_place(entry)}: {_shown_hosts(entry)}" for entry in others[:_SHOWN_NAMES]]
        if len(others) > _SHOWN_NAMES:
            shown.append(f"and {len(others) - _SHOWN_NAMES} more")
        return "\n    ".join(["This key is known by other names:", *shown])

    def _remember(self, key: PublicKey) -> None:
        """Write the key to the first file of the user's; that it cannot be written is no reason to stop."""
        if not self._user_files:
            return
        try:
            add_host_key(
                self._user_files[0], [self._name], key.plain, hash_names=self._config.hash_known_hosts
            )
        except ConfigError as error:
            self._output.error(f"the host key was not added to the known ones: {error}")
            return
        self._output.info(
            f"Warning: Permanently added '{escape(self._name)}' ({key_name(key)}) to the list of known hosts."
        )

    @property
    def _hash(self) -> str:
        return self._config.fingerprint_hash

    def _fingerprint(self, entry: KnownHost) -> str:
        try:
            return entry.key.fingerprint(self._hash)
        except KeyFormatError:
            return "a key that cannot be read"


_SHOWN_NAMES: Final = 8


def _place(entry: KnownHost) -> str:
    return f"{escape(entry.path)} line {entry.line}"


def _shown_hosts(entry: KnownHost) -> str:
    return "[hashed name]" if entry.is_hashed else escape(entry.hosts)
