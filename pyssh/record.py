"""`Record`: frozen, slotted value classes.

Like a frozen dataclass with slots, but made without compiling code: a dataclass costs a millisecond of
start-up each (CPython 3.11), a record some microseconds, and a client declares a hundred of them before its
first packet.
"""

import sys
from collections.abc import Mapping
from typing import Any, ClassVar, Self, dataclass_transform, get_origin

_set = object.__setattr__


def _annotations(namespace: dict[str, Any]) -> dict[str, Any]:
    if sys.version_info >= (3, 14):  # PEP 649: annotations are made when asked for
        import annotationlib  # noqa: PLC0415  # exists from 3.14 on

        annotate = annotationlib.get_annotate_from_class_namespace(namespace)
        return annotationlib.call_annotate_function(annotate, annotationlib.Format.VALUE) if annotate else {}
    found: dict[str, Any] = namespace.get("__annotations__", {})
    return found


class _RecordType(type):
    """Turns the annotations of a class into slots before the class is made."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> "_RecordType":
        own = [field for field, hint in _annotations(namespace).items() if get_origin(hint) is not ClassVar]
        inherited: tuple[str, ...] = ()
        defaults: dict[str, Any] = {}
        for base in bases:
            inherited += getattr(base, "__match_args__", ())
            defaults |= getattr(base, "record_defaults", {})
        for field in own:
            if field in namespace:
                defaults[field] = namespace.pop(field)
        namespace["__slots__"] = tuple(own)
        namespace["__match_args__"] = inherited + tuple(own)
        namespace["record_defaults"] = defaults
        return super().__new__(mcs, name, bases, namespace)


@dataclass_transform(frozen_default=True)
class Record(metaclass=_RecordType):
    """Base of value classes: fields are the annotations, defaults their class-level values.

    Instances are frozen, compare and hash by class and fields, and work in `match`. A field whose name is in
    `redacted_fields` shows as `...` in `repr`. `check()` runs after construction and may raise.
    """

    __slots__: ClassVar[tuple[str, ...]]
    __match_args__: ClassVar[tuple[str, ...]]
    record_defaults: ClassVar[Mapping[str, Any]]
    redacted_fields: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *args: Any, **named: Any) -> None:
        fields = self.__match_args__
        if len(args) > len(fields):
            raise TypeError(f"{type(self).__name__} takes {len(fields)} fields, {len(args)} were given")
        for field, value in zip(fields, args, strict=False):
            _set(self, field, value)
        for field in fields[len(args) :]:
            if field in named:
                _set(self, field, named.pop(field))
            elif field in self.record_defaults:
                _set(self, field, self.record_defaults[field])
            else:
                raise TypeError(f"{type(self).__name__} needs the field {field}")
        if named:
            raise TypeError(f"{type(self).__name__} has no field {', '.join(named)}, or it was given twice")
        self.check()

    def check(self) -> None:
        """Raise if the fields do not fit together; nothing by default."""

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed."""
        return type(self)(**{field: getattr(self, field) for field in self.__match_args__} | changes)

    def __setattr__(self, field: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __delattr__(self, field: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, field) for field in self.__match_args__)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), self._values()))

    def __repr__(self) -> str:
        shown = (
            f"{field}=..." if field in self.redacted_fields else f"{field}={getattr(self, field)!r}"
            for field in self.__match_args__
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._values()
