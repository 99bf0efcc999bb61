"""Exports mean what they say, whatever the values: markers, env files, edits."""

from __future__ import annotations

import subprocess
import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.markers import Marker

from envbuild.declaration.edit import add_requirements, remove_requirements
from envbuild.errors import UsageError
from envbuild.launchers.fleet import join
from envbuild.launchers.formats.env import env_lines
from envbuild.launchers.formats.systemd import parse_exec_start, quote
from envbuild.launchers.markers import render_marker
from envbuild.target.target import parse_target
from tests.property.strategies import names
from tests.support.examples import examples

TARGETS = tuple(
    parse_target(f"{python}-{platform}")
    for python in ("3.11", "3.12", "3.13")
    for platform in ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "arm64-macosx_14_0")
)


@given(st.sets(st.sampled_from(TARGETS), min_size=1))
def test_markers_hold_on_just_their_targets(chosen: set[object]) -> None:
    """A package's marker is true on the targets that it is locked for, and on no other."""
    targets = [target for target in TARGETS if target in chosen]
    text = render_marker(targets, TARGETS)
    for target in TARGETS:
        environment = target.marker_environment() | {"extra": ""}
        assert (text is None or Marker(text).evaluate(environment)) is (target in chosen)


@settings(max_examples=examples(40))
@given(st.text(max_size=12))
def test_environment_files_say_what_they_say(value: str) -> None:
    """A value is refused, or `sh` reads just that value."""
    try:
        text = join(env_lines([("VALUE", value)]))
    except UsageError:
        return
    script = f'{text}printf %s "$VALUE"'
    done = subprocess.run(("/bin/sh", "-c", script), env={}, capture_output=True, text=True)
    assert done.stdout == value


WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=10)


@given(st.lists(WORDS, max_size=4))
def test_words_of_a_unit_stay_on_their_line(words: list[str]) -> None:
    """Quoted arguments come back out of a unit as they went in, with the escapes that systemd undoes."""
    line = " ".join(quote(word) for word in words)
    found = parse_exec_start(f"[Service]\nExecStart=/bin/x {line}\n", file="x.service")
    assert found == line.strip()
    assert line.count("%") % 2 == 0
    assert line.count("$") % 2 == 0


@given(st.lists(names, min_size=1, max_size=4, unique=True), names, st.booleans())
def test_adding_and_removing(required: list[str], new: str, multiline: bool) -> None:
    """What is added is required; what is removed is as it was, comments included."""
    glue = ",  # why\n    " if multiline else ", "
    items = glue.join(f'"{name}"' for name in required)
    body = f"[\n    {items},  # why\n]" if multiline else f"[{items}]"
    text = f"# top\n[drivers.x]  # x\nrequires = {body}\nbinary = 'y' # end\n"
    added = add_requirements(text, "x", [f"{new}>=1"])
    now = tomllib.loads(added)["drivers"]["x"]
    assert f"{new}>=1" in now["requires"]
    assert {item.removesuffix(">=1") for item in now["requires"]} == {*required, new}
    assert (added.count("# top"), added.count("# x"), added.count("# end")) == (1, 1, 1)
    if new not in required:
        assert tomllib.loads(remove_requirements(added, "x", [new], file="f")) == tomllib.loads(
            text
        )
