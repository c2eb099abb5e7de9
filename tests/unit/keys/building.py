"""Bytes that the tests of keys put together by hand."""

import hmac
from base64 import b64encode

from pyssh.keys.modules import certificate_name
from pyssh.keys.private import PrivateKey
from pyssh.keys.public import PublicKey
from pyssh.wire.types import Reader, put_string, put_uint32, put_uint64, take_string

DATA = b"what is signed"


def strings(*parts: bytes | str) -> bytes:
    """Each part behind its length."""
    out = bytearray()
    for part in parts:
        put_string(out, part.encode() if isinstance(part, str) else part)
    return bytes(out)


def certificate_blob(
    key: PublicKey,
    authority: PrivateKey,
    *,
    algorithm: str = "",
    kind: int = 1,
    key_id: bytes = b"id",
    principals: tuple[str, ...] = ("user",),
    valid: tuple[int, int] = (1000, 2000),
    critical: tuple[tuple[str, bytes], ...] = (),
    extensions: tuple[tuple[str, bytes], ...] = (("permit-pty", b""),),
    signature_key: bytes = b"",
    signature: bytes = b"",
) -> bytes:
    """A certificate, right unless told otherwise."""
    fields = Reader(key.blob)
    take_string(fields)
    out = bytearray(strings(certificate_name(key.key_type), b"nonce"))
    out += key.blob[fields.offset :]
    put_uint64(out, 7)
    put_uint32(out, kind)
    out += strings(key_id, strings(*principals))
    for moment in valid:
        put_uint64(out, moment)
    for options in (critical, extensions):
        out += strings(b"".join(strings(name, data) for name, data in options))
    out += strings(b"", signature_key or authority.key.blob)
    out += strings(
        signature or authority.sign(algorithm or authority.key.signature_algorithms[0], bytes(out))
    )
    return bytes(out)


def sshsig_message(namespace: str, hash_name: str, digest: bytes) -> bytes:
    """What `ssh-keygen -Y sign` signs (PROTOCOL.sshsig)."""
    return b"SSHSIG" + strings(namespace, b"", hash_name, digest)


def ppk_in_clear(public: bytes, private: bytes) -> bytes:
    """PuTTY's file of version 3 with any content and the right MAC."""
    key_type = public[4 : 4 + public[3]]
    mac = hmac.digest(b"", strings(key_type, "none", "", public, private), "sha256")
    lines = (
        b"PuTTY-User-Key-File-3: " + key_type,
        b"Encryption: none",
        b"Comment: ",
        b"Public-Lines: 1",
        b64encode(public),
        b"Private-Lines: 1",
        b64encode(private),
        b"Private-MAC: " + mac.hex().encode(),
    )
    return b"\n".join(lines)
