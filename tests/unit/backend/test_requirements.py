"""What is said where build requirements cannot be satisfied."""

from __future__ import annotations

import pytest

from envbuild.backend.requirements import RequirementPinner
from envbuild.declaration.declaration import BuildOptions
from envbuild.errors import Problem, UnsatisfiableError
from tests.support.resolving import request_of


@pytest.mark.parametrize(
    ("declared", "hint"),
    [
        ((), "require a version of svc that has a wheel, or other build requirements"),
        (("torch>9",), "widen `requires` of [build.svc]"),
    ],
)
def test_what_can_be_done_depends_on_what_is_declared(declared: tuple[str, ...], hint: str) -> None:
    """The message names the package that is built; the hint names its table only where there is one."""

    def refuse(_: object) -> None:
        raise UnsatisfiableError(Problem(message="no set of versions satisfies app"))

    pinner = RequirementPinner(resolve=refuse, fetch=dict)  # type: ignore[arg-type]
    with pytest.raises(UnsatisfiableError) as raised:
        pinner.pin(
            ("setuptools>9",), BuildOptions(package="svc", requires=declared), request_of("svc")
        )
    (problem,) = raised.value.problems
    assert problem.message == ("the build requirements of svc: no set of versions satisfies app")
    assert problem.hint == hint
