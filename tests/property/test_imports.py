"""Imports never fail with a bug: any text becomes drafts, or is refused in words."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from envbuild.declaration.edit import append_driver, driver_name, render_driver
from envbuild.declaration.toml.document import parse_declaration
from envbuild.errors import UsageError
from envbuild.imports.groups import read_groups
from envbuild.imports.pipfile import read_pipfile
from envbuild.imports.poetry import read_poetry
from envbuild.imports.preset import hand_made_environment, is_preset, read_preset
from envbuild.imports.project import read_project
from envbuild.imports.pylock import read_pylock
from envbuild.imports.requirements_text import read_requirements_text
from envbuild.imports.uv_lock import read_uv_lock
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
            "-e git+https://user:secret@example.com/x#egg=x",
            "x @ git+ssh://git@example.com/x@v1 ; os_name == 'posix'",
            "./x.whl",
            "https://example.com/x-1.0-py3-none-any.whl#sha256=" + "a" * 64,
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
    assert not any(":secret@" in line for line in (*draft.notes, *draft.left_out))
    assert parse_first_pins(render_first_pins(draft.pins, source="x")) is not None
    if draft.requires:
        more: list[tuple[str, object]] = [
            ("constraints", list(draft.constraints)),
            ("force-sdist", list(draft.force_sdist)),
            ("overrides", list(draft.overrides)),
            ("sources", {name: dict(source) for name, source in draft.sources}),
        ]
        if draft.pythons:
            more.append(("python", list(draft.pythons)))
        text = append_driver("", render_driver(driver_name(draft.name), draft.requires, more=more))
        (driver,) = parse_declaration(text, file="drivers.toml").drivers
        assert driver.requires


@given(known(**{"dependency-groups": VALUES, "tool": VALUES}))
def test_any_groups(document: dict[str, Any]) -> None:
    """Groups of any shape are read or refused."""
    with suppress(UsageError):
        read_groups(document, file="x")


def locate(path: str) -> tuple[str, str | None]:
    """Every path is there, and has no name."""
    return path, None


ENTRIES = st.dictionaries(
    st.sampled_from(["a", "B_b", "python", "-", "a b", "x" * 90]),
    st.one_of(
        VALUES,
        st.sampled_from(["^1.2", "~1", "*", "1 || 2", ">=1,<2", "==1.*"]),
        st.fixed_dictionaries(
            {},
            optional={
                "version": st.sampled_from(["^1", "*", "x"]),
                "git": st.sampled_from(["https://e.example/x.git", "git@e:x", "--x"]),
                "url": st.sampled_from(["https://e.example/a-1.0-py3-none-any.whl", "x"]),
                "path": st.text(max_size=8),
                "markers": st.sampled_from(["os_name == 'nt'", "x", "extra == 'a'"]),
                "python": st.sampled_from([">=3.8", "^3.9", "x"]),
                "extras": VALUES,
                "index": VALUES,
                "optional": VALUES,
            },
        ),
    ),
    max_size=3,
)


@settings(deadline=None)
@given(ENTRIES, VALUES)
def test_any_project(entries: dict[str, Any], value: Any) -> None:
    """Tables of Poetry, Pipenv and uv of any shape are read or refused; what comes over is a valid driver."""
    wanted = list(entries)
    documents: list[dict[str, Any]] = [
        {"tool": {"uv": {"constraint-dependencies": wanted, "override-dependencies": wanted}}}
        | {"project": {"dependencies": ["a"]}},
        {"tool": {"poetry": {"dependencies": entries, "group": {"x": {"dependencies": entries}}}}},
        {"tool": {"poetry": value, "uv": {"sources": entries}}, "project": value},
        {
            "project": {"dependencies": list(entries), "name": value},
            "tool": {"uv": {"sources": entries}},
        },
        {"packages": entries, "dev-packages": value, "source": value, "requires": entries},
        {
            "version": 1,
            "package": [
                {"name": "a", "source": {"virtual": "."}, "metadata": {"requires-dist": [entries]}},
                entries,
            ],
        },
        {
            "lock-version": "1.0",
            "packages": [entries, {"name": "a", "vcs": entries}, {"archive": entries}],
        },
    ]
    drafts: list[Draft | None] = []
    for document in documents:
        with suppress(UsageError):
            drafts += read_poetry(document, file="x", extras=(), locate=locate)
        with suppress(UsageError):
            drafts += read_uv_lock("x", document, file="x", locate=locate)
        with suppress(UsageError):
            drafts.append(read_pylock("x", document, file="x", locate=locate))
        with suppress(UsageError):
            drafts.append(read_project(document, file="x", extras=(), locate=locate))
        drafts += read_pipfile("x", document, locate=locate)
    for draft in drafts:
        if draft is not None:
            check_draft(draft)


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
