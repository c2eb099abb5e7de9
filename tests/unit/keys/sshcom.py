"""Private keys of commercial SSH, put together by hand."""

from base64 import b64encode

from pyssh.keys.private import PrivateKey
from pyssh.keys.rsa import RsaPrivate
from pyssh.keys.sshcom import BEGIN
from tests.unit.keys.building import strings

KIND = "if-modn{sign{rsa-pkcs1-sha1},encrypt{rsa-pkcs1v2-oaep}}"


def number(value: int, bits: int | None = None) -> bytes:
    size = value.bit_length() if bits is None else bits
    return size.to_bytes(4, "big") + value.to_bytes((value.bit_length() + 7) // 8, "big")


def key_fields(key: PrivateKey) -> bytes:
    assert isinstance(key, RsaPrivate)
    numbers = key.library_key().private_numbers()
    public = numbers.public_numbers
    return b"".join(
        number(value) for value in (public.e, numbers.d, public.n, numbers.iqmp, numbers.q, numbers.p)
    )


def blob(fields: bytes, *, kind: str = KIND, cipher: str = "none", length: int | None = None) -> bytes:
    inner = strings(fields)
    rest = strings(kind, cipher) + (len(inner) if length is None else length).to_bytes(4, "big") + inner
    return b"\x3f\x6f\xf9\xeb" + (8 + len(rest)).to_bytes(4, "big") + rest


def armoured(content: bytes) -> bytes:
    end = BEGIN.replace("BEGIN", "END")
    return f'{BEGIN}\nComment: "a \\\ncomment"\n{b64encode(content).decode()}\n{end}\n'.encode()


def sshcom_file(key: PrivateKey, cipher: str = "none") -> bytes:
    """A whole file."""
    return armoured(blob(key_fields(key), cipher=cipher))
