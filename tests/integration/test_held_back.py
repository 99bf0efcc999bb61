"""What `lock` says of newer versions that it passed over, and `check` repeats."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import Sdist, Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

LATE = "2026-10-01T00:00:00Z"


def _source(name: str, version: str = "1.0", tells: Path | None = None) -> Sdist:
    return Sdist(wheel=Wheel(name=name, version=version), tells=tells)


def declare(
    envbuild: CommandLine, python: str, *lines: str, requires: str = "tool", driver: str = "app"
) -> None:
    """One driver that asks for one package, with lines of its own."""
    text = declare_drivers({driver: [requires]}, python=python)
    head = f"[drivers.{driver}]"
    envbuild.declare(text.replace(head, "\n".join((head, *lines))))


def test_packages_that_come_as_source_alone_are_named(
    run_envbuild: CommandLine, index: IndexServer, python_version: str, project: Path
) -> None:
    """An ancient version that needs nothing is never taken in silence where newer ones need what has no wheel:
    `lock` names all of them, with the line to write, each time; `check` does from the lockfile alone,
    and the same pins give the same bytes.
    """
    index.add(
        Wheel(name="tool", version="0.1"),
        Wheel(name="tool", version="2.0", requires=("middle[more]", "old-one>=1")),
        Wheel(name="middle", requires=("old-two; extra == 'more'", "old-three; extra == 'no'")),
        _source("old-one"),
        _source("old-two", tells=project / "it-ran"),
        _source("old-three"),
    )
    declare(run_envbuild, python_version)
    said = run_envbuild("lock", check=True).stdout
    text = "tool 2.0 was passed over for 0.1: old-one, old-two have only source distributions"
    assert f'note: {text}\n    hint: allow-sdist = ["old-one", "old-two"] allows' in said
    assert not (project / "it-ran").exists()
    content = (project / "locks/app.toml").read_bytes()
    fresh = run_envbuild("lock", "--format", "json", check=True).json["drivers"]["app"]
    assert [one["message"] for one in fresh["held_back"]] == [text]
    assert fresh["held_back"][0]["blockers"] == ["old-one", "old-two"]
    index.add(_source("tool", "3.0"))
    assert run_envbuild("lock", "--upgrade", "--check").code == 0  # no version would move
    index.stop()
    checked = run_envbuild("check", "--format", "json", check=True).json
    (finding,) = (one for one in checked["findings"] if one["code"] == "held-back")
    assert (finding["message"], finding["level"]) == (text, "note")
    assert (project / "locks/app.toml").read_bytes() == content


@pytest.mark.parametrize(
    ("newer", "line", "said", "hint"),
    [
        (_source("tool", "2.0"), "", "tool has only source distributions", "allow-sdist"),
        (
            Wheel(name="tool", version="2.0"),
            'exclude-newer = "2026-06-01"',
            "tool was uploaded later than exclude-newer allows",
            "exclude-newer-packages = { tool = false }",
        ),
        (
            Wheel(name="tool", version="2.0", requires_python=">=3.99"),
            "",
            "tool has nothing for Python",
            "another Python in `python`",
        ),
        (
            Wheel(name="tool", version="2.0", tag="py3-none-win_amd64"),
            "",
            "tool has no wheel for",
            "another platform in `platforms`",
        ),
    ],
    ids=["source", "exclude-newer", "python", "platform"],
)
def test_what_holds_a_requirement_back_is_said(
    run_envbuild: CommandLine,
    index: IndexServer,
    python_version: str,
    newer: Wheel | Sdist,
    line: str,
    said: str,
    hint: str,
) -> None:
    """Whatever of a declaration keeps the newest version out is named, with the line that lets it in."""
    index.add(Wheel(name="tool"))
    index.add(newer, uploaded=LATE)
    declare(run_envbuild, python_version, line)
    printed = run_envbuild("lock", check=True).stdout
    assert f"note: tool 2.0 was passed over for 1.0: {said}" in printed
    assert f"hint: {hint}" in printed


def test_what_nothing_of_the_declaration_holds_back_is_not_said(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A version that another requirement caps, that is yanked, a pre-release, or outside the range, is no news;
    neither is a newer one that a kept pin alone leaves out.
    """
    index.add(
        Wheel(name="tool", requires=("low",)),
        Wheel(name="tool", version="2.0", requires=("low>=2", "source")),
        Wheel(name="tool", version="3.0rc1"),
        Wheel(name="low"),
        Wheel(name="low", version="2.0"),
        _source("source"),
        _source("tool", "9.0"),
    )
    index.add(_source("tool", "2.5"), yanked="bad")
    declare(run_envbuild, python_version, 'constraints = ["low<2"]', requires="tool<9")
    assert "passed over" not in run_envbuild("lock", check=True).stdout
    index.add(Wheel(name="tool", version="2.1"), Wheel(name="other"))
    declare(run_envbuild, python_version, 'constraints = ["low<2"]', requires="tool<8")
    assert "note" not in run_envbuild("lock", check=True).stdout


def test_a_pre_release_that_nobody_asked_for_is_said(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A pre-release is taken where there is nothing else; `lock` says so until a range names one."""
    index.add(Wheel(name="tool", requires=("early",)), Wheel(name="early", version="2.0rc1"))
    declare(run_envbuild, python_version)
    said = "early 2.0rc1 is a pre-release, and no requirement names one"
    assert f"note: {said}" in run_envbuild("lock", check=True).stdout
    assert said in run_envbuild("check", check=True).stdout
    declare(run_envbuild, python_version, 'constraints = ["early>=2.0rc1"]')
    assert "pre-release" not in run_envbuild("lock", check=True).stdout


def test_a_missing_command_is_explained_by_what_was_passed_over(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """Where the ancient version lacks the driver's command, the error says why it was taken."""
    index.add(
        Wheel(name="tool", version="0.1", commands={"a": "tool:a", "b": "tool:b"}),
        Wheel(name="tool", version="2.0", requires=("old-one",)),
        _source("old-one"),
    )
    declare(run_envbuild, python_version)
    failed = run_envbuild("lock")
    assert failed.code == 2
    assert (
        "tool 2.0 was passed over for 0.1: old-one has only source distributions" in failed.stderr
    )
    assert 'hint: allow-sdist = ["old-one"]' in failed.stderr


def test_every_package_without_a_wheel_is_named_at_once(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """Where nothing satisfies a driver, one hint has all packages that have only source distributions, at any depth
    and the driver's own, and no switch of the resolver's own command line.
    """
    index.add(
        Wheel(name="tool", version="2.0", requires=("middle[more]", "old-one>=1")),
        Wheel(name="middle", requires=("old-two; extra == 'more'", "old-three; extra == 'no'")),
        *map(_source, ("old-one", "old-two", "old-three", "own")),
    )
    declare(run_envbuild, python_version)
    failed = run_envbuild("lock")
    assert failed.code == 3
    names = 'allow-sdist = ["old-one", "old-two"] allows building them'
    assert (
        f"hint: in drivers.app, old-one, old-two have only source distributions: {names}"
        in failed.stderr
    )
    assert "--" not in failed.stderr
    run_envbuild.declare(declare_drivers({"app": ["tool", "own"]}, python=python_version))
    assert 'allow-sdist = ["old-one", "old-two", "own"]' in run_envbuild("lock").stderr


def test_a_python_that_nothing_supports_is_named(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A hint names the Python of the list that has to go, and what is too young for `exclude-newer`."""
    index.add(
        Wheel(name="tool", requires=("low", "late")),
        Wheel(name="low", requires_python=">=3.99"),
    )
    index.add(Wheel(name="late"), uploaded=LATE)
    declare(run_envbuild, python_version, 'exclude-newer = "2026-06-01"')
    failed = run_envbuild("lock")
    assert failed.code == 3
    assert (
        f"low has nothing for Python {python_version}: remove {python_version} from"
        in failed.stderr
    )
    assert "exclude-newer-packages = { late = false }" in failed.stderr


def test_what_cannot_be_read_is_not_said_and_fails_nothing(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A newer version whose needs cannot be read is no reason for a lock to fail, or to claim anything."""
    index.add(Wheel(name="tool"), Wheel(name="other"))
    declare(run_envbuild, python_version)
    run_envbuild("lock", check=True)
    index.add(
        Wheel(name="tool", version="2.0", requires=("middle", "gone")),
        Wheel(name="middle", requires=("old-one",)),
        _source("old-one"),
    )
    index.offer = replace(index.offer, metadata=False)
    index.replace("middle-1.0-py3-none-any.whl", b"no zip", tell=True)
    run_envbuild.declare(declare_drivers({"app": ["tool", "other"]}, python=python_version))
    assert "note" not in run_envbuild("lock", check=True).stdout
