"""Frozen values: as `dataclasses` makes them."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from envbuild.value import FrozenError, as_dict, field, field_names, replace, value

if TYPE_CHECKING:
    from collections.abc import Callable


@value
class Point:
    """A value with a default, a secret, a list of its own, and more than fields."""

    ORIGIN: ClassVar[int] = 0

    x: int
    """Text between fields is none."""

    y: int = 2
    secret: str = field(default="hidden", repr=False)
    seen: list[int] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Methods see fields."""
        return self.x + self.y


@value
class Named(Point):
    """A value that has another's fields too."""

    name: str


@value
class Nothing:
    """A value without a field."""


@value
class Own:
    """A value with its own idea of being equal."""

    x: int

    def __eq__(self, other: object) -> bool:
        """Whatever it is compared with."""
        return True

    def __hash__(self) -> int:
        """One for all."""
        return 1


def test_fields_are_given_by_name_or_have_defaults() -> None:
    """What is not given is the default, and made anew where it can change."""
    one, other = Point(x=1), Point(x=1, y=5)
    assert (one.x, one.y, one.total, other.y, Point.ORIGIN) == (1, 2, 3, 5, 0)
    assert one.seen is not other.seen
    assert field_names(Point) == ("x", "y", "secret", "seen")
    assert as_dict(other) == {"x": 1, "y": 5, "secret": "hidden", "seen": []}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Point, "needs x"),
        (lambda: Point(y=1), "needs x"),  # type: ignore[call-arg]
        (lambda: Point(x=1, z=3), "does not know z"),  # type: ignore[call-arg]
        (lambda: Point(z=1, y=1, secret="", seen=[]), "needs x"),  # type: ignore[call-arg]
        (lambda: Point(1), "argument"),  # type: ignore[call-arg]
        (lambda: replace(Point(x=1), z=3), "does not know z"),
        (lambda: Nothing(x=1), "does not know x"),  # type: ignore[call-arg]
    ],
)
def test_fields_that_are_missing_or_unknown_are_named(
    make: Callable[[], object], said: str
) -> None:
    """As with any function: TypeError."""
    with pytest.raises(TypeError, match=said):
        make()


def test_equal_is_what_has_equal_fields_and_is_of_one_class() -> None:
    """As `dataclasses` has it, hashes included; one with a list has none."""
    assert Point(x=1) == Point(x=1)
    assert Point(x=1) != Point(x=2)
    assert Point(x=1) != Named(x=1, name="p")
    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(Nothing())
    assert len({replace(Wide(), a=number % 3) for number in range(9)}) == 3
    assert Own(x=1) == Own(x=2)
    assert hash(Own(x=1)) == 1
    with pytest.raises(TypeError):
        hash(Point(x=1))


@value
class Wide:
    """A value with many fields."""

    a: int = 0
    b: str = ""
    c: tuple[int, ...] = ()


@pytest.mark.parametrize(
    "change",
    [
        lambda one: setattr(one, "x", 3),
        lambda one: setattr(one, "new", 3),
        lambda one: delattr(one, "x"),
    ],
)
@pytest.mark.parametrize("one", [Point(x=1), Named(x=1, name="p")])
def test_nothing_changes_a_value(one: Any, change: Callable[[Any], None]) -> None:
    """Neither a field nor what is none; and there is no room for more."""
    with pytest.raises(FrozenError):
        change(one)
    assert one.x == 1
    assert not hasattr(one, "__dict__")


def test_it_shows_what_is_no_secret() -> None:
    """`repr` is as `dataclasses` has it, but for what is kept out."""
    assert repr(Point(x=1)) == "Point(x=1, y=2, seen=[])"
    assert repr(Nothing()) == "Nothing()"


def test_inherited_fields_come_first() -> None:
    """A derived value has all fields."""
    named = Named(x=1, name="p")
    assert field_names(Named) == ("x", "y", "secret", "seen", "name")
    assert replace(named, x=4).total == 6
    assert replace(named, x=4).name == "p"


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one)), replace]
)
def test_a_copy_is_equal(again: Callable[[Any], Any]) -> None:
    """Values can be copied and sent to another process."""
    for one in (Point(x=1, seen=[2]), Named(x=1, name="p"), Nothing(), Wide(b="x")):
        assert again(one) == one
        assert type(again(one)) is type(one)
