"""The data types of RFC 4251 section 5: one put and take pair each, and their type aliases.

`put_` functions append to a `bytearray`; `take_` functions read from a `Reader` and advance it. Lengths are
checked against what is left before anything is copied.
"""

from collections.abc import Callable
from struct import Struct
from typing import Annotated, Any, Final

from pyssh.errors import DecodeError
from pyssh.record import Record

_UINT32: Final = Struct(">I")
_UINT64: Final = Struct(">Q")


class Reader:
    """A place in bytes that are being decoded. Owns nothing: the data must not change meanwhile."""

    __slots__ = ("_data", "_end", "offset")

    def __init__(self, data: bytes | bytearray | memoryview, offset: int = 0) -> None:
        self._data = data
        self._end = len(data)
        self.offset = offset

    @property
    def remaining(self) -> int:
        """Bytes not yet taken."""
        return self._end - self.offset

    def take(self, length: int) -> bytes:
        """Return the next `length` bytes; `DecodeError` if there are fewer."""
        start = self.offset
        end = start + length
        if end > self._end:
            raise DecodeError(f"{length} bytes wanted, {self._end - start} left", start)
        self.offset = end
        return bytes(self._data[start:end])

    def finish(self) -> None:
        """Raise `DecodeError` unless everything was taken."""
        if self.offset != self._end:
            raise DecodeError(f"{self.remaining} bytes too many", self.offset)


def put_byte(out: bytearray, value: int) -> None:
    """Append one byte."""
    out.append(value)


def take_byte(reader: Reader) -> int:
    """Take one byte as a number."""
    return reader.take(1)[0]


def put_boolean(out: bytearray, value: bool) -> None:
    """Append a boolean as 0 or 1."""
    out.append(1 if value else 0)


def take_boolean(reader: Reader) -> bool:
    """Take a boolean; any non-zero byte is true, as RFC 4251 has it."""
    return reader.take(1)[0] != 0


def put_uint32(out: bytearray, value: int) -> None:
    """Append a 32-bit number."""
    out += _UINT32.pack(value)


def take_uint32(reader: Reader) -> int:
    """Take a 32-bit number."""
    value: int = _UINT32.unpack(reader.take(4))[0]
    return value


def put_uint64(out: bytearray, value: int) -> None:
    """Append a 64-bit number."""
    out += _UINT64.pack(value)


def take_uint64(reader: Reader) -> int:
    """Take a 64-bit number."""
    value: int = _UINT64.unpack(reader.take(8))[0]
    return value


def put_string(out: bytearray, value: bytes | bytearray | memoryview) -> None:
    """Append a length and bytes."""
    out += _UINT32.pack(len(value))
    out += value


def take_string(reader: Reader) -> bytes:
    """Take bytes behind their length."""
    return reader.take(take_uint32(reader))


def put_text(out: bytearray, value: str) -> None:
    """Append UTF-8 text behind its length."""
    put_string(out, value.encode())


def take_text(reader: Reader) -> str:
    """Take UTF-8 text; anything that is not UTF-8 is a `DecodeError`."""
    start = reader.offset
    try:
        return take_string(reader).decode()
    except UnicodeDecodeError:
        raise DecodeError("text that is not UTF-8", start) from None


def put_name_list(out: bytearray, value: tuple[str, ...]) -> None:
    """Append names, joined by commas."""
    put_string(out, ",".join(value).encode("ascii"))


def take_name_list(reader: Reader) -> tuple[str, ...]:
    """Take a name-list. Names are printable ASCII and never empty."""
    start = reader.offset
    joined = take_string(reader)
    if not joined:
        return ()
    if not joined.isascii() or not (text := joined.decode("ascii")).isprintable():
        raise DecodeError("a name-list that is not printable ASCII", start)
    names = tuple(text.split(","))
    if "" in names:
        raise DecodeError("an empty name in a name-list", start)
    return names


def put_mpint(out: bytearray, value: int) -> None:
    """Append a number of any size, two's complement, shortest form."""
    size = 0 if value == 0 else (value if value >= 0 else ~value).bit_length() // 8 + 1
    put_string(out, value.to_bytes(size, "big", signed=True))


def take_mpint(reader: Reader) -> int:
    """Take a number of any size; padded forms are a `DecodeError`."""
    start = reader.offset
    encoded = take_string(reader)
    value = int.from_bytes(encoded, "big", signed=True)
    size = 0 if value == 0 else (value if value >= 0 else ~value).bit_length() // 8 + 1
    if size != len(encoded):
        raise DecodeError("an mpint that is not in its shortest form", start)
    return value


def put_rest(out: bytearray, value: bytes | bytearray | memoryview) -> None:
    """Append bytes with nothing before them."""
    out += value


def take_rest(reader: Reader) -> bytes:
    """Take everything that is left."""
    return reader.take(reader.remaining)


def _put_cookie(out: bytearray, value: bytes) -> None:
    if len(value) != 16:
        raise ValueError("a cookie has 16 bytes")
    out += value


class Codec(Record):
    """How one data type is put and taken. A secret one is left out of every `repr`."""

    name: str
    put: Callable[[bytearray, Any], None]
    take: Callable[[Reader], Any]
    secret: bool = False


Byte = Annotated[int, Codec("byte", put_byte, take_byte)]
Boolean = Annotated[bool, Codec("boolean", put_boolean, take_boolean)]
UInt32 = Annotated[int, Codec("uint32", put_uint32, take_uint32)]
UInt64 = Annotated[int, Codec("uint64", put_uint64, take_uint64)]
String = Annotated[bytes, Codec("string", put_string, take_string)]
Text = Annotated[str, Codec("text", put_text, take_text)]
NameList = Annotated[tuple[str, ...], Codec("name-list", put_name_list, take_name_list)]
MPInt = Annotated[int, Codec("mpint", put_mpint, take_mpint)]
Rest = Annotated[bytes, Codec("rest", put_rest, take_rest)]
Secret = Annotated[bytes, Codec("secret string", put_string, take_string, secret=True)]
Cookie = Annotated[bytes, Codec("cookie", _put_cookie, lambda reader: reader.take(16))]
