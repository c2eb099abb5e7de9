"""`Struct` and `Message`: records that know their bytes, declared once by their annotations.

Decoding is strict: what is short, trailing or not canonical is a `DecodeError` naming message, field, offset.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Self, TypeVar, get_args

from pyssh.errors import DecodeError
from pyssh.record import Record
from pyssh.wire.types import Codec, Reader

_M = TypeVar("_M", bound="type[Message]")


class Struct(Record):
    """A record whose fields are annotated with the types of `pyssh.wire.types`, in wire order."""

    codecs: ClassVar[tuple[tuple[str, Codec], ...]] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = tuple(
            (field, get_args(hint)[1])
            for field, hint in cls.__annotations__.items()
            if field in cls.__slots__
        )
        cls.codecs = cls.codecs + own
        cls.redacted_fields = frozenset(field for field, codec in cls.codecs if codec.secret)

    def put(self, out: bytearray) -> None:
        """Append the fields to `out`."""
        for field, codec in self.codecs:
            codec.put(out, getattr(self, field))

    def encode(self) -> bytes:
        """Return the fields as bytes."""
        out = bytearray()
        self.put(out)
        return bytes(out)

    @classmethod
    def take(cls, reader: Reader) -> Self:
        """Take one from `reader`, which may hold more."""
        values: list[Any] = []
        for field, codec in cls.codecs:
            try:
                values.append(codec.take(reader))
            except DecodeError as error:
                raise DecodeError(error.problem, error.offset, message=cls.__name__, field=field) from None
        return cls(*values)

    @classmethod
    def decode(cls, data: bytes | bytearray | memoryview) -> Self:
        """Decode all of `data`."""
        reader = Reader(data)
        decoded = cls.take(reader)
        _finish(cls, reader)
        return decoded


class Message(Struct):
    """An SSH message: a struct behind its message number. `encode` and `decode` include the number."""

    number: ClassVar[int]

    def encode(self) -> bytes:
        """Return the payload: the message number and the fields."""
        out = bytearray((self.number,))
        self.put(out)
        return bytes(out)

    @classmethod
    def decode(cls, data: bytes | bytearray | memoryview) -> Self:
        """Decode a whole payload, whose first byte must be the message number."""
        if not data or data[0] != cls.number:
            raise DecodeError(f"message number {cls.number} wanted", 0, message=cls.__name__)
        reader = Reader(data, 1)
        decoded = cls.take(reader)
        _finish(cls, reader)
        return decoded


def _finish(cls: type[Struct], reader: Reader) -> None:
    if reader.remaining:
        raise DecodeError(f"{reader.remaining} bytes too many", reader.offset, message=cls.__name__)


def message(number: int) -> Callable[[_M], _M]:
    """Give a `Message` class its number."""

    def declare(cls: _M) -> _M:
        cls.number = number
        return cls

    return declare
