"""The server's host keys: those that are configured, or one of its own, made once."""

import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pyssh.errors import KeyFormatError
from pyssh.keys.certificate import Certificate, CertifiedSigner
from pyssh.keys.private import PrivateKey, generate_private_key
from pyssh_cli.output import Output
from pyssh_config.errors import ConfigError, escape
from pyssh_config.key_files import read_private_key, read_public_key, write_private_key, write_public_key

__all__ = ["SYSTEM_KEYS", "certified_signers", "load_host_keys", "own_host_key", "state_directory"]

SYSTEM_KEYS: Final = (
    "/etc/ssh/ssh_host_ed25519_key",
    "/etc/ssh/ssh_host_ecdsa_key",
    "/etc/ssh/ssh_host_rsa_key",
)
"""The machine's own: sshd's default for a configuration that names none."""

_OWN_KEY: Final = "ssh_host_ed25519_key"
_PRIVATE_DIRECTORY: Final = 0o700


def state_directory(environ: Mapping[str, str], home: str) -> Path:
    """Return where what should outlive a run is kept (XDG Base Directory Specification)."""
    state = environ.get("XDG_STATE_HOME", "")
    base = Path(state) if Path(state).is_absolute() else Path(home, ".local", "state")
    return base / "pyssh"


def own_host_key(directory: Path) -> PrivateKey:
    """Return the key of the servers of this user; make it if it is not there.

    Several that start at the same time agree on one key. Raises ConfigError.
    """
    path = directory / _OWN_KEY
    if not path.exists():
        _make_key(path)
    return _read(str(path))


def _make_key(path: Path) -> None:
    try:
        path.parent.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        key = generate_private_key("ed25519")
        write_private_key(str(fresh), key)
        try:
            # the name appears with all of its content or not at all, and whoever is first wins
            os.link(fresh, path)
        except FileExistsError:
            return
        finally:
            fresh.unlink()
        write_public_key(f"{path}.pub", key.key, replace=True)
    except OSError as error:
        raise ConfigError(
            f"cannot keep a host key there: {error.strerror}; name one with --host-key", path=str(path)
        ) from None


def load_host_keys(paths: Sequence[str], output: Output) -> list[PrivateKey]:
    """Read host keys; one that cannot be used is left out with a line in the log, unless none is left."""
    keys: list[PrivateKey] = []
    problem: ConfigError | None = None
    for path in paths:
        try:
            key = _read(path)
        except ConfigError as error:
            problem = problem or error
            output.error(str(error))
        else:
            if key.key not in [other.key for other in keys]:
                keys.append(key)
    if not keys:
        raise problem or ConfigError("there is no host key; name one with --host-key")
    return keys


def certified_signers(
    paths: Sequence[str], signers: Sequence[PrivateKey], output: Output
) -> tuple[CertifiedSigner, ...]:
    """Put certificates to the keys that they are for; one of no use is left out with a line in the log."""
    found: list[CertifiedSigner] = []
    for path in paths:
        try:
            key, _ = read_public_key(path)
        except ConfigError as error:
            output.error(str(error))
            continue
        if not isinstance(key, Certificate) or key.kind != "host":
            output.error(f"{escape(path)}: it is no certificate of a host")
            continue
        signer = next((one for one in signers if one.key == key.plain), None)
        if signer is None:
            output.error(f"{escape(path)}: none of the host keys is the one that it certifies")
            continue
        found.append(CertifiedSigner(signer, key))
    return tuple(found)


def _read(path: str) -> PrivateKey:
    try:
        return read_private_key(path)[0]
    except KeyFormatError as error:
        raise ConfigError(f"it is no host key: {escape(str(error))}", path=path) from None
