"""Wheels from build backends, with real programs: one wheel of the right package, or an error and nothing left."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest

from envbuild.backend.sandbox import BuildError
from envbuild.wheelcache.metadata import find_metadata
from tests.support.sources import BACKEND, WHEEL, backends, build_request, source_tree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def places(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for temporary files that no other test uses, and one for the wheel."""
    for name in ("t", "wheels"):
        (scratch / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch / "t"))


def build(scratch: Path, backend: str) -> Path:
    """The wheel of a source with that backend."""
    request = build_request(source_tree(scratch / "svc", backend))
    return backends(scratch / "logs").build(request, (), scratch / "wheels")


def building(line: str) -> str:
    """A backend whose hook for wheels is that line."""
    return f"{WHEEL}\ndef build_wheel(folder, config_settings=None, metadata_directory=None):\n    {line}\n"


def test_a_wheel_is_built(scratch: Path) -> None:
    """Into the folder that was named, and it is not the build's own any more."""
    wheel = build(scratch, BACKEND)
    assert wheel == scratch / "wheels" / "svc-1.0-py3-none-any.whl"
    with wheel.open("rb") as stream:
        assert b"Name: svc" in find_metadata(stream, "svc")
    assert list((scratch / "t").iterdir()) == []


def test_one_source_gives_the_same_bytes(scratch: Path) -> None:
    """Nothing of the time or the place is in what an honest backend makes."""
    first = build(scratch, BACKEND).read_bytes()
    request = build_request(source_tree(scratch / "again", BACKEND))
    (scratch / "other").mkdir()
    again = backends(scratch / "logs").build(request, (), scratch / "other")
    assert again.read_bytes() == first


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("raise SystemExit('no compiler')", "it ended with 1"),
        ("return 'svc-1.0-py3-none-any.whl'", "it made 0 wheels, not one: none"),
        (
            "write_wheel(folder); return write_wheel(folder, 'svc-1.0-py2-none-any.whl')",
            "it made 2 wheels, not one: svc-1.0-py2-none-any.whl, svc-1.0-py3-none-any.whl",
        ),
        ("write_wheel(folder); return 'other.whl'", "says that it made 'other.whl'"),
        ("return '../tmp/' + write_wheel(os.environ['TMPDIR'])", "it made 0 wheels"),
        (
            "return write_wheel(folder, 'svc-2.0-py3-none-any.whl', version='2.0')",
            "a wheel of another version than 1.0: svc-2.0-py3-none-any.whl",
        ),
        (
            "return write_wheel(folder, 'oth-1.0-py3-none-any.whl', inside='oth')",
            "a wheel of another package: oth-1.0-py3-none-any.whl",
        ),
        ("return write_wheel(folder, version='2.0')", "its METADATA"),
        ("return write_wheel(folder, inside='oth')", "METADATA"),
        (
            "return write_wheel(folder, 'svc-1.0-cp27-cp27mu-linux_x86_64.whl')",
            "a wheel that does not fit",
        ),
        ("return write_wheel(folder, 'svc-1.0-py3-none-win32.whl')", "a wheel that does not fit"),
        ("return write_wheel(folder, 'svc.whl')", "Invalid wheel filename"),
        (
            (
                "os.symlink('/etc/passwd', folder + '/svc-1.0-py3-none-any.whl'); "
                "return 'svc-1.0-py3-none-any.whl'"
            ),
            "is not a file",
        ),
        (
            "os.mkfifo(folder + '/svc-1.0-py3-none-any.whl'); return 'svc-1.0-py3-none-any.whl'",
            "is not a file",
        ),
        (
            (
                "open(folder + '/svc-1.0-py3-none-any.whl', 'w').write('x'); "
                "return 'svc-1.0-py3-none-any.whl'"
            ),
            "it is not a readable zip archive",
        ),
        ("return 7", "returned no wheel name"),
    ],
)
def test_anything_but_the_wanted_wheel_is_refused(scratch: Path, line: str, reason: str) -> None:
    """One message, with the source's name, and nothing is left behind."""
    with pytest.raises(BuildError) as caught:
        build(scratch, building(line))
    assert len(caught.value.problems) == 1
    assert "svc-1.0.tar.gz cannot be built: " in str(caught.value)
    assert reason in str(caught.value)
    assert list((scratch / "t").iterdir()) == []
    assert list((scratch / "wheels").iterdir()) == []


def test_a_local_version_may_be_added(scratch: Path) -> None:
    """As torch's extensions do (PEP 440)."""
    line = "return write_wheel(folder, 'svc-1.0+cu130-py3-none-any.whl', version='1.0+cu130')"
    assert build(scratch, building(line)).name == "svc-1.0+cu130-py3-none-any.whl"


def test_a_backend_that_requires_more_than_is_locked_is_refused(scratch: Path) -> None:
    """The lockfile decides what a build sees: nothing is fetched beside it."""
    hook = "\ndef get_requires_for_build_wheel(config_settings=None):\n    return ['wheel>=0.40']\n"
    with pytest.raises(BuildError, match=r"requires wheel>=0.40, which the lockfile does not have"):
        build(scratch, BACKEND + hook)
