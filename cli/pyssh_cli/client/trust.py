"""The host-key decision: what known_hosts says of a key, and what is done about it.

StrictHostKeyChecking has the last word on unknown keys. A changed key is refused, and a revoked one always.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

from pyssh.errors import HostKeyError, KeyFormatError, SSHError
from pyssh.keys.public import PublicKey
from pyssh_cli.client.peer_address import is_loopback
from pyssh_cli.client.prompt import Prompter
from pyssh_cli.output import Level, Output
from pyssh_config.algorithm_lists import CA_SIGNATURES, apply_list
from pyssh_config.client import ClientConfig
from pyssh_config.errors import ConfigError, escape
from pyssh_config.known_hosts import HostKeyCheck, KnownHost, KnownHosts, host_port_name
from pyssh_config.known_hosts_file import add_host_key

if TYPE_CHECKING:
    from pyssh.events import HostKeyQuestion
    from pyssh.keys.certificate import Certificate

__all__ = ["HostTrust", "key_name", "show_local_time"]

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
    """Decides for one host.

    `address` is the peer's, where one is known; whoever connects sets it. `changed` says that a changed key
    was let through (StrictHostKeyChecking no), `is_trusted` that the key was known or confirmed by the user,
    so that the host may tell of its other ones (UpdateHostKeys). `place` is the line that it is known from.
    """

    def __init__(self, config: ClientConfig, prompter: Prompter, output: Output) -> None:
        self._config = config
        self._prompter = prompter
        self._output = output
        self._user_files = config.paths("user_known_hosts_file")
        self._known = KnownHosts.load((*self._user_files, *config.paths("global_known_hosts_file")))
        self._name, self._without_port = config.known_hosts_names
        self._dns_note = ""
        self.address: str | None = None
        self.changed = False
        self.is_trusted = False
        self.place = ""
        for problem in self._known.problems:
            output.debug(str(problem))
        if config.verify_host_key_dns != "no":
            from pyssh_cli.client.sshfp import require_resolver  # noqa: PLC0415  # few configurations ask

            require_resolver()

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which the host's keys are written down."""
        address = self._address_name()
        return (self._name,) if address is None else (self._name, address)

    @property
    def prompter(self) -> Prompter:
        """What asks the user."""
        return self._prompter

    def order_algorithms(self, algorithms: tuple[str, ...]) -> tuple[str, ...]:
        """Put the host key algorithms first whose keys are known, so that nobody is asked without need."""
        return self._with_command("ORDER", self._name, None).order_algorithms(self._name, algorithms)

    def _with_command(self, reason: str, name: str, key: PublicKey | None) -> KnownHosts:
        """Return what the files say, and KnownHostsCommand where there is one."""
        if self._config.known_hosts_command is None:
            return self._known
        from pyssh_cli.client.known_hosts_command import ask_command  # noqa: PLC0415  # as above

        told = ask_command(self._config, reason, name, key)
        for problem in told.problems:
            self._output.debug(str(problem))
        return KnownHosts((*self._known.entries, *told.entries), ())

    async def decide(self, question: "HostKeyQuestion") -> bool:
        """Answer the engine's question; a refusal is a `HostKeyError` and has been explained."""
        return self.judge(question.key)

    def judge(self, key: PublicKey) -> bool:
        """Decide about a key, as `decide` does."""
        self._output.debug(f"Server host key: {escape(key.key_type)} {key.fingerprint()}")
        self._check_revoked(key)
        if self._is_exempt():
            self._output.debug("Forcing accepting of host key for loopback/localhost.")
            return True
        if self._is_proven_by_dns(key):
            return True
        known = self._with_command("HOSTNAME", self._name, key)
        check = known.check_key(self._name, key, without_port=self._without_port)
        if check.status == "known" and check.entry is not None and check.entry.marker == "cert-authority":
            check = self._check_certificate(cast("Certificate", key), check, known)
        match check.status:
            case "known":
                return self._accept_known(key, check)
            case "revoked":
                return self._refuse_revoked(key, check)
            case "changed":
                return self._refuse_changed(key, check)
        return self._decide_unknown(key)

    # --- before known_hosts is asked

    def _check_revoked(self, key: PublicKey) -> None:
        for path in self._config.paths("revoked_host_keys"):
            from pyssh_config.revoked_keys import RevokedKeys  # noqa: PLC0415  # few configurations have one

            try:
                is_revoked = RevokedKeys.load(path).is_revoked(key)
            except SSHError as error:
                self._output.error(f"RevokedHostKeys cannot be used, so no host is trusted: {error}")
                raise HostKeyError(_REFUSED) from None
            if is_revoked:
                self._output.error(
                    f"the {key_name(key)} host key {key.fingerprint(self._hash)} is revoked by "
                    f"{escape(path)}; somebody who stole it may be answering in the host's place"
                )
                raise HostKeyError(_REFUSED)

    def _is_exempt(self) -> bool:
        config = self._config
        return (
            config.no_host_authentication_for_localhost
            and config.host_key_alias is None
            and self.address is not None
            and is_loopback(self.address)
        )

    def _is_proven_by_dns(self, key: PublicKey) -> bool:
        wanted = self._config.verify_host_key_dns
        if wanted == "no":
            return False
        from pyssh_cli.client.sshfp import look_up  # noqa: PLC0415  # few configurations ask

        finding = look_up(self._config.host_name, key)
        if finding.problem:
            self._output.verbose(f"DNS lookup error: {finding.problem}")
        self._output.debug(
            f"SSHFP: found {finding.found}, matches {finding.matches}, validated {finding.secure}"
        )
        if finding.matches and finding.secure and wanted == "yes":
            self._output.debug("the host key is the one that the DNS has, and the answer is validated")
            return True
        if finding.found and not finding.matches:
            self._output.error(
                f"the DNS has another {key_name(key)} key for {escape(self._config.host_name)} than the host "
                "shows: either its SSHFP records are old, or somebody is between you and the host"
            )
        self._dns_note = (
            "Matching host key fingerprint found in DNS.\n"
            if finding.matches
            else "No matching host key fingerprint found in DNS.\n"
        )
        return False

    # --- known

    def _accept_known(self, key: PublicKey, check: HostKeyCheck) -> bool:
        assert check.entry is not None
        self.place = _place(check.entry)
        self._output.debug(f"Host '{escape(self._name)}' is known: {self.place}")
        # a line about the host at any port confirms a key, but is no reason to write down more of them
        self.is_trusted = check.entry.matches(self._name)
        if not check.entry.marker:
            self._check_address(key, check.entry)
        if self._config.visual_host_key:
            self._output.info(f"Host key fingerprint is {key.fingerprint(self._hash)}\n{self._picture(key)}")
        return True

    def _picture(self, key: PublicKey) -> str:
        from pyssh.keys.randomart import randomart  # noqa: PLC0415  # rarely asked for

        return randomart(key.plain, self._hash)

    def _address_name(self) -> str | None:
        """Return the address under which the key should be known as well (CheckHostIP)."""
        config = self._config
        if not config.check_host_ip or self.address is None or is_loopback(self.address):
            return None
        return None if self.address == config.host_name else host_port_name(self.address, config.port)

    def _check_address(self, key: PublicKey, entry: KnownHost) -> None:
        """Compare with what is known of the address: a name that leads elsewhere now is told."""
        name = self._address_name()
        if name is None:
            return
        check = self._with_command("ADDRESS", name, key).check_key(name, key)
        if check.status == "unknown":
            self._remember(key, [name])
        elif check.status in ("changed", "revoked"):
            assert check.entry is not None
            self._doubt(
                f"Warning: the {key_name(key)} host key for '{escape(self._name)}' differs from the key for "
                f"the IP address '{escape(name)}'\n"
                f"Offending key for IP in {_place(check.entry)}\n"
                f"Matching host key in {_place(entry)}"
            )

    def _doubt(self, text: str) -> None:
        match self._config.strict_host_key_checking:
            case "no":
                self._output.info(text)
            case "ask":
                question = f"{text}\nAre you sure you want to continue connecting (yes/no)? "
                answer = self._prompter.ask(question, echo=True)
                if answer is None or answer.strip().lower() != "yes":
                    self._output.info(text)
                    raise HostKeyError(_REFUSED)
            case _:
                self._output.info(text)
                self._output.error("the configuration asks for strict checking, so this is the end")
                raise HostKeyError(_REFUSED)

    def _check_certificate(
        self, certificate: "Certificate", check: HostKeyCheck, known: KnownHosts
    ) -> HostKeyCheck:
        """Validate a certificate of a trusted authority; if it does not hold, the bare key may be known."""
        from pyssh.keys.verdict import judge_certificate  # noqa: PLC0415  # few hosts have certificates

        assert check.entry is not None
        host = self._config.host_key_alias or self._config.host_name
        verdict = judge_certificate(
            certificate,
            "host",
            time.time(),
            names=(host,),
            ca_algorithms=apply_list(
                self._config.ca_signature_algorithms, CA_SIGNATURES.default_names, CA_SIGNATURES.names
            ),
            show_time=show_local_time,
        )
        for asked in verdict.checks:
            self._output.debug(f"Host certificate: {escape(asked.text)}")
        if not verdict.holds:
            self._output.error(f"the host's certificate is not accepted: {escape(verdict.reason)}")
            return known.check_key(self._name, certificate.plain, without_port=self._without_port)
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

    def _decide_unknown(self, key: PublicKey) -> bool:
        match self._config.strict_host_key_checking:
            case "yes":
                self._output.error(
                    f"No {key_name(key)} host key is known for {escape(self._name)} and you have requested "
                    f"strict checking; it shows {key.fingerprint(self._hash)}"
                )
                raise HostKeyError(_REFUSED)
            case "ask":
                self._ask(key)
        self._remember(key, self.names)
        return True

    def _ask(self, key: PublicKey) -> None:
        fingerprint = key.fingerprint(self._hash)
        picture = f"{self._picture(key)}\n" if self._config.visual_host_key else ""
        text = (
            f"The authenticity of host '{escape(self._name)}' can't be established.\n"
            f"{key_name(key)} key fingerprint is {fingerprint}\n"
            f"{picture}{self._other_names(key)}\n{self._dns_note}"
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
                self.is_trusted = True
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

    def _remember(self, key: PublicKey, names: Sequence[str]) -> None:
        """Write the key to the first file of the user's; that it cannot be written is no reason to stop."""
        if not self._user_files:
            return
        try:
            add_host_key(self._user_files[0], names, key.plain, hash_names=self._config.hash_known_hosts)
        except ConfigError as error:
            self._output.error(f"the host key was not added to the known ones: {error}")
            return
        self._output.info(
            f"Warning: Permanently added '{escape(','.join(names))}' ({key_name(key)}) to the list of known "
            "hosts."
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


def show_local_time(seconds: int) -> str:
    """Return a moment in this machine's time zone."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds))
    except (OverflowError, OSError, ValueError):
        return f"{seconds} seconds after 1970"


def _place(entry: KnownHost) -> str:
    return f"{escape(entry.path)} line {entry.line}"


def _shown_hosts(entry: KnownHost) -> str:
    return "[hashed name]" if entry.is_hashed else escape(entry.hosts)
