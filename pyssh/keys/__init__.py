"""Keys: blobs, files and signatures to objects and back (RFC 4253 section 6.6 and what followed it).

The names below are for everybody; they are loaded when first used. Keys are read from bytes of any format,
which is found out by the content, and written in the format that is asked for:

>>> from pyssh import keys
>>> key = keys.generate_private_key("ed25519")
>>> data = keys.dump_private(key, "ppk", passphrase="correct horse", comment="me@here")
>>> keys.detect_format(data)
'ppk'
>>> keys.load_private(data, "correct horse").key == key.key
True
>>> keys.load_private(data, "wrong")
Traceback (most recent call last):
    ...
pyssh.errors.PassphraseError: wrong passphrase, or the .ppk file is damaged

`load_key` tells all that a file says:

>>> found = keys.load_key(keys.dump_public(key.key, "rfc4716", comment="a comment"))
>>> found.format, found.key == key.key, found.private, found.comment
('rfc4716', True, None, 'a comment')

A key signs and verifies; what it signs with is an algorithm, of which RSA keys have several:

>>> signature = key.sign("ssh-ed25519", b"data")
>>> key.key.verify("ssh-ed25519", signature, b"data")
True

The same for files, as `ssh-keygen -Y sign` does it:

>>> text = keys.encode_signature(keys.sign_file(key, b"content", "file"))
>>> found = keys.decode_signature(text)
>>> found.verify_file(b"content"), found.key == key.key, found.namespace
(True, True, 'file')

A certificate is a public key with a CA's statement about it, and a revocation list takes keys and
certificates back:

>>> import os
>>> ca = keys.generate_private_key("ed25519")
>>> statement = keys.Statement("user", "alice@example.org", ("alice",), serial=7, valid_before=2_000_000_000)
>>> sign = lambda data: ca.sign("ssh-ed25519", data)
>>> certificate = keys.sign_certificate(key.key, statement, ca.key, sign, os.urandom(32))
>>> certificate.validate(1_900_000_000, "alice", "user")
>>> certificate.validate(1_900_000_000, "bob", "user")
Traceback (most recent call last):
    ...
pyssh.errors.KeyFormatError: the certificate is not for 'bob', but for 'alice'
>>> revoked = keys.RevocationList(version=1)
>>> revoked.revoke(certificate)
>>> keys.decode_krl(revoked.encode()).is_revoked(certificate), revoked.is_revoked(key.key)
(True, False)

A verdict asks everything that can be asked, and answers in words:

>>> verdict = keys.judge_certificate(certificate, "user", 1_900_000_000, names=["bob"], authorities=[ca.key])
>>> verdict.holds, verdict.reason
(False, "the certificate is not for 'bob', but for 'alice'")
>>> [check.name for check in verdict.checks if check.passed]
['type', 'authority', 'signature', 'validity', 'options']

Passphrases are `str`, which is taken as UTF-8, or bytes. No object keeps one, and neither `repr` nor errors
show anything of a private key but its fingerprint.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyssh.keys.certificate import Certificate
    from pyssh.keys.certify import Statement, sign_certificate
    from pyssh.keys.formats import (
        PRIVATE_FORMATS,
        PUBLIC_FORMATS,
        KeyFile,
        detect_format,
        dump_private,
        dump_public,
        load_key,
        load_private,
        load_public,
    )
    from pyssh.keys.krl import RevocationList, decode_krl
    from pyssh.keys.lines import find_keys
    from pyssh.keys.private import PrivateKey, generate_private_key
    from pyssh.keys.public import PublicKey
    from pyssh.keys.signing import Signer
    from pyssh.keys.sshfp import SshfpRecord, parse_sshfp, sshfp_record
    from pyssh.keys.sshsig import FileSignature, decode_signature, encode_signature, sign_file
    from pyssh.keys.verdict import Verdict, judge_certificate

__all__ = [
    "PRIVATE_FORMATS",
    "PUBLIC_FORMATS",
    "Certificate",
    "FileSignature",
    "KeyFile",
    "PrivateKey",
    "PublicKey",
    "RevocationList",
    "Signer",
    "SshfpRecord",
    "Statement",
    "Verdict",
    "decode_krl",
    "decode_signature",
    "detect_format",
    "dump_private",
    "dump_public",
    "encode_signature",
    "find_keys",
    "generate_private_key",
    "judge_certificate",
    "load_key",
    "load_private",
    "load_public",
    "parse_sshfp",
    "sign_certificate",
    "sign_file",
    "sshfp_record",
]

_HOMES = {
    "Certificate": "certificate",
    "FileSignature": "sshsig",
    "PrivateKey": "private",
    "PublicKey": "public",
    "RevocationList": "krl",
    "Signer": "signing",
    "SshfpRecord": "sshfp",
    "Statement": "certify",
    "Verdict": "verdict",
    "decode_krl": "krl",
    "decode_signature": "sshsig",
    "encode_signature": "sshsig",
    "find_keys": "lines",
    "generate_private_key": "private",
    "judge_certificate": "verdict",
    "parse_sshfp": "sshfp",
    "sign_certificate": "certify",
    "sign_file": "sshsig",
    "sshfp_record": "sshfp",
}


def __getattr__(name: str) -> object:
    """Load a public name's module when the name is first used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'pyssh.keys' has no attribute {name!r}")
    value: object = getattr(import_module(f"pyssh.keys.{_HOMES.get(name, 'formats')}"), name)
    globals()[name] = value
    return value
