"""Which locked package has the module that a driver runs."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from envbuild.declaration.driver import Variant
from envbuild.index.wheel_commands import has_module
from envbuild.lockfile.freshness import command_reasons, stale_reasons
from envbuild.lockfile.parse import parse_lockfile
from envbuild.lockfile.runnable_modules import module_problem, record_modules
from envbuild.lockfile.text import render_lockfile
from envbuild.target.target import parse_target
from envbuild.value import replace
from tests.support.values import LINUX, make_declaration, make_driver, make_lockfile, make_package
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.lockfile.lockfile import LockedPackage

NAMES = ("alpha", "beta", "my-server")


def packages_with(*having: str) -> tuple[list[str], Callable[..., frozenset[str]]]:
    """What was opened, in order, and who answers for packages that have the module."""
    opened: list[str] = []

    def ask(packages: tuple[LockedPackage, ...]) -> frozenset[str]:
        opened.extend(one.name for one in packages)
        return frozenset(one.files[0].sha256 for one in packages if one.name in having)

    return opened, ask


@pytest.mark.parametrize(
    ("module", "having", "order"),
    [
        ("my_server.main", "my-server", ["my-server"]),
        ("beta", "beta", ["beta"]),
        ("other", "alpha", ["alpha"]),
        ("other", "beta", ["alpha", "beta", "my-server"]),
    ],
)
def test_no_more_is_opened_than_the_answer_needs(
    module: str, having: str, order: list[str]
) -> None:
    """What is called like the module, then what the driver requires, then all; one is recorded."""
    driver = make_driver("svc", "alpha", command=("python", "-m", module))
    lockfile = make_lockfile(driver, *map(make_package, NAMES))
    opened, ask = packages_with(having)
    found = record_modules(driver, lockfile, (), ask)
    assert opened == order
    assert {one.name: one.modules for one in found.packages if one.modules} == {having: (module,)}
    assert stale_reasons(lockfile, driver, make_declaration(driver)) == (
        f"command: it was locked before the module {module!r} was declared",
    )
    assert stale_reasons(found, driver, make_declaration(driver)) == ()
    assert module_problem(driver, found, "drivers.toml") == ()
    assert parse_lockfile(render_lockfile(found), file="x.toml") == found
    again, ask = packages_with()
    known = {one.files[0].sha256 for one in found.packages if one.modules}
    assert record_modules(driver, lockfile, known, ask) == found
    assert not again


def test_a_module_that_nobody_has_is_a_mistake() -> None:
    """With the line of the key and a way out."""
    driver = make_driver(
        "svc", "alpha", command=("python", "-m", "alpha.serve"), origins=(("command", 7),)
    )
    lockfile = make_lockfile(driver, *map(make_package, NAMES))
    opened, ask = packages_with()
    found = record_modules(driver, lockfile, (), ask)
    assert opened == ["alpha", "beta", "my-server"]
    (problem,) = module_problem(driver, found, "drivers.toml")
    assert (problem.line, problem.key) == (7, "drivers.svc.command")
    assert "'alpha.serve'" in problem.message


def test_a_source_may_bring_any_module() -> None:
    """It is known when it is built, so that nothing is said before."""
    driver = make_driver("svc", "alpha", command=("python", "-m", "alpha"))
    source = make_package("source")
    source = replace(source, files=(replace(source.files[0], name="source-1.0.tar.gz"),))
    lockfile = make_lockfile(driver, make_package("alpha"), source)
    _, ask = packages_with()
    found = record_modules(driver, lockfile, (), ask)
    assert module_problem(driver, found, "drivers.toml") == ()
    assert command_reasons(found, driver) == ()


def test_a_driver_without_a_module_records_none() -> None:
    """What an earlier lock recorded goes with the key."""
    driver = make_driver("svc", "alpha")
    lockfile = make_lockfile(driver, make_package("alpha", modules=("alpha",)))
    opened, ask = packages_with("alpha")
    (package,) = record_modules(
        driver, lockfile, (lockfile.packages[0].files[0].sha256,), ask
    ).packages
    assert package.modules == ()
    assert not opened


@pytest.mark.parametrize(
    ("path", "module", "found"),
    [
        ("a/b.py", "a.b", True),
        ("a/b/__main__.py", "a.b", True),
        ("a/b/__init__.py", "a.b", False),
        ("a/b.pyi", "a.b", False),
        ("x/a/b.py", "a.b", False),
    ],
)
def test_a_wheel_tells_whether_it_has_a_module(path: str, module: str, found: bool) -> None:
    """A file that `python -m` can run, in the wheel itself or in its `.data`."""
    assert has_module(io.BytesIO(Wheel(name="pkg", files={path: ""}).to_bytes()), module) == found
    for folder in ("purelib", "platlib", "data"):
        wheel = Wheel(name="pkg", data={f"{folder}/{path}": ""})
        there = found and folder != "data"
        assert has_module(io.BytesIO(wheel.to_bytes()), module) == there
    with pytest.raises(ValueError, match="not a readable zip"):
        has_module(io.BytesIO(b"no wheel"), module)


def test_each_variant_needs_a_package_with_the_module() -> None:
    """Wheels of every variant are opened until each has one; the variant without one is named."""
    driver = make_driver(
        "svc",
        "alpha",
        command=("python", "-m", "other"),
        variants=tuple(Variant(name=one, line=3) for one in ("gpu", "cpu")),
    )
    gpu, cpu = (parse_target(f"{LINUX}@{variant.name}") for variant in driver.variants)
    lockfile = make_lockfile(
        driver,
        make_package("alpha", targets=(gpu, cpu)),
        make_package("beta", targets=(gpu,)),
        make_package("my-server", targets=(cpu,)),
        targets=(gpu, cpu),
    )
    opened, ask = packages_with("beta")
    found = record_modules(driver, lockfile, (), ask)
    assert opened == ["alpha", "beta", "alpha", "my-server"]
    (problem,) = module_problem(driver, found, "drivers.toml")
    assert (
        problem.message
        == "no locked package of svc has the module 'other' to run in its variant cpu"
    )
    _, ask = packages_with("beta", "my-server")
    both = record_modules(driver, lockfile, (), ask)
    assert module_problem(driver, both, "drivers.toml") == ()
    _, ask = packages_with()
    (problem,) = module_problem(driver, record_modules(driver, lockfile, (), ask), "drivers.toml")
    assert problem.message == "no locked package of svc has the module 'other' to run"
