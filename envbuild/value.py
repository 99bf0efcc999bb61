"""Frozen values, as `dataclass(frozen=True, kw_only=True, slots=True)` makes them, in a seventh of the time.

`dataclasses` generates and compiles six methods for every class, which would be most of envbuild's import time.
Here all classes share methods that loop over the fields.
"""

from __future__ import annotations

from itertools import repeat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from operator import attrgetter
    from typing import Any, NoReturn, TypeVar, dataclass_transform

    T = TypeVar("T")
else:
    try:
        from _operator import attrgetter  # the same, without what `operator` has beside it
    except ImportError:
        from operator import attrgetter

    def dataclass_transform(**_: object) -> Callable[[T], T]:
        """Does nothing; for type checkers."""
        return lambda made: made


_MISSING = object()


class FrozenError(AttributeError):
    """An assignment to a field of a value."""


class _Field:
    """A field's settings."""

    __slots__ = ("default", "factory", "shown")

    def __init__(self, default: object, factory: Callable[[], object] | None, *, shown: bool):
        self.default = default
        self.factory = factory
        self.shown = shown


def field(
    *,
    default: Any = _MISSING,
    default_factory: Callable[[], object] | None = None,
    repr: bool = True,  # noqa: A002  (as in dataclasses)
) -> Any:
    """A field with settings: a default made for each value, or left out of its `repr`."""
    return _Field(default, default_factory, shown=repr)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """Make a class a value: its annotated names are fields, passed by name and never changed.

    Two values are equal if they have the same class and equal fields.
    The class's own methods stay. A subclass inherits the fields.
    """
    inherited: dict[str, _Field] = getattr(cls, "__value_fields__", {})
    namespace = dict(cls.__dict__)
    own = {
        name: _field_of(namespace.pop(name, _MISSING))
        for name, annotation in cls.__annotations__.items()
        if not str(annotation).startswith(("ClassVar", "typing.ClassVar"))
    }
    namespace.pop("__dict__", None)
    namespace.pop("__weakref__", None)
    fields = {**inherited, **own}
    methods = {
        "__slots__": tuple(name for name in own if name not in inherited),
        "__qualname__": cls.__qualname__,
        "__value_fields__": fields,
        "__value_content__": _content_of(tuple(fields)),
        "__eq__": _is_equal,
        "__hash__": _hash_of,
        "__repr__": _show,
        "__reduce__": _reduce,
        "__setattr__": _refuse,
        "__delattr__": _refuse,
    }
    kind: Any = type(cls)
    made = kind(cls.__name__, cls.__bases__, {**methods, **namespace})
    made.__init__ = _initializer(made, fields)
    return made  # type: ignore[no-any-return]


def replace(one: T, **changes: Any) -> T:
    """A copy with some fields changed."""
    kind: Any = type(one)
    return kind(**{**as_dict(one), **changes})  # type: ignore[no-any-return]


def as_dict(one: Any) -> dict[str, Any]:
    """The fields of a value by name; nested values are not converted."""
    return {name: getattr(one, name) for name in one.__value_fields__}


def field_names(kind: Any) -> tuple[str, ...]:
    """The names of a class's fields, in their order."""
    return tuple(kind.__value_fields__)


def defaults_of(kind: Any) -> dict[str, Any]:
    """The fields of a class that have a default, each with it."""
    fields: dict[str, _Field] = kind.__value_fields__
    return {name: one.default for name, one in fields.items() if one.default is not _MISSING}


def _field_of(given: object) -> _Field:
    return given if isinstance(given, _Field) else _Field(given, None, shown=True)


def _content_of(names: tuple[str, ...]) -> Any:
    """The content of a value's fields, for comparison."""
    return staticmethod(attrgetter(*names) if names else lambda _: ())


def _initializer(made: Any, fields: dict[str, _Field]) -> Callable[..., None]:
    """The class's `__init__`."""
    puts = tuple((name, getattr(made, name).__set__) for name in fields)
    count = len(puts)

    def __init__(self: object, **given: Any) -> None:  # noqa: N807
        if len(given) != count:
            given = _complete(made, given)
        try:
            for name, put in puts:
                put(self, given[name])
        except KeyError:
            _complete(made, given)
            raise

    return __init__


def _complete(made: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The given fields and the defaults; TypeError for missing or unknown fields."""
    fields: dict[str, _Field] = made.__value_fields__
    content = {
        name: one.factory() if one.factory is not None else one.default
        for name, one in fields.items()
        if name not in given
    }
    missing = [name for name, found in content.items() if found is _MISSING]
    unknown = [name for name in given if name not in fields]
    for what, names in (("needs", missing), ("does not know", unknown)):
        if names:
            raise TypeError(f"{made.__qualname__}() {what} {', '.join(names)}")
    return {**content, **given}


def _is_equal(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return self.__value_content__(self) == self.__value_content__(other)


def _hash_of(self: Any) -> int:
    return hash(self.__value_content__(self))


def _show(self: Any) -> str:
    shown = [
        f"{name}={getattr(self, name)!r}"
        for name, one in self.__value_fields__.items()
        if one.shown
    ]
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _rebuild(kind: Any, content: dict[str, Any]) -> Any:
    return kind(**content)


def _reduce(self: Any) -> tuple[Any, ...]:
    return _rebuild, (type(self), as_dict(self))


def _refuse(self: object, name: str, *_: object) -> NoReturn:
    raise FrozenError(f"{type(self).__qualname__}.{name} cannot be changed")


def tuples_of(kind: type[T], rows: Iterable[Iterable[object]]) -> tuple[T, ...]:
    """Named tuples of a kind, one for each row, as its `_make` gives them, without a Python call for each.

    Each row must have as many fields as the kind; this is not checked.
    """
    return tuple(map(tuple.__new__, repeat(kind), rows))  # type: ignore[arg-type]
