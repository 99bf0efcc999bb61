"""What uv writes while it works: the bytes it has downloaded, its errors, its hints."""

from __future__ import annotations

import pytest

from envbuild.lockfile.lockfile import ChosenFile
from envbuild.uv.output import (
    DownloadProgress,
    declaration_hint,
    reasons_of,
    without_switches,
    without_talk,
)

WORDS = """\
  × No solution found when resolving dependencies:
  ╰─▶ Because low has no usable wheels, we can conclude that it fails.

  hint: Wheels are required for `low` because nothing is built (i.e., with `--no-build`)

  hint: Pre-releases are available for `early` in the requested range (e.g., 2.0rc1) (try: `--prerelease=allow`)

      hint: `top` was found on another index (see --index-strategy unsafe-best-match)

      hint: `a--b` is no switch

      hint: raise the limit with `UV_HTTP_TIMEOUT`, or in `uv.toml`
"""


def test_switches_of_another_command_line_are_not_advised() -> None:
    """Hints that name switches go, what a hint tells besides stays, and nothing else is touched."""
    shown = without_switches(WORDS)
    assert "`--" not in shown
    assert " --" not in shown
    assert "UV_" not in shown
    assert "conclude that it fails" in shown
    assert "(e.g., 2.0rc1)" in shown
    assert "`a--b` is no switch" in shown
    assert without_switches("plain words -x --y") == "plain words -x --y"


def test_advice_about_uv_s_own_keys_goes() -> None:
    """What a hint tells stays, as a sentence; what it advises to do in uv's files goes."""
    fact = "`young` was filtered by `exclude-newer` to only include older packages."
    advice = " Consider using `exclude-newer-package` to override the cutoff for this package."
    assert without_switches(f"  hint: {fact}{advice}") == fact
    assert without_switches("hint: By default, uv will only consider the first index") == ""


def test_the_reasons_begin_with_the_reason() -> None:
    """envbuild has said that no versions satisfy the driver; both ways in which uv says it again are left out."""
    for first, second in (("  × ", "  ╰─▶ "), ("error: ", "  cause: ")):
        words = (
            f"{first}No solution found when resolving dependencies:\n{second}Because a.\n"
            "         And because b.\n\n  And more."
        )
        assert reasons_of(words) == "Because a.\nAnd because b.\n\nAnd more."
    assert reasons_of("error: Failed to fetch") == "error: Failed to fetch"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (WORDS, 'constraints = ["early>=2.0rc1"] allows pre-releases'),
        (
            "Because yank==1.0 was yanked (reason: broken) and all versions of b depend on it",
            'constraints = ["yank==1.0"] accepts the yanked version; or require another one',
        ),
        (
            "Because missing was not found in the package registry and d depends on missing",
            (
                "bind missing to the index that has it with [[index]] packages, "
                "or require another version of what requires it"
            ),
        ),
        ("nothing fits", None),
    ],
)
def test_what_the_declaration_can_say(words: str, hint: str | None) -> None:
    """What uv tells of pre-releases, yanked versions and missing packages becomes a line of the declaration."""
    assert declaration_hint(words) == hint


SAID = """\
Using Python 3.12.1 environment at: /store/envs/x
Resolved 4 packages in 114ms
Downloading numpy (16.0MiB)
Downloading scikit-learn (8.9MiB)
 Downloaded scikit-learn
 Downloaded numpy
Prepared 4 packages in 3.35s
Installed 4 packages in 118ms
 + idna==3.20
 + numpy==2.2.6
"""


def chosen(package: str, size: int) -> ChosenFile:
    """A locked wheel of so many bytes."""
    file = f"{package}-1-py3-none-any.whl"
    return ChosenFile(
        package=package, version="1", index="default", file=file, sha256=package, size=size
    )


def test_locked_sizes_are_counted_from_when_a_file_is_begun() -> None:
    """The total is what is downloaded, not what lies in a cache already."""
    told: list[tuple[int, int]] = []
    files = (chosen("numpy", 160), chosen("scikit-learn", 89), chosen("idna", 1))
    downloads = DownloadProgress(files, lambda done, total: told.append((done, total)))
    for line in SAID.splitlines():
        downloads.hear(line)
    assert told == [(0, 160), (0, 249), (89, 249), (249, 249)]


def test_bytes_count_as_they_come() -> None:
    """Between uv's words, what was sent counts; never more than the file has, and of no other file."""
    told: list[tuple[int, int]] = []
    downloads = DownloadProgress(
        (chosen("numpy", 160),), lambda done, total: told.append((done, total))
    )
    downloads.count("numpy", 10)
    downloads.hear("Downloading numpy (160B)")
    for size in (20, 20, 70, 5, 200):
        downloads.count("numpy", size)
    downloads.count("torch", 1000)
    downloads.hear(" Downloaded numpy")
    assert told == [(done, 160) for done in (10, 20, 20, 70, 5, 160, 160)]


def test_words_that_nobody_knows_tell_nothing() -> None:
    """Another uv, or a package that was not asked for, is no reason to fail."""
    told: list[tuple[int, int]] = []
    downloads = DownloadProgress(
        (chosen("numpy", 160),), lambda done, total: told.append((done, total))
    )
    for line in ("", "Fetching numpy", "Downloading torch (1GiB)", " Downloaded torch"):
        downloads.hear(line)
    assert told == []


def test_a_failure_is_told_without_the_talk_before_it() -> None:
    """What went wrong is not buried below how far it had come."""
    error = "  × Failed to download `numpy==2.2.6`\n  ╰─▶ Hash mismatch\n"
    assert without_talk(SAID + error) == error
