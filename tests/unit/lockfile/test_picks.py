"""Why two resolvers took different versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.lockfile.picks import Explainer, Picks, compare_picks
from tests.support.values import LINUX, make_driver, make_lockfile

if TYPE_CHECKING:
    from envbuild.target.target import Target

INPUTS = make_lockfile(make_driver("app", "top", "lib>=1", constraints=("bound<2",))).inputs
NEWER = Picks(
    target=LINUX,
    versions={"top": "2.0", "lib": "1.0", "bound": "1.0"},
    requires={"top": ("lib<2", "bound")},
)
OLDER = Picks(
    target=LINUX,
    versions={"top": "1.0", "lib": "2.0", "extra": "1.0", "bound": "2.0"},
    requires={"top": ("lib", "extra", "bound")},
)


class Asked:
    """Answers whether a resolver finds a set, and keeps what it was asked."""

    def __init__(self, answer: str | None) -> None:
        self.answer = answer
        self.questions: list[tuple[str, str]] = []

    def __call__(self, resolver: str, target: Target, requirement: str) -> str | None:
        """Whatever is asked, the same answer."""
        self.questions.append((resolver, requirement))
        return self.answer


def explainer(asked: Asked, questions: int = 9) -> Explainer:
    """For what uv locked and pip-tools judges."""
    return Explainer(
        inputs=INPUTS, resolver="uv", judge="pip-tools", ask=asked, questions=questions
    )


def test_the_packages_that_differ() -> None:
    """Other versions, and packages that only one has, by name."""
    assert compare_picks(NEWER, OLDER) == ("bound", "extra", "lib", "top")
    assert compare_picks(NEWER, NEWER) == ()


def test_a_requirement_in_the_way_needs_no_question() -> None:
    """What the resolver took excludes the other's version; both sides name who requires it."""
    asked = Asked(None)
    found = explainer(asked).explain("lib", NEWER, OLDER)
    assert found.locked.required_by == ("top 2.0 requires lib<2", "the driver requires lib>=1") or (
        found.locked.required_by == ("the driver requires lib>=1", "top 2.0 requires lib<2")
    )
    assert found.locked.why == "not 2.0: top 2.0 requires lib<2"
    assert found.judged.why == "it could take 1.0 too, and preferred 2.0"
    assert asked.questions == [("pip-tools", "lib==1.0")]


def test_a_constraint_in_the_way() -> None:
    """A bound of the driver is a reason as well."""
    found = explainer(Asked(None)).explain("bound", NEWER, OLDER)
    assert found.locked.why == "not 2.0: the driver has the constraint bound<2"


def test_a_package_that_only_one_has() -> None:
    """Nobody requires it on one side; on the other somebody does."""
    found = explainer(Asked(None)).explain("extra", NEWER, OLDER)
    assert (found.locked.version, found.locked.why) == (None, "nothing that it took requires it")
    assert found.judged.why == "what it took requires it"
    assert found.judged.required_by == ("top 1.0 requires extra",)


def test_the_resolvers_own_words() -> None:
    """Where a resolver finds no set, its words are the reason, in one line; questions have a limit."""
    found = explainer(Asked("a requires b\n\n  c requires d\n")).explain("top", NEWER, OLDER)
    assert found.locked.why == (
        "it finds no versions together with top 1.0: a requires b; c requires d"
    )
    tired = explainer(Asked(None), questions=0).explain("top", NEWER, OLDER)
    assert "not tried whether it could take" in tired.locked.why
