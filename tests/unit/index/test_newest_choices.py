"""The newest version of everything: what is not judged, so that uv is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.index.newest_choices import choose_newest
from envbuild.index.served_answers import ServedAnswers
from envbuild.index.target_view import TargetView
from envbuild.resolution.resolution import Pin
from envbuild.target.target import parse_target
from tests.support.resolving import request_of

if TYPE_CHECKING:
    from envbuild.index.router import IndexRouter
    from envbuild.resolution.resolution import ResolveRequest


class NoRouter:
    """Nothing may be asked of it."""


def choose(request: ResolveRequest, seconds: float = 60) -> None:
    """Choose without any index."""
    router: IndexRouter = NoRouter()  # type: ignore[assignment]
    served = ServedAnswers(router)
    view = TargetView(served, parse_target("3.12-x86_64-manylinux_2_28"), lambda _: ())
    choose_newest(served, view, request, {}, seconds=seconds)


def test_it_ends_in_time() -> None:
    """Packages may require others without end, and each page may be slow."""
    with pytest.raises(ValueError, match="takes too long"):
        choose(request_of("app"), seconds=0)


@pytest.mark.parametrize(
    "request_",
    [request_of("app", overrides=("b",)), request_of("app", pins=(Pin(name="b", version="1"),))],
    ids=["overrides", "pins"],
)
def test_requests_that_are_not_judged(request_: ResolveRequest) -> None:
    """uv has rules of its own for them."""
    with pytest.raises(ValueError, match="are not judged"):
        choose(request_)


@pytest.mark.parametrize(
    "text",
    [
        *("app>=1rc1", "app==1.0.post1", "app===1", "app>=1.*", "app==1+cpu", "app<2.dev1"),
        *("app @ http://127.0.0.1/a.whl", "app[x] @ file:///a.whl", "app; extra != 'x'"),
    ],
)
def test_requirements_that_are_not_judged(text: str) -> None:
    """uv and `packaging` might read them in two ways."""
    with pytest.raises(ValueError, match="is not judged"):
        choose(request_of(text))
