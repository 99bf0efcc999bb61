"""A Pipfile."""

from __future__ import annotations

import tomllib

from envbuild.imports.pipfile import read_pipfile

PIPFILE = """
[[source]]
name = "pypi"
url = "https://packages.example.com/simple"
[[source]]
name = "ours"
url = "https://ours.example.com/simple"
[packages]
flask = "*"
Django = { version = ">=5", extras = ["argon2"], markers = "python_version >= '3.12'" }
svc = { git = "https://git.example.com/svc.git", ref = "v1", editable = true }
own = { path = ".", editable = true }
colorama = { version = "*", sys_platform = "== 'win32'" }
secret = { version = "*", index = "ours" }
[dev-packages]
pytest = "~=8.0"
[requires]
python_version = "3.12"
"""


def test_packages_and_dev_packages_are_drivers() -> None:
    """Git and paths are sources; what comes from an index of its own is left out, and said."""
    first, second = read_pipfile(
        "site", tomllib.loads(PIPFILE), locate=lambda path: (f"here/{path}", None)
    )
    assert first.requires == (
        "flask",
        'django[argon2]>=5; python_version >= "3.12"',
        "svc",
        "own",
        'colorama; sys_platform == "win32"',
    )
    assert {name: dict(source) for name, source in first.sources} == {
        "svc": {"git": "https://git.example.com/svc.git", "rev": "v1"},
        "own": {"path": "here/."},
    }
    assert (first.name, first.python, second.name, second.python) == (
        *("site", "3.12"),
        *("site-dev", "3.12"),
    )
    assert second.requires == ("pytest~=8.0",)
    assert [line.partition(":")[0] for line in first.left_out] == ["secret", "the source ours"]
