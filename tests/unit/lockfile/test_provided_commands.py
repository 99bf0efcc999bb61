"""What `binary` is where it is not declared, and which packages have to be looked at for it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from envbuild.declaration.driver import Variant
from envbuild.declaration.toml.document import parse_declaration
from envbuild.index.wheel_commands import find_commands
from envbuild.lockfile.freshness import stale_reasons
from envbuild.lockfile.parse import parse_lockfile
from envbuild.lockfile.provided_commands import command_problems, packages_to_look_at, settled
from envbuild.lockfile.text import render_lockfile
from envbuild.target.target import parse_target
from envbuild.value import replace
from tests.support.values import LINUX, make_declaration, make_driver, make_lockfile, make_package
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from envbuild.lockfile.lockfile import Lockfile

PACKAGES = {"alpha": ("alpha",), "beta": ("b1", "b2"), "gamma": (), "svc": ("serve", "svc")}
"""What the wheels of each package install."""


def looked(requires: tuple[str, ...], **declared: object) -> tuple[Lockfile, tuple[str, ...]]:
    """A lockfile with what a lock records for a driver `svc` there, and the packages looked at, in order."""
    driver = replace(make_driver("svc", *requires), **declared)
    names = [name for name in PACKAGES if name != "svc" or "svc" in requires]
    lockfile = make_lockfile(driver, *(make_package(name) for name in names))
    order: list[str] = []
    while packages := packages_to_look_at(driver, lockfile):
        found = {package.name: PACKAGES[package.name] for package in packages}
        order += found
        lockfile = replace(
            lockfile,
            packages=tuple(
                replace(one, commands=found.get(one.name, one.commands))
                for one in lockfile.packages
            ),
        )
    return lockfile, tuple(order)


DEFAULT = {"default_binaries": ("svc",)}


@pytest.mark.parametrize(
    ("requires", "binary", "order"),
    [
        (("svc", "beta"), "svc", ("svc",)),
        (("beta", "svc"), "svc", ("beta", "svc")),
        (("alpha", "beta"), "alpha", ("alpha", "beta", "gamma")),
    ],
)
def test_the_default_is_the_drivers_name_or_the_only_command(
    requires: tuple[str, ...], binary: str, order: tuple[str, ...]
) -> None:
    """The name wins wherever it is provided; no more is looked at than the answer needs."""
    driver = replace(make_driver("svc", *requires), **DEFAULT)
    lockfile, seen = looked(requires, **DEFAULT)
    assert seen == order
    answer = settled(driver, lockfile)
    assert (answer.binary, answer.commands) == (binary, (binary,))
    assert command_problems(driver, lockfile, "drivers.toml") == ()


def test_the_parents_name_is_taken_without_looking_further() -> None:
    """A driver that extends another seldom has a command of its own name; not every wheel is opened for it."""
    declared = {"binary": "alpha", "commands": ("alpha",), "default_binaries": ("svc", "alpha")}
    lockfile, seen = looked(("alpha", "beta"), **declared)
    assert seen == ("alpha",)
    driver = replace(make_driver("svc", "alpha", "beta"), **declared)
    assert settled(driver, lockfile).binary == "alpha"
    lockfile, seen = looked(("alpha", "svc"), **declared)
    assert seen == ("alpha", "svc")
    assert settled(driver, lockfile).binary == "svc"


@pytest.mark.parametrize(
    ("first", "what", "hint"),
    [
        ("beta", "beta has 2 commands", "there are: b1, b2"),
        ("gamma", "gamma has no command", "there are: alpha, b1, b2"),
    ],
)
def test_no_default_is_a_mistake_that_names_the_commands(first: str, what: str, hint: str) -> None:
    """Where neither rule gives one, the message says what there is to declare."""
    driver = replace(make_driver("svc", first), **DEFAULT)
    lockfile, _ = looked((first,), **DEFAULT)
    (problem,) = command_problems(driver, lockfile, "drivers.toml")
    assert (problem.file, problem.line, problem.key) == ("drivers.toml", 1, "drivers.svc.binary")
    assert problem.message.endswith(what)
    assert problem.hint == (
        f"set `binary` to the command to start, or `module` to what `python -m` starts; {hint}"
    )


def test_a_declared_command_that_nobody_provides_is_a_mistake() -> None:
    """`binary` and every one of `commands`, each with its key."""
    declared = {"binary": "b1", "commands": ("b1", "b2", "b3")}
    driver = replace(make_driver("svc", "alpha"), **declared)
    lockfile, seen = looked(("alpha",), **declared)
    assert seen == ("alpha", "beta", "gamma")
    (problem,) = command_problems(driver, lockfile, "drivers.toml")
    assert problem.key == "drivers.svc.commands"
    assert "'b3'" in problem.message
    assert problem.hint == "there are: alpha, b1, b2"


def test_what_is_built_from_source_may_bring_any_command() -> None:
    """Its commands are not known before the build, so that nothing is said."""
    driver = make_driver("svc", "alpha")
    lockfile, _ = looked(("alpha",))
    source = make_package("source")
    source = replace(source, files=(replace(source.files[0], name="source-1.0.tar.gz"),))
    lockfile = replace(lockfile, packages=(*lockfile.packages, source))
    assert packages_to_look_at(driver, lockfile) == ()
    assert command_problems(driver, lockfile, "drivers.toml") == ()


def test_a_record_that_leaves_a_new_command_open_is_stale() -> None:
    """A command that is declared after the lock is looked for by the next one; a recorded one is fresh."""
    driver = make_driver("svc", "alpha", binary="alpha")
    lockfile, seen = looked(("alpha",), binary="alpha", commands=("alpha",))
    assert seen == ("alpha",)
    assert stale_reasons(lockfile, driver, make_declaration(driver)) == ()
    other = make_driver("svc", "alpha", binary="b1")
    reasons = stale_reasons(lockfile, other, make_declaration(other))
    assert reasons == ("commands: it was locked before 'b1' was declared",)


def test_a_lockfile_keeps_what_was_looked_at() -> None:
    """`commands` is written where somebody looked, the empty list too, and nowhere else."""
    lockfile, _ = looked(("gamma", "svc"), **DEFAULT)
    text = render_lockfile(lockfile)
    assert text.count("commands = ") == 2
    assert "commands = []" in text
    assert parse_lockfile(text, file="x.toml") == lockfile


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ("", ("b", "a")),
        ('binary = "x"', ()),
        ('commands = ["b", "x"]', ()),
    ],
)
def test_an_extended_driver_has_its_own_name_first(keys: str, names: tuple[str, ...]) -> None:
    """Then those that its parent could have; a declared binary leaves nothing open."""
    text = f'version = 1\n[drivers.a]\nrequires = ["a"]\n[drivers.b]\nextends = "a"\n{keys}\n'
    declaration = parse_declaration(text, file="drivers.toml")
    assert declaration.drivers[1].default_binaries == names


def test_a_wheel_tells_its_commands() -> None:
    """Console and graphical scripts, `.data/scripts` and what goes into `bin/`; nothing else of it."""
    points = "[console_scripts]\na = m:f\nB.c = m:g [x]\n[gui_scripts]\ng=m:h\n[other]\nz = m:f\n"
    wheel = Wheel(
        name="pkg",
        files={"pkg/__init__.py": "", "pkg-1.0.dist-info/entry_points.txt": points},
        scripts={"s.sh": "#!python\n"},
        data={"data/bin/tool": "x", "data/share/no": "x", "data/bin/deep/no": "x"},
    )
    assert find_commands(io.BytesIO(wheel.to_bytes())) == ("B.c", "a", "g", "s.sh", "tool")
    assert find_commands(io.BytesIO(Wheel(name="pkg", bare=True).to_bytes())) == ()
    broken = Wheel(
        name="pkg", bare=True, files={"pkg-1.0.dist-info/entry_points.txt": "no section = 1"}
    )
    assert find_commands(io.BytesIO(broken.to_bytes())) == ()
    with pytest.raises(ValueError, match="not a readable zip"):
        find_commands(io.BytesIO(b"no wheel"))


def test_each_variant_needs_a_package_with_the_command() -> None:
    """Every variant is looked at, and the one that lacks the command is named; another variant's package is no help."""
    driver = make_driver(
        "svc",
        "gamma",
        binary="b1",
        variants=tuple(Variant(name=one, line=3) for one in ("gpu", "cpu")),
    )
    gpu, cpu = (parse_target(f"{LINUX}@{variant.name}") for variant in driver.variants)
    lockfile = make_lockfile(
        driver,
        make_package("alpha", targets=(cpu,)),
        make_package("beta", targets=(gpu,)),
        make_package("gamma", targets=(gpu, cpu)),
        targets=(gpu, cpu),
    )
    seen = []
    while packages := packages_to_look_at(driver, lockfile):
        seen += [package.name for package in packages]
        found = {package.name: PACKAGES[package.name] for package in packages}
        lockfile = replace(
            lockfile,
            packages=tuple(
                replace(one, commands=found.get(one.name, one.commands))
                for one in lockfile.packages
            ),
        )
    assert seen == ["gamma", "beta", "alpha"]
    (problem,) = command_problems(driver, lockfile, "drivers.toml")
    assert (
        problem.message == "no locked package of svc provides the command 'b1' in its variant cpu"
    )
    assert problem.hint == "there are: alpha"
    everywhere = replace(driver, binary="b3", commands=("b3",))
    (problem,) = command_problems(everywhere, lockfile, "drivers.toml")
    assert problem.message == "no locked package of svc provides the command 'b3'"
