"""What is shown of uv's own words."""

from __future__ import annotations

from envbuild.uv.output import pre_release_hint, without_switches

WORDS = """\
  × No solution found when resolving dependencies:
  ╰─▶ Because low has no usable wheels, we can conclude that it fails.

  hint: Wheels are required for `low` because nothing is built (i.e., with `--no-build`)

  hint: Pre-releases are available for `early` in the requested range (e.g., 2.0rc1) (try: `--prerelease=allow`)

      hint: `top` was found on another index (see --index-strategy unsafe-best-match)

      hint: `a--b` is no switch
"""


def test_switches_of_another_command_line_are_not_advised() -> None:
    """Hints that name switches go, what a hint tells besides stays, and nothing else is touched."""
    shown = without_switches(WORDS)
    assert "`--" not in shown
    assert " --" not in shown
    assert "conclude that it fails" in shown
    assert "(e.g., 2.0rc1)" in shown
    assert "`a--b` is no switch" in shown
    assert without_switches("plain words -x --y") == "plain words -x --y"


def test_a_pre_release_is_asked_for_in_the_declaration() -> None:
    """What uv's words tell of pre-releases becomes a line of the declaration."""
    assert pre_release_hint(WORDS) == 'constraints = ["early>=2.0rc1"] lets pre-releases be taken'
    assert pre_release_hint("nothing fits") is None
