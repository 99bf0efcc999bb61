"""Which modules a wheel brings, and where their bytecode goes."""

from __future__ import annotations

import hashlib
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envbuild.wheelcache.modules import (
    Module,
    cached_path,
    contested_paths,
    modules_of,
    split_evenly,
)
from envbuild.wheelcache.record import parse_record
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCE = "x = 1\n"


def _record(wheel: Wheel) -> str:
    with zipfile.ZipFile(BytesIO(wheel.to_bytes())) as archive:
        name = next(name for name in archive.namelist() if name.endswith("RECORD"))
        return archive.read(name).decode()


def test_modules_carry_the_digest_of_their_source() -> None:
    """A wheel's modules are known by the sha256 that its own RECORD gives them."""
    wheel = Wheel(name="a", files={"a/b.py": SOURCE, "a/data.txt": "no module"})
    (module,) = modules_of(parse_record(_record(wheel)))
    assert module.path == "a/b.py"
    assert module.sha256 == hashlib.sha256(SOURCE.encode()).hexdigest()
    assert module.size == len(SOURCE)


@pytest.mark.parametrize(
    "row",
    [
        "../../../bin/tool.py,,",
        "/etc/x.py,,",
        "a/b.pyc,,",
        "a/b.pyi,,",
        "",
        "a/__pycache__/b.pyc,,",
    ],
)
def test_what_is_no_module_below_site_packages_is_left_out(row: str) -> None:
    """Scripts, stubs, shipped bytecode and paths that lead out are not compiled."""
    assert modules_of(parse_record(f"{row}\n")) == ()


@pytest.mark.parametrize("row", ["a.py", "a.py,", "a.py,md5=x,", "a.py,sha256=!!,many", "a.py,,"])
def test_a_module_without_a_digest_is_one_all_the_same(row: str) -> None:
    """RECORD may leave out hashes and sizes (PEP 376); the module is compiled without comparing."""
    assert modules_of(parse_record(row)) == (Module(path="a.py"),)


def test_paths_that_wheels_bring_with_different_content_are_contested() -> None:
    """Only the disk tells whose file it is where two wheels own a path; equal content is no contest."""
    one = (
        Module(path="n/__init__.py", sha256="1", size=1),
        Module(path="n/a.py", sha256="2", size=1),
    )
    two = (
        Module(path="n/__init__.py", sha256="1", size=1),
        Module(path="n/a.py", sha256="3", size=1),
    )
    assert contested_paths((one, two)) == {"n/a.py"}


def test_bytecode_lies_where_python_looks_for_it() -> None:
    """The place is that of PEP 3147; a name that no file can have has none."""
    assert cached_path("a/b.py", "cpython-312") == "a/__pycache__/b.cpython-312.pyc"
    assert cached_path("b.py", "cpython-312") == "__pycache__/b.cpython-312.pyc"
    assert cached_path(f"{'x' * 250}.py", "cpython-312") is None


@given(
    st.lists(st.integers(min_value=0, max_value=1000)),
    st.integers(min_value=1, max_value=8),
    st.integers(min_value=1, max_value=2000),
    st.integers(min_value=1, max_value=50),
)
def test_ranges_cover_every_size_once(
    sizes: Sequence[int], parts: int, most: int, at_most: int
) -> None:
    """Nothing is compiled twice or forgotten, and no process gets more than it should."""
    ranges = split_evenly(sizes, parts=parts, most=most, at_most=at_most)
    assert [n for start, end in ranges for n in range(start, end)] == list(range(len(sizes)))
    for start, end in ranges:
        assert end - start <= at_most
        assert end - start == 1 or sum(sizes[start:end]) <= most


def test_enough_work_is_cut_into_as_many_parts_as_there_are_jobs() -> None:
    """No core is idle while another has all the work."""
    assert len(split_evenly([10] * 100, parts=4, most=10**9, at_most=10**9)) >= 4
