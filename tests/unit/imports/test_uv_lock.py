"""uv.lock."""

from __future__ import annotations

import tomllib

import pytest

from envbuild.errors import UsageError
from envbuild.imports.uv_lock import read_uv_lock
from envbuild.lockfile.first_pins import FirstPin

DIGEST = "a" * 64
LOCK = f"""
version = 1
requires-python = ">=3.12"
[[package]]
name = "site"
source = {{ editable = "." }}
dependencies = [{{ name = "flask", extra = ["async"] }}, {{ name = "svc" }}]
[package.metadata]
requires-dist = [
    {{ name = "flask", extras = ["async"], specifier = ">=3", marker = "os_name == 'posix'" }},
    {{ name = "pytest", marker = "extra == 'test'" }},
    {{ name = "svc", git = "https://git.example.com/svc?tag=v1" }},
]
[[package]]
name = "flask"
version = "3.1.0"
source = {{ registry = "https://packages.example.com/simple" }}
dependencies = [{{ name = "werkzeug" }}]
sdist = {{ url = "https://e.example/flask-3.1.0.tar.gz", hash = "sha256:{DIGEST}" }}
[package.optional-dependencies]
async = [{{ name = "asgiref" }}]
[[package]]
name = "werkzeug"
version = "3.0"
source = {{ registry = "https://packages.example.com/simple" }}
dependencies = [{{ name = "flask" }}]
[[package]]
name = "asgiref"
version = "3.8"
source = {{ registry = "https://packages.example.com/simple" }}
[[package]]
name = "asgiref"
version = "3.9"
source = {{ registry = "https://packages.example.com/simple" }}
[[package]]
name = "pytest"
version = "8.0"
source = {{ registry = "https://packages.example.com/simple" }}
[[package]]
name = "svc"
version = "1.0"
source = {{ git = "https://git.example.com/svc?tag=v1&subdirectory=py#{"b" * 40}" }}
"""


def test_projects_are_drivers_with_the_pins_that_they_reach() -> None:
    """Requirements from the project, versions from the lock, sources at their commits; nothing for other extras."""
    (draft,) = read_uv_lock("folder", tomllib.loads(LOCK), file="uv.lock", locate=None)
    assert draft.name == "site"
    assert draft.requires == ("flask[async]>=3 ; os_name == 'posix'", "svc")
    assert draft.pythons == ("3.14", "3.13", "3.12")
    assert draft.pins == (
        FirstPin(name="asgiref", version="3.8"),
        FirstPin(name="flask", version="3.1.0", hashes=(DIGEST,)),
        FirstPin(name="werkzeug", version="3.0"),
    )
    assert {name: dict(source) for name, source in draft.sources} == {
        "svc": {"git": "https://git.example.com/svc", "rev": "b" * 40, "subdirectory": "py"}
    }
    assert draft.left_out == ()
    assert "extras are not imported from uv.lock" in draft.notes[0]


def test_a_script_has_its_requirements_in_the_manifest() -> None:
    """`uv lock --script` writes them there."""
    text = """
version = 1
[manifest]
requirements = [{ name = "rich" }]
[[package]]
name = "rich"
version = "14.0"
source = { registry = "https://packages.example.com/simple" }
"""
    (draft,) = read_uv_lock("tool", tomllib.loads(text), file="tool.py.lock", locate=None)
    assert (draft.name, draft.requires, len(draft.pins)) == ("tool", ("rich",), 1)


@pytest.mark.parametrize("text", ["", "version = 1", "version = 1\n[[package]]\nname = 'a'"])
def test_another_file_is_refused(text: str) -> None:
    """With what to name in its place."""
    with pytest.raises(UsageError):
        read_uv_lock("x", tomllib.loads(text), file="uv.lock", locate=None)
