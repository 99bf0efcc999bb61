"""Where every requirement has the same newest version, uv is not asked; where it may go back, it is."""

from __future__ import annotations

import pytest

from tests.support.resolving import ARM, X86, runs
from tests.support.wheels import Wheel


def of_versions(name: str, *versions: str) -> list[Wheel]:
    """A package in these versions."""
    return [Wheel(name=name, version=version) for version in versions]


NEWEST: dict[str, list[Wheel]] = {
    "one of each": [Wheel(name="app", requires=("b", "c>=1")), Wheel(name="b"), Wheel(name="c")],
    "the newest of some": [Wheel(name="app", requires=("b",)), *of_versions("b", "1", "3", "2")],
    "no pre-release": [Wheel(name="app", requires=("b",)), *of_versions("b", "1", "2rc1")],
    "a bound on everybody": [
        Wheel(name="app", requires=("b<2", "c")),
        Wheel(name="c", requires=("b<2,>=1",)),
        *of_versions("b", "1", "1.5", "2"),
    ],
    "a bound that the newest keeps": [
        Wheel(name="app", requires=("b", "c")),
        Wheel(name="c", requires=("b<3",)),
        *of_versions("b", "1", "2"),
    ],
    "an extra that comes late": [
        Wheel(name="app", requires=("b", "c")),
        Wheel(name="b", requires=("d; extra == 'x'",), extras=("x",)),
        Wheel(name="c", requires=("b[x]",)),
        Wheel(name="d"),
    ],
    "a circle": [
        Wheel(name="app", requires=("b",)),
        Wheel(name="b", requires=("app", "b[x]", "c; extra == 'x'"), extras=("x",)),
        Wheel(name="c"),
    ],
    "a version for another Python": [
        Wheel(name="app", requires=("b",)),
        Wheel(name="b", version="2", requires_python=">=3.13"),
        Wheel(name="b", version="1"),
    ],
    **{
        f"a local version, {bound}": [
            Wheel(name="app", requires=(f"b{bound}",)),
            *of_versions("b", "0.9", "1", "1+cpu", "1+cu130"),
        ]
        for bound in ("", "==1", ">=1", "~=1.0", "==1.*", "<2,>=0.9", "!=0.9")
    },
    "an extra that does not exist": [Wheel(name="app", requires=("b[x]",)), Wheel(name="b")],
    "a marker that does not hold": [
        Wheel(name="app", requires=("b", "c @ http://127.0.0.1:1/c.whl ; sys_platform == 'win32'")),
        Wheel(name="b"),
    ],
}


@pytest.mark.parametrize("case", NEWEST)
def test_uv_is_not_asked_where_it_need_not_go_back(case: str) -> None:
    """Where every requirement has the same newest version, that version is locked without uv."""
    assert runs(NEWEST[case], X86, ARM) == 0


GOING_BACK: dict[str, list[Wheel]] = {
    "a bound of another package": [
        Wheel(name="app", requires=("b", "c")),
        Wheel(name="c", requires=("b<2",)),
        *of_versions("b", "1", "2"),
    ],
    "a conflict": [
        Wheel(name="app", requires=("b", "c<2")),
        Wheel(name="b", version="2", requires=("c>=2",)),
        Wheel(name="b", version="1"),
        *of_versions("c", "1", "2"),
    ],
    "a package that is not there": [
        Wheel(name="app", requires=("b",)),
        Wheel(name="b", version="2", requires=("nowhere",)),
        Wheel(name="b", version="1"),
    ],
    "a bound from above on Python": [
        Wheel(name="app", requires=("b",)),
        Wheel(name="b", version="2", requires_python="<3.12"),
        Wheel(name="b", version="1"),
    ],
    "pre-releases alone": [Wheel(name="app", requires=("b",)), *of_versions("b", "1rc1")],
    **{
        f"a local version, {bound}": [
            Wheel(name="app", requires=(f"b{bound}",)),
            *of_versions("b", "0.9", "1", "1+cpu", "1.1"),
        ]
        for bound in ("<=1", "<1", "<1.1,!=1", "<1.1,>1,>=0.9")
    },
    "a specifier of old": [Wheel(name="app", requires=("b>=1.*",)), *of_versions("b", "1")],
    "an exact text": [Wheel(name="app", requires=("b===1",)), *of_versions("b", "1", "1.0")],
    "a kernel": [
        Wheel(name="app", requires=("b; platform_release >= '1'",)),
        *of_versions("b", "1"),
    ],
    "an address": [Wheel(name="app", requires=("b @ http://127.0.0.1:1/b-1-py3-none-any.whl",))],
}


@pytest.mark.parametrize("case", GOING_BACK)
def test_uv_is_asked_where_it_may_go_back_or_read_another_thing(case: str) -> None:
    """Where uv may choose an older version, its own answer counts, and its own error."""
    assert runs(GOING_BACK[case], X86) == 1
