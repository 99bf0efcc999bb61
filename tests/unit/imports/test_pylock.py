"""pylock.toml (PEP 751)."""

from __future__ import annotations

import tomllib

import pytest

from envbuild.errors import UsageError
from envbuild.imports.pylock import read_pylock
from envbuild.lockfile.first_pins import FirstPin

DIGEST = "a" * 64
PYLOCK = f"""
lock-version = "1.0"
created-by = "x"
requires-python = ">=3.13"
[[packages]]
name = "flask"
version = "3.1.0"
marker = "os_name == 'posix'"
dependencies = [{{ name = "werkzeug" }}]
wheels = [{{ name = "flask-3.1.0-py3-none-any.whl", hashes = {{ sha256 = "{DIGEST}" }} }}]
[[packages]]
name = "werkzeug"
version = "3.0"
[[packages]]
name = "svc"
vcs = {{ type = "git", url = "https://git.example.com/svc", commit-id = "{"b" * 40}" }}
[[packages]]
name = "old"
vcs = {{ type = "hg", url = "https://git.example.com/old", commit-id = "1" }}
"""


def test_what_nobody_requires_was_asked_for() -> None:
    """All versions are pins with their hashes; a repository is a source at its commit."""
    draft = read_pylock("site", tomllib.loads(PYLOCK), file="pylock.toml", locate=None)
    assert draft.requires == ("flask ; os_name == 'posix'", "svc", "old")
    assert draft.pins == (
        FirstPin(name="flask", version="3.1.0", hashes=(DIGEST,)),
        FirstPin(name="werkzeug", version="3.0"),
    )
    assert draft.pythons == ("3.14", "3.13")
    assert dict(draft.sources)["svc"] == (
        ("git", "https://git.example.com/svc"),
        ("rev", "b" * 40),
    )
    assert [line.partition(":")[0] for line in draft.left_out] == ["old"]


@pytest.mark.parametrize("text", ["", 'lock-version = "1.0"', "[[packages]]\nname = 'a'"])
def test_another_file_is_refused(text: str) -> None:
    """With what it lacks."""
    with pytest.raises(UsageError, match=r"not a pylock\.toml"):
        read_pylock("x", tomllib.loads(text), file="pylock.toml", locate=None)


CHOICES = """
lock-version = "1.0"
created-by = "x"
extras = ["Docs", "db"]
dependency-groups = ["default", "dev"]
default-groups = ["default"]
[[packages]]
name = "flask"
version = "3.1.0"
marker = "'default' in dependency_groups and python_version >= '3.10'"
[[packages]]
name = "sphinx"
version = "8.0"
marker = "'docs' in extras"
[[packages]]
name = "pytest"
version = "8.0"
marker = "'dev' in dependency_groups"
"""


def test_extras_and_groups_are_chosen() -> None:
    """What is installed without a word is imported: the default groups; of the others it is said."""
    document = tomllib.loads(CHOICES)
    draft = read_pylock("site", document, file="pylock.toml", locate=None)
    assert draft.requires == ('flask ; python_version >= "3.10"',)
    assert [pin.name for pin in draft.pins] == ["flask"]
    assert draft.left_out == ()
    assert draft.notes[1:] == (
        "extras that are not imported: Docs, db (--extra NAME)",
        "groups that are not imported: dev",
    )
    more = read_pylock("site", document, file="pylock.toml", locate=None, extras=("docs",))
    assert more.requires == (*draft.requires, "sphinx")
    with pytest.raises(UsageError, match="there is no extra 'x'"):
        read_pylock("site", document, file="pylock.toml", locate=None, extras=("x",))
