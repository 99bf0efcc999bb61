"""Every pin is kept without a resolution only where ranges moved and admit them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from envbuild.lockfile.freshness import inputs_of
from envbuild.lockfile.lockfile import LockedVariant
from envbuild.resolution.reusable_pins import choices_of, keep_every_pin
from envbuild.target.target import parse_target
from envbuild.value import replace
from tests.support.values import (
    LINUX,
    make_declaration,
    make_driver,
    make_file,
    make_lockfile,
    make_package,
)

if TYPE_CHECKING:
    from envbuild.lockfile.lockfile import Inputs

REQUIRES = ("app>=1", "low[fast]<3", 'old<2; python_version < "3"')
DRIVER = make_driver("app", *REQUIRES)
LOCKED = make_lockfile(
    DRIVER,
    make_package("app", "1.2"),
    make_package("beta", "1.0b1"),
    make_package("local", "1.0+cpu"),
    make_package("low", "2.0"),
)


def _inputs(*requires: str, **changes: Any) -> Inputs:
    driver = make_driver("app", *(requires or REQUIRES))
    return replace(inputs_of(driver, make_declaration(driver)), **changes)


def _moved(old: str, new: str) -> Inputs:
    return _inputs(*(new if text == old else text for text in REQUIRES))


@pytest.mark.parametrize(
    "inputs",
    [
        _moved("app>=1", "app>=1.1,<2"),
        _moved("low[fast]<3", "low[fast]"),
        _moved("low[fast]<3", "low[fast]==2"),
        _moved(REQUIRES[2], 'old<1; python_version < "3"'),
        _inputs(constraints=("low>=2",)),
        _inputs(constraints=("stranger>=2",)),
    ],
)
def test_ranges_that_admit_every_pin(inputs: Inputs) -> None:
    """The lockfile is the old one but for its inputs."""
    assert keep_every_pin(LOCKED, inputs) == replace(LOCKED, inputs=inputs)


@pytest.mark.parametrize(
    "inputs",
    [
        _moved("app>=1", "app>=1.3"),
        _moved("app>=1", "app===1.2"),
        _moved("low[fast]<3", "low<3"),
        _moved("low[fast]<3", "low[fast,more]<3"),
        _moved(REQUIRES[2], 'old<2; python_version < "4"'),
        _inputs("app>=1"),
        _inputs(*REQUIRES, "new"),
        _inputs(constraints=("low<2",)),
        _inputs(constraints=('low<2; python_version < "3"',)),
        _inputs(constraints=("beta>=1.0b1",)),
        _inputs(constraints=("local>=1",)),
        _inputs(overrides=("low==2",)),
        _inputs(python=("3.13",)),
        _inputs(platforms=("aarch64-manylinux_2_28",)),
        _inputs(exclude_newer="2026-01-01"),
        _inputs(allow_sdist=("low",)),
        _inputs(version_of="low"),
        _inputs(indexes=(("mine", ("low",)),)),
    ],
)
def test_all_else_is_a_resolvers_affair(inputs: Inputs) -> None:
    """What excludes a pin, asks for something else or has rules of its own is not decided here."""
    assert keep_every_pin(LOCKED, inputs) is None


CUDA, CPU = (parse_target(f"{LINUX}@{name}") for name in ("cuda", "cpu"))
BINDINGS = (("cuda", (("torch-cuda", ("torch",)),)), ("cpu", ()))


def _variants(cuda: str = "low>=2", cpu: str = "low<3", **changes: Any) -> Inputs:
    """A driver that requires app, with a requirement on low in each of two variants."""
    requires = {"cuda": ("app>=1", cuda), "cpu": ("app>=1", cpu)}
    variants = tuple(
        LockedVariant(name=name, requires=requires[name], indexes=indexes)
        for name, indexes in BINDINGS
    )
    return replace(_inputs("app>=1"), variants=variants, **changes)


LOCKED_VARIANTS = make_lockfile(
    make_driver("app", "app>=1"),
    make_package("app", "1.2", targets=(CUDA, CPU)),
    make_package("low", "2.0", targets=(CPU,)),
    make_package("low", "3.0", targets=(CUDA,)),
    targets=(CUDA, CPU),
    inputs=_variants(),
)


@pytest.mark.parametrize(
    "inputs",
    [
        _variants(cpu="low<2.5"),
        _variants(cuda="low>=3"),
        _variants(constraints=("app<2",)),
    ],
)
def test_ranges_of_a_variant_are_compared_with_its_own_pins(inputs: Inputs) -> None:
    """low 3.0 of the other variant does not count."""
    kept = keep_every_pin(LOCKED_VARIANTS, inputs)
    assert kept == replace(LOCKED_VARIANTS, inputs=inputs)


@pytest.mark.parametrize(
    "inputs",
    [
        _variants(cpu="low>=3"),
        _variants(cuda="low<3"),
        _variants(constraints=("low<3",)),
        _variants(cpu="low[fast]<3"),
        replace(_variants(), variants=_variants().variants[:1]),
        replace(_variants(), variants=_variants().variants[::-1]),
        replace(_variants(), variants=()),
        replace(
            _variants(),
            variants=tuple(replace(one, indexes=()) for one in _variants().variants),
        ),
    ],
)
def test_other_variants_are_a_resolvers_affair(inputs: Inputs) -> None:
    """A range that a variant's pin is outside of, other variants, another order, another index."""
    assert keep_every_pin(LOCKED_VARIANTS, inputs) is None


def test_what_was_built_from_source_is_resolved() -> None:
    """Who builds it anew may get something else."""
    file = replace(make_file("low", "2.0"), name="low-2.0.tar.gz")
    built = replace(LOCKED, packages=(make_package("app"), make_package("low", files=(file,))))
    assert keep_every_pin(built, _moved("app>=1", "app")) is None


def test_a_date_that_stays_is_a_resolvers_affair_too() -> None:
    """Which files count by a date is the index's knowledge."""
    dated = replace(LOCKED, inputs=_inputs(exclude_newer="2026-01-01"))
    assert (
        keep_every_pin(dated, replace(_moved("app>=1", "app"), exclude_newer="2026-01-01")) is None
    )


def test_every_file_of_every_target_is_looked_after() -> None:
    """No pin is believed to stand that nobody asks after."""
    choices = choices_of(LOCKED)
    assert [(c.package, c.version, c.target) for c in choices] == [
        (package.name, package.version, LINUX) for package in LOCKED.packages
    ]
