"""UpdateHostKeys: what a trusted host says of its other keys, proven and written to known_hosts.

A server sends all its host keys after the login (hostkeys-00@openssh.com). Those that are new sign the
session (hostkeys-prove-00), and only then are they learned and those that the server no longer has forgotten.
"""

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from typing import Final

from pyssh.aio.client import ClientLink
from pyssh.aio.host_keys import prove_host_keys
from pyssh.errors import KeyFormatError, SSHError
from pyssh.keys.modules import CERTIFIED_TYPES
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.keys.signing import signature_algorithm
from pyssh.record import Record
from pyssh_cli.client.options import algorithms
from pyssh_cli.client.trust import HostTrust, key_name
from pyssh_cli.output import Level, Output
from pyssh_config.client import ClientConfig
from pyssh_config.errors import ConfigError, escape
from pyssh_config.known_hosts import KnownHost, KnownHosts
from pyssh_config.known_hosts_file import add_host_key, remove_keys

__all__ = ["HostKeyUpdate", "Rotation", "plan_rotation"]

_MOST_KEYS: Final = 100
"""As many as a server may tell of; OpenSSH has no limit but the packet's."""

_PATIENCE_SECONDS: Final = 2.0
"""How long an end of the session waits for the proof; what is not learned now is learned the next time."""


class Rotation(Record):
    """What changes in known_hosts; `reason` says why nothing does."""

    new: tuple[PublicKey, ...] = ()
    old: tuple[PublicKey, ...] = ()
    reason: str = ""


def plan_rotation(
    entries: Sequence[KnownHost], names: Collection[str], keys: Sequence[PublicKey]
) -> Rotation:
    """Compare the keys that a host has with those that the user's files know under its names.

    Lines that were written by hand (patterns, several hosts, authorities) are not this machine's to rewrite,
    and a key that is known under another name is a sign of a name that was not meant: then nothing changes.
    """
    theirs = {key.blob: key for key in keys}
    seen: set[bytes] = set()
    old: dict[bytes, PublicKey] = {}
    elsewhere: set[bytes] = set()
    for entry in entries:
        if not any(map(entry.matches, names)):
            elsewhere.add(entry.blob)
        elif _is_complex(entry, names):
            return Rotation(reason="its lines in known_hosts are patterns, lists or authorities")
        elif entry.blob in theirs:
            seen.add(entry.blob)
        else:
            _take_old(entry, old)
    if elsewhere & theirs.keys():
        return Rotation(reason="a key of it is known under another name or address")
    new = tuple(key for blob, key in theirs.items() if blob not in seen)
    return Rotation(new, tuple(key for blob, key in old.items() if blob not in elsewhere))


def _is_complex(entry: KnownHost, names: Collection[str]) -> bool:
    if entry.marker:
        return True
    return not entry.is_hashed and not set(entry.hosts.lower().split(",")) <= set(names)


def _take_old(entry: KnownHost, old: dict[bytes, PublicKey]) -> None:
    # a type that we do not know may be another program's, and is left to it
    with contextlib.suppress(KeyFormatError):
        old[entry.blob] = entry.key


class HostKeyUpdate:
    """The update for one link."""

    def __init__(self, config: ClientConfig, trust: HostTrust, link: ClientLink, output: Output) -> None:
        self._config = config
        self._trust = trust
        self._link = link
        self._output = output
        self._files = config.paths("user_known_hosts_file")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, if the configuration wants it and the host's key was trusted."""
        if self._config.update_host_keys == "no" or not self._files:
            return
        if not self._trust.is_trusted or self._trust.changed:
            self._output.debug("the host key is not known or explicitly trusted: disabling UpdateHostkeys")
            return
        self._link.handle_host_keys(self._told)

    async def settle(self) -> None:
        """Wait, but not for long, for an update that is on its way."""
        if self._task is not None and not self._link.ended:
            await asyncio.wait([self._task], timeout=_PATIENCE_SECONDS)

    def _told(self, blobs: tuple[bytes, ...]) -> None:
        self._task = self._link.spawn(self._update(blobs), "host keys")

    async def _update(self, blobs: tuple[bytes, ...]) -> None:
        try:
            await self._learn(blobs)
        except (SSHError, TimeoutError) as error:
            self._output.verbose(f"the host's keys are not updated: {escape(str(error))}")

    async def _learn(self, blobs: tuple[bytes, ...]) -> None:
        allowed = algorithms(self._config).host_key
        keys = self._usable(blobs, allowed)
        current = self._link.host_key
        if current is None or current.plain not in keys:
            self._output.debug("the host does not tell of the key that it shows; known_hosts stays as it is")
            return
        names = [name.lower() for name in self._trust.names]
        entries = KnownHosts.load(self._files).entries
        rotation = plan_rotation(entries, names, keys)
        if rotation.reason:
            self._output.debug(f"UserKnownHostsFile is not updated: {rotation.reason}")
            return
        if rotation.new:
            formats = {known.signature_format for name in allowed if (known := signature_algorithm(name))}
            await prove_host_keys(self._link, rotation.new, formats)
        if (rotation.new or rotation.old) and self._is_wanted(rotation):
            self._write(rotation, names)

    def _usable(self, blobs: tuple[bytes, ...], allowed: Collection[str]) -> list[PublicKey]:
        keys: list[PublicKey] = []
        if len(blobs) > _MOST_KEYS:
            raise KeyFormatError(f"the host tells of more than {_MOST_KEYS} keys")
        for blob in blobs:
            try:
                key = decode_public_key(blob)
            except KeyFormatError as error:
                self._output.debug(f"a host key is passed over: {escape(str(error))}")
                continue
            if key.key_type in CERTIFIED_TYPES or not set(key.signature_algorithms) & set(allowed):
                self._output.debug(f"{escape(key.key_type)} host keys are not asked for (HostKeyAlgorithms)")
                continue
            if key in keys:
                raise KeyFormatError("the host tells of a key twice")
            keys.append(key)
        return keys

    def _is_wanted(self, rotation: Rotation) -> bool:
        asks = self._config.update_host_keys == "ask"
        level = Level.INFO if asks else Level.VERBOSE
        shown = self._config.fingerprint_hash
        lines = [
            "The server has updated its host keys.",
            "These changes were verified by the server's existing trusted key.",
            *(f"Learned new hostkey: {key_name(key)} {key.fingerprint(shown)}" for key in rotation.new),
            *(
                f"Deprecating obsolete hostkey: {key_name(key)} {key.fingerprint(shown)}"
                for key in rotation.old
            ),
        ]
        self._output.log(level, "\n".join(lines))
        if not asks:
            return True
        answer = self._trust.prompter.ask("Accept updated hostkeys? (yes/no): ", echo=True)
        return answer is not None and answer.strip().lower() == "yes"

    def _write(self, rotation: Rotation, names: Sequence[str]) -> None:
        try:
            for key in rotation.new:
                hash_names = self._config.hash_known_hosts
                add_host_key(self._files[0], names, key, hash_names=hash_names)
            for path in self._files if rotation.old else ():
                if any(entry.path == path for entry in KnownHosts.load([path]).entries):
                    remove_keys(path, names, rotation.old)
        except ConfigError as error:
            self._output.error(f"the host keys were not updated: {error}")
