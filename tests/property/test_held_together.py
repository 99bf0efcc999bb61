"""Whatever an index offers: what `lock` and `sync` say yes to is complete, and the same every time."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.support.command_line import CommandLine, child_environment, declare_drivers
from tests.support.examples import examples
from tests.support.folders import remove_tree
from tests.support.index_server import IndexServer
from tests.support.open_markers import uv_is_content
from tests.support.pythons import MINOR
from tests.support.wheels import Wheel, command_wheel

MOST = 400
"""Examples that are tried at most: each locks, and builds two stores."""

NAMES = ("pa", "pb", "pc", "pd")
MARKERS = (
    'os_name == "posix"',
    'sys_platform == "win32"',
    'platform_machine != "none"',
    'platform_python_implementation == "CPython"',
    'platform_release >= "5"',
    'platform_release < "5"',
    'platform_system == "Linux"',
    '"no such kernel" in platform_version',
    'platform_version != ""',
    f'python_version >= "{MINOR}"',
    f'python_full_version >= "{MINOR}.1"',
    f'python_full_version < "{MINOR}.1"',
    f'python_full_version > "{MINOR}.60"',
    'implementation_name == "cpython"',
    f'implementation_version >= "{MINOR}.1"',
    'extra == "fast"',
    f'extra == "fast" and python_full_version >= "{MINOR}.1"',
)
PYTHONS = (None, None, None, ">=3.8", f">={MINOR}.1", f">={MINOR}.60", f"!={MINOR}.60,<4")


@dataclass(frozen=True)
class PageVersions:
    """What an index holds: its wheels, of which METADATA leaves something out, and which it lists twice."""

    wheels: tuple[Wheel, ...]
    lying: tuple[str, ...]
    twins: tuple[str, ...]
    hashed: bool
    """Whether pages have the sha256 of METADATA."""

    bound: bool
    """Whether the packages are bound to the index by name, and so come by another way."""

    asked: tuple[str, ...]
    """What the driver asks for, beside its command."""


@st.composite
def requirements(draw: st.DrawFn) -> str:
    """One requirement on one of the packages."""
    extra = draw(st.sampled_from(("", "", "[fast]")))
    specifier = draw(st.sampled_from(("", "", ">=1", ">=2", "<2", "!=1.0")))
    marker = draw(st.one_of(st.none(), st.sampled_from(MARKERS)))
    text = f"{draw(st.sampled_from(NAMES))}{extra}{specifier}"
    return f"{text}; {marker}" if marker else text


@st.composite
def shelves(draw: st.DrawFn) -> PageVersions:
    """A small index."""
    wheels = [
        Wheel(
            name=name,
            version=version,
            requires=tuple(draw(st.lists(requirements(), max_size=2))),
            requires_python=draw(st.sampled_from(PYTHONS)),
            files={
                f"{name}.py": version,
                **draw(
                    st.sampled_from(({}, {}, {"shared/__init__.py": name}, {"shared/a.py": ""}))
                ),
            },
        )
        for name in NAMES
        for version in draw(st.sampled_from((("1.0",), ("1.0", "2.0"))))
    ]
    files = st.lists(st.sampled_from([wheel.filename for wheel in wheels]), max_size=1)
    asked = st.lists(requirements(), min_size=1, max_size=2)
    return PageVersions(
        wheels=tuple(wheels),
        lying=tuple(draw(files)),
        twins=tuple(draw(files)),
        hashed=draw(st.booleans()),
        bound=draw(st.booleans()),
        asked=tuple(draw(asked)),
    )


@pytest.fixture
def fresh(isolation: Path, scratch: Path) -> Path:
    """Where each example has a folder of its own."""
    return scratch


@settings(
    max_examples=min(examples(5), MOST),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(shelves())
def test_what_is_said_yes_to_is_complete(fresh: Path, listed_versions: PageVersions) -> None:
    """Where `lock` and `sync` end with 0, `uv pip check` is content, and a second store gets the same.

    Where they do not, it is no bug of envbuild, and nothing is switched to.
    """
    folder = Path(tempfile.mkdtemp(dir=fresh))
    with served(listed_versions) as index:
        command = at(folder, index, bound=listed_versions.bound)
        locked = command("lock")
        event(f"lock {locked.code}")
        assert locked.code in (0, 3, 4), locked
        if locked.code == 0:
            assert command("check").code == 0
            synced = command("sync")
            event(f"sync {synced.code}")
            assert synced.code in (0, 4, 5), synced
            assert (folder / "s/current").exists() == (synced.code == 0)
            if synced.code == 0:
                assert uv_is_content(command, "web"), locked
                before = receipt(folder)
                remove_tree(folder / "s")
                command("sync", check=True)
                assert receipt(folder) == before
    shutil.rmtree(folder / "home", ignore_errors=True)
    remove_tree(folder)


def served(listed_versions: PageVersions) -> IndexServer:
    """The index, not yet running."""
    index = IndexServer(listed_versions.wheels)
    index.offer = replace(index.offer, metadata_hashes=listed_versions.hashed)
    index.add(command_wheel("web", "1.0", requires=listed_versions.asked))
    for name in listed_versions.lying:
        wheel = next(wheel for wheel in listed_versions.wheels if wheel.filename == name)
        held = index.files[name]
        index.files[name] = replace(held, metadata=replace(wheel, requires=()).metadata())
    for name in listed_versions.twins:
        index.twins.append(replace(index.files[name], sha256="0" * 64))
    return index


def at(folder: Path, index: IndexServer, *, bound: bool) -> CommandLine:
    """The command line in a folder of its own, with one driver."""
    for name in ("p", "home"):
        (folder / name).mkdir()
    home = {"HOME": str(folder / "home")}
    home |= {
        f"XDG_{kind}_HOME": str(folder / "home" / kind) for kind in ("CACHE", "DATA", "CONFIG")
    }
    more = {"ENVBUILD_STORE": str(folder / "s"), "ENVBUILD_INDEX_DEFAULT_URL": index.url}
    command = CommandLine(
        cwd=folder / "p", env=child_environment(**more, **home, ENVBUILD_HTTP_RETRIES="0")
    )
    own = f'[[index]]\nname = "own"\nurl = "{index.url}"\npackages = ["p*"]\n'
    command.declare(declare_drivers({"web": ["web"]}, python=MINOR, more=own if bound else ""))
    return command


def receipt(folder: Path) -> dict[str, Any]:
    """The one receipt of the store, without its time."""
    (file,) = (folder / "s/receipts").glob("*.json")
    table: dict[str, Any] = json.loads(file.read_text())
    return {key: value for key, value in table.items() if key != "created"}
