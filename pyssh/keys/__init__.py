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

Passphrases are `str`, which is taken as UTF-8, or bytes. No object keeps one, and neither `repr` nor errors
show anything of a private key but its fingerprint.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyssh.keys.certificate import Certificate
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
    from pyssh.keys.private import PrivateKey, generate_private_key
    from pyssh.keys.public import PublicKey
    from pyssh.keys.signing import Signer

__all__ = [
    "PRIVATE_FORMATS",
    "PUBLIC_FORMATS",
    "Certificate",
    "KeyFile",
    "PrivateKey",
    "PublicKey",
    "Signer",
    "detect_format",
    "dump_private",
    "dump_public",
    "generate_private_key",
    "load_key",
    "load_private",
    "load_public",
]

_HOMES = {
    "Certificate": "certificate",
    "PrivateKey": "private",
    "PublicKey": "public",
    "Signer": "signing",
    "generate_private_key": "private",
}


def __getattr__(name: str) -> object:
    """Load a public name's module when the name is first used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'pyssh.keys' has no attribute {name!r}")
    value: object = getattr(import_module(f"pyssh.keys.{_HOMES.get(name, 'formats')}"), name)
    globals()[name] = value
    return value
