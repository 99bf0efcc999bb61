"""Imports never fail with a bug: any text becomes drafts, or is refused in words."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from envbuild.declaration.edit import append_driver, driver_name, render_driver
from envbuild.declaration.toml.document import parse_declaration
from envbuild.errors import UsageError
from envbuild.imports.groups import read_groups
from envbuild.imports.preset import hand_made_environment, is_preset, read_preset
from envbuild.imports.requirements_text import read_requirements_text
from envbuild.imports.xinference import read_model
from envbuild.lockfile.first_pins import parse_first_pins, render_first_pins

if TYPE_CHECKING:
    from envbuild.imports.draft import Draft

LINES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "a==1.0 \\",
            "    --hash=sha256:" + "a" * 64,
            "    # via -r x.in",
            "    #   -r x.in",
            "    # via",
            "    #   a",
            "a==2.0 ; python_version < '3.13'  # via x (pyproject.toml)",
            "--hash=sha256:aaaa",
            "--no-binary a,b",
            "--no-binary :all:",
            "--no-binary !",
            "-c bounds.txt",
            "b[x,y]>=1,<2 ; python_version < '3.13'",
            "-e .",
            "--index-url=https://user:secret@example.com/simple",
            "c @ https://user:secret@example.com/c.whl",
            "Package Version",
            "-_.==1",
        ]
    ),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def known(**keys: Any) -> st.SearchStrategy[Any]:
    """Tables with these keys, some of which may be missing."""
    return st.fixed_dictionaries({}, optional=keys)


@given(st.lists(LINES, max_size=8))
def test_any_requirements_file(lines: list[str]) -> None:
    """What is carried over is a driver and its first pins; no password is repeated."""
    with suppress(UsageError):
        check_draft(read_requirements_text("x", "\n".join(lines)))


def check_draft(draft: Draft) -> None:
    """It can be written into a declaration, and its pins into a file of pins."""
    assert not any("secret" in note for note in draft.notes)
    assert parse_first_pins(render_first_pins(draft.pins, source="x")) is not None
    if draft.requires:
        more = [("constraints", list(draft.constraints)), ("force-sdist", list(draft.force_sdist))]
        text = append_driver("", render_driver(driver_name(draft.name), draft.requires, more=more))
        (driver,) = parse_declaration(text, file="drivers.toml").drivers
        assert driver.requires


@given(known(**{"dependency-groups": VALUES, "tool": VALUES}))
def test_any_groups(document: dict[str, Any]) -> None:
    """Groups of any shape are read or refused."""
    with suppress(UsageError):
        read_groups(document, file="x")


@given(
    known(
        id=VALUES,
        driver=st.one_of(VALUES, st.sampled_from(["vllm", "fastapi"])),
        compat=VALUES,
        unit_vars=VALUES,
        extra_config=VALUES,
    )
)
def test_any_preset(preset: dict[str, Any]) -> None:
    """Presets of any shape are read or refused."""
    hand_made_environment(preset)
    if is_preset(preset):
        with suppress(UsageError):
            read_preset(preset, file="x")


@given(known(model_name=VALUES, virtualenv=known(packages=VALUES, index_url=VALUES)), st.text())
def test_any_model(model: dict[str, Any], engine: str) -> None:
    """Models of any shape are read or refused."""
    with suppress(UsageError):
        read_model(model, file="x", engine=engine)
