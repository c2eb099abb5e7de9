"""Keys of every type as stock ssh-keygen makes them, plain and certified, for hosts and users."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from pyssh.keys.certificate import Certificate, CertifiedSigner
from pyssh.keys.openssh import decode_private_key
from pyssh.keys.public import parse_public_line
from pyssh.keys.signing import Signer
from tests.support import peers

KEY_TYPES = ("ed25519", "ecdsa-256", "ecdsa-384", "ecdsa-521", "rsa", "mldsa44-ed25519")
"""As ssh-keygen's -t and -b."""


def load_signers(path: Path) -> list[Signer]:
    """The private key in a file; with a certificate beside it, that first."""
    private, _ = decode_private_key(path.read_bytes(), None)
    public = path.with_name(f"{path.name}-cert.pub")
    if not public.exists():
        return [private]
    certificate, _ = parse_public_line(public.read_text())
    assert isinstance(certificate, Certificate)
    return [CertifiedSigner(private, certificate), private]


class KeyRing:
    """Key files, made when they are first asked for.

    A user's certificate lies beside a second copy of its key, as clients load whatever lies beside a key.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._keygen = peers.NEWEST if peers.NEWEST.missing() is None else peers.DISTRIBUTION
        for name in ("host", "plain", "certified"):
            (folder / name).mkdir()
        self.authority = peers.make_key(folder / "authority")

    def host(self, kind: str) -> Path:
        """A host's private key, with its certificate for 127.0.0.1 beside it."""
        path = self.folder / "host" / kind
        return path if path.exists() else self._certify(self._make(path, kind), "-h", "-n", "127.0.0.1")

    def host_certificate(self, kind: str) -> Path:
        """The certificate of `host`."""
        path = self.host(kind)
        return path.with_name(f"{path.name}-cert.pub")

    def user(self, kind: str) -> Path:
        """A user's private key."""
        path = self.folder / "plain" / kind
        return path if path.exists() else self._make(path, kind)

    def certified(self, kind: str) -> Path:
        """The same key with a certificate beside it, for whoever logs in."""
        path = self.folder / "certified" / kind
        if not path.exists():
            for suffix in ("", ".pub"):
                copy = path.with_name(path.name + suffix)
                copy.write_bytes(self.user(kind).with_name(path.name + suffix).read_bytes())
                copy.chmod(0o600)
            self._certify(path, "-n", f"me,guest,{peers.current_user()}")
        return path

    def identity(self, algorithm: str, kinds: Iterable[str]) -> Path:
        """The user's private key of these kinds that signs with an algorithm."""
        for kind in kinds:
            for path in (self.user(kind), self.certified(kind)):
                if algorithm in load_signers(path)[0].key.signature_algorithms:
                    return path
        raise AssertionError(f"no key signs with {algorithm}")

    def authorized_keys(self, kinds: Iterable[str]) -> str:
        """Lines for the plain keys of users."""
        return "".join(self.user(kind).with_name(f"{kind}.pub").read_text() for kind in kinds)

    def dropbear_host(self, kind: str) -> Path:
        """A host's key in Dropbear's format."""
        path = self.folder / "host" / f"{kind}.dropbear"
        convert = [str(peers.DROPBEAR.path("dropbearconvert")), "openssh", "dropbear"]
        subprocess.run([*convert, str(self.host(kind)), str(path)], check=True, capture_output=True)
        return path

    def _make(self, path: Path, kind: str) -> Path:
        name, _, bits = kind.partition("-")
        if name == "ecdsa":
            return peers.make_key(path, name, "-b", bits)
        return peers.make_key(path, kind, *(["-b", "2048"] if kind == "rsa" else []))

    def _certify(self, path: Path, *options: str) -> Path:
        words = [str(self._keygen.path("ssh-keygen")), "-q", "-s", str(self.authority), "-I", "test"]
        public = path.with_name(f"{path.name}.pub")
        subprocess.run([*words, *options, str(public)], check=True, capture_output=True)
        return path
