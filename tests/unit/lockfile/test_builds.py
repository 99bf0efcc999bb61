"""Builds in lockfiles: their text, their forgeries, their keys, and when they are stale."""

from __future__ import annotations

import pytest

from envbuild.declaration.declaration import BuildOptions
from envbuild.errors import LockfileError
from envbuild.lockfile.builds import build_key, build_reasons, locked_build, options_digest
from envbuild.lockfile.lockfile import LockedBuild, LockedFile
from envbuild.lockfile.parse import parse_lockfile
from envbuild.lockfile.text import render_lockfile
from envbuild.value import replace
from tests.support.mutation import sign
from tests.support.values import (
    ARM,
    LINUX,
    PYTHON,
    digest,
    make_declaration,
    make_driver,
    make_file,
    make_lockfile,
    make_package,
)

TWO = (LINUX, ARM)
DRIVER = make_driver(
    "asr", "whisper", platforms=("x86_64-manylinux_2_28", "aarch64-manylinux_2_28")
)
SDIST = LockedFile(name="whisper-1.0.tar.gz", size=7, sha256=digest("sdist"), targets=TWO)
WHEEL = make_file("whisper", tag="cp312-cp312-linux_x86_64")
BUILD = LockedBuild(
    package="whisper",
    version="1.0",
    targets=TWO,
    requires=("setuptools>=61",),
    added=("torch",),
    files=(
        make_file("setuptools", "80.0", targets=TWO),
        make_file("torch", "2.9", "cp312-cp312-manylinux_2_28_x86_64"),
        make_file("torch", "2.9", "cp312-cp312-manylinux_2_28_aarch64", targets=(ARM,)),
    ),
)
LOCKFILE = make_lockfile(
    DRIVER,
    make_package("whisper", targets=TWO, files=(SDIST,), built=(WHEEL,)),
    builds=(BUILD,),
)
TEXT = render_lockfile(LOCKFILE)


def test_builds_are_tables_of_their_own() -> None:
    """A reviewer reads what builds a package, with hashes, and which wheel came of it."""
    assert parse_lockfile(TEXT, file="x") == LOCKFILE
    assert TEXT.endswith(
        f"""\
built = [
  {{ name = "{WHEEL.name}", size = 1000, sha256 = "{WHEEL.sha256}", \
targets = ["3.12-x86_64-manylinux_2_28"] }},
]

[[build]]
package = "whisper"
version = "1.0"
requires = ["setuptools>=61"]
added = ["torch"]
files = [
  {{ name = "setuptools-80.0-py3-none-any.whl", size = 1000, \
sha256 = "{digest("setuptools-80.0-py3-none-any.whl")}" }},
  {{ name = "{BUILD.files[1].name}", size = 1000, sha256 = "{BUILD.files[1].sha256}", \
targets = ["3.12-x86_64-manylinux_2_28"] }},
  {{ name = "{BUILD.files[2].name}", size = 1000, sha256 = "{BUILD.files[2].sha256}", \
targets = ["3.12-aarch64-manylinux_2_28"] }},
]
"""
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("setuptools-80.0-py3-none-any.whl", "setuptools-80.0.tar.gz"),
        ("setuptools-80.0-py3-none-any.whl", "../setuptools-80.0-py3-none-any.whl"),
        ("setuptools-80.0-py3-none-any.whl", "torch-80.0-py3-none-any.whl"),
        ('"setuptools>=61"', '"--index-url"'),
        ('"torch"]\nfiles', '"torch @ file"]\nfiles'),
        ('package = "whisper"', 'package = "../whisper"'),
        ('added = ["torch"]', 'added = ["torch"]\noptions = "x"'),
        ("whisper-1.0.tar.gz", "whisper-1.0-py3-none-any.whl"),
        (WHEEL.name, "whisper-1.0.zip"),
    ],
)
def test_a_forged_build_is_refused(before: str, after: str) -> None:
    """What would lead a build elsewhere, or make two of one, is no lockfile."""
    assert before in TEXT
    with pytest.raises(LockfileError, match="has invalid content"):
        parse_lockfile(sign(TEXT.replace(before, after, 1)), file="x")


def test_a_target_has_one_built_wheel() -> None:
    """Two would leave a choice."""
    (package,) = LOCKFILE.packages
    twice = replace(package, built=(WHEEL, replace(WHEEL, targets=TWO)))
    with pytest.raises(LockfileError, match="takes 2 built wheels of whisper"):
        parse_lockfile(render_lockfile(replace(LOCKFILE, packages=(twice,))), file="x")


def test_builds_are_found_by_target() -> None:
    """Each target may be built with other wheels."""
    (package,) = LOCKFILE.packages
    assert locked_build(LOCKFILE, package, LINUX) == BUILD
    assert locked_build(replace(LOCKFILE, builds=()), package, LINUX) is None
    only = replace(BUILD, targets=(LINUX,))
    assert locked_build(replace(LOCKFILE, builds=(only,)), package, ARM) is None


def test_a_changed_declaration_is_noticed() -> None:
    """Missing builds, and options that were locked otherwise."""
    plain = make_declaration(DRIVER)
    added = BuildOptions(package="whisper", requires=("torch",))
    assert build_reasons(LOCKFILE, replace(plain, builds=(added,))) == ()
    assert build_reasons(LOCKFILE, plain) == ("build.whisper has changed",)
    other = replace(added, env=(("A", "B"),))
    assert build_reasons(LOCKFILE, replace(plain, builds=(other,))) == (
        "build.whisper has changed",
    )
    without = replace(LOCKFILE, builds=())
    assert build_reasons(without, plain) == ("what building whisper requires is not locked",)


def test_only_what_decides_a_wheel_is_in_its_digest() -> None:
    """Limits and users differ between hosts; what the backend is told does not."""
    plain = BuildOptions(package="a")
    limits = replace(plain, timeout=7, memory=7, disk=7, build_user="x", network=True, line=3)
    assert options_digest(plain) == options_digest(limits) == ""
    changes = ({"env": (("A", "B"),)}, {"config_settings": (("A", "B"),)}, {"isolation": False})
    digests = {options_digest(replace(plain, **change)) for change in changes}
    assert len(digests) == 3
    assert "" not in digests


def test_a_key_goes_by_what_decides_the_wheel() -> None:
    """One build is enough for one key: all of these differ."""
    told = {
        "source": "a",
        "files": ("b", "c"),
        "options": BuildOptions(package="a"),
        "interpreter": PYTHON,
        "target": LINUX,
    }
    changes = (
        {"source": "x"},
        {"files": ("b",)},
        {"options": BuildOptions(package="a", env=(("A", "B"),))},
        {"interpreter": replace(PYTHON, cache_tag="cpython-399")},
        {"target": ARM},
        {"target": replace(LINUX, variant="cpu")},
    )
    keys = {build_key(**{**told, **change}) for change in ({}, *changes)}  # type: ignore[arg-type]
    assert len(keys) == 1 + len(changes)
    same = {"files": ("c", "b"), "interpreter": replace(PYTHON, version="3.12.99")}
    assert build_key(**{**told, **same}) == build_key(**told)  # type: ignore[arg-type]
