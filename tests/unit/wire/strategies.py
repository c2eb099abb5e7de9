"""Hypothesis strategies made from the declared fields of structs and messages."""

from typing import Any, TypeVar

from hypothesis import strategies as st

from pyssh.wire.message import Struct

S = TypeVar("S", bound=Struct)

UINT32 = st.integers(0, 2**32 - 1)
_NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=","), min_size=1)
_TEXT = st.text(st.characters(codec="utf-8"))

# by the name of the codec; a new one without an entry here fails the tests of every class that has it
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "byte": st.integers(0, 255),
    "boolean": st.booleans(),
    "uint32": UINT32,
    "uint64": st.integers(0, 2**64 - 1),
    "string": st.binary(),
    "secret string": st.binary(),
    "text": _TEXT,
    "name-list": st.lists(_NAMES).map(tuple),
    "mpint": st.integers() | st.integers(-(2**521), 2**521),
    "rest": st.binary(),
    "cookie": st.binary(min_size=16, max_size=16),
    "strings to the end": st.lists(st.binary(), max_size=20).map(tuple),
    "numbers": st.lists(UINT32).map(tuple),
}


def structs(cls: type[S]) -> st.SearchStrategy[S]:
    """Return instances of a struct with any values that its fields can hold."""
    return st.builds(cls, *(FIELDS[codec.name] for _, codec in cls.codecs))
