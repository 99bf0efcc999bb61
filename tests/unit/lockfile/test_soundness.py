"""The one judgement whether packages hold together, and what is read of installed METADATA for it."""

from __future__ import annotations

from email.parser import HeaderParser
from typing import TYPE_CHECKING

import pytest

from envbuild.build.gate import refusal_of_built
from envbuild.environment.installed import Distribution, parse_distribution
from envbuild.errors import HostError, IndexFailureError, NoError
from envbuild.lockfile.soundness import DriverLines, judge
from envbuild.target.target import parse_target
from tests.support.site_packages import unpack
from tests.support.values import make_driver, make_package, make_wanted
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.errors import EnvbuildError
    from envbuild.lockfile.lockfile import LockedPackage

HERE = parse_target("3.12.1-x86_64-manylinux_2_28")
ANY = parse_target("3.12-x86_64-manylinux_2_28")


def one(name: str, version: str = "1.0", *requires: str, python: str = "") -> Distribution:
    """A package as it is installed."""
    return Distribution(name=name, version=version, requires=requires, requires_python=python)


def said(asked: DriverLines, *packages: Distribution) -> list[str]:
    """What is unmet on a host, in words."""
    return [unmet.message for unmet in judge(asked, packages, HERE)]


def test_what_is_missing_and_what_is_outside() -> None:
    """The driver's own ranges count like those of packages."""
    asked = DriverLines(driver="web", requires=("app<1", "gone"))
    assert said(asked, one("app", "1.0", "lib>=2", "other"), one("lib")) == [
        "web requires app <1, and 1.0 is there",
        "web requires gone, which is missing",
        "app 1.0 requires lib >=2, and 1.0 is there",
        "app 1.0 requires other, which is missing",
    ]


def test_extras_count_where_they_are_asked_for() -> None:
    """What an extra brings is missing only for who asks for it, directly or through others."""
    app = one("app", "1.0", 'lib; extra == "fast"')
    assert said(DriverLines(driver="web", requires=("app",)), app) == []
    missing = ["app 1.0 requires lib, which is missing"]
    assert said(DriverLines(driver="web", requires=("app[fast]",)), app) == missing
    assert (
        said(DriverLines(driver="web", requires=("top",)), one("top", "1", "app[fast]"), app)
        == missing
    )


def test_an_override_stands_in() -> None:
    """What packages publish of an overridden package counts for nothing, the override for all."""
    app, lib = one("app", "1.0", "lib>=2"), one("lib")
    asked = DriverLines(driver="web", requires=("app",), overrides=("lib<2",))
    assert said(asked, app, lib) == []
    assert said(asked, app, one("lib", "3")) == ["app 1.0 requires lib <2, and 3 is there"]


def test_constraints_count_for_what_is_there() -> None:
    """A constraint asks for nothing, and bounds what something else asks for."""
    elsewhere = 'lib<1; sys_platform == "win32"'
    asked = DriverLines(driver="web", requires=("app",), constraints=("lib<1", "gone>1", elsewhere))
    assert said(asked, one("app", "1.0", "lib"), one("lib")) == [
        "lib 1.0 is outside the constraint lib<1"
    ]


def test_only_what_is_asked_for_is_judged() -> None:
    """What lies beside asks for nothing."""
    asked = DriverLines(driver="web", requires=("app",))
    assert said(asked, one("app"), one("beside", "1.0", "gone", python=">=3.12.9")) == []


def test_python_is_judged_on_a_host() -> None:
    """A target is right for some patch release; which one a host has, the host says."""
    asked = DriverLines(driver="web", requires=("app",))
    app = one("app", "1.0", python=">=3.12.2")
    assert said(asked, app) == ["app 1.0 requires Python >=3.12.2, and this is 3.12.1"]
    assert list(judge(asked, (app,), ANY)) == []


HEADERS = (
    b"Metadata-Version: 2.1\nName: My.App\nVersion: 1.0\n",
    b"Metadata-Version: 2.1\r\nname: my-app\r\nVERSION: 1.0+cpu\r\nRequires-Dist: lib\r\n\r\nName: no\r\n",
    b"Name: app\nVersion: 1\nRequires-Dist: lib\n  >=1\n\t; python_version > '3'\nRequires-Python: >=3.8\n",
    b"Name: app\nVersion: 1\nRequires-Dist: lib\nRequires-Dist: other[x] (>=1)\n\nRequires-Dist: text\n",
    b"Name: app\nVersion: 1\nDescription: long\n        Requires-Dist: in it\nRequires-Dist: lib\n",
)


@pytest.mark.parametrize("content", HEADERS)
def test_metadata_is_read_as_a_full_reader_reads_it(content: bytes) -> None:
    """Folded lines, any case, any line ends; what stands in the description is no header."""
    found = parse_distribution(content)
    headers = HeaderParser().parsestr(content.decode())
    assert found is not None
    assert found.version == headers["Version"]
    wanted = tuple(" ".join(text.split()) for text in headers.get_all("Requires-Dist", ()))
    assert found.requires == wanted
    assert found.requires_python == headers.get("Requires-Python", "")


@pytest.mark.parametrize(
    "content", [b"", b"Name: app\n", b"\xff\xfe", b"Version: 1\n\nName: app\n"]
)
def test_metadata_of_nothing_is_none(content: bytes) -> None:
    """What names no package or no version is left to `verify`."""
    assert parse_distribution(content) is None


def test_what_is_no_requirement_asks_for_nothing() -> None:
    """An installed package with a broken line ends no judgement."""
    found = parse_distribution(
        b"Name: a\nVersion: 1\nRequires-Dist: !\nRequires-Dist: b; no == 'x'\n"
    )
    assert found is not None
    assert found.requires == ()


def refusal(
    environment: Path, *wheels: Wheel, locked: tuple[LockedPackage, ...]
) -> EnvbuildError | None:
    """What is said of an environment with these wheels that was locked so."""
    for wheel in wheels:
        unpack(wheel, environment / "lib/python3.12/site-packages")
    wanted = make_wanted(make_driver("asr"), *locked)
    return refusal_of_built(wanted, environment, file="drivers.toml")


def test_what_was_locked_is_what_is_inside(tmp_path: Path) -> None:
    """Order and spelling make no difference."""
    wheel = Wheel(name="asr", requires=("lib (>=1)", 'x; python_version < "3"'))
    locked = make_package("asr", requires=('x; python_version < "3"', "lib (>=1)"))
    assert refusal(tmp_path, wheel, Wheel(name="lib"), locked=(locked, make_package("lib"))) is None


def test_a_wheel_that_asks_for_more_is_the_indexs_fault(tmp_path: Path) -> None:
    """Both texts, the file and the index are named; exit 4."""
    wheel = Wheel(name="asr", requires=("lib", "more>=1"))
    error = refusal(
        tmp_path, wheel, Wheel(name="lib"), locked=(make_package("asr", requires=("lib",)),)
    )
    assert isinstance(error, IndexFailureError)
    assert "index 'default': its METADATA of asr-1.0-py3-none-any.whl" in str(error)
    assert "wheel: more>=1" in str(error)


def test_a_wheel_of_another_version_is_the_indexs_fault(tmp_path: Path) -> None:
    """The version inside is the one that counts."""
    error = refusal(tmp_path, Wheel(name="asr", version="1.0+cpu"), locked=(make_package("asr"),))
    assert isinstance(error, IndexFailureError)
    assert "locked: version 1.0\nwheel: version 1.0+cpu" in str(error).replace("\n  ", "\n")


def test_a_lockfile_that_is_unsound_is_a_no(tmp_path: Path) -> None:
    """Where wheel and lockfile agree, and something is missing, the lockfile is to be made anew; exit 1."""
    error = refusal(
        tmp_path,
        Wheel(name="asr", requires=("lib",)),
        locked=(make_package("asr", requires=("lib",)),),
    )
    assert isinstance(error, NoError)
    assert "asr 1.0 requires lib, which is missing" in str(error)


def test_another_patch_release_is_the_hosts(tmp_path: Path) -> None:
    """What only the interpreter is wrong for is said as the host's; exit 5."""
    error = refusal(
        tmp_path, Wheel(name="asr", requires_python="!=3.12.1"), locked=(make_package("asr"),)
    )
    assert isinstance(error, HostError)
    assert "asr 1.0 requires Python !=3.12.1, and this is 3.12.1" in str(error)
