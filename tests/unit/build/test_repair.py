"""What stands at an environment's path before it is built is taken away, whatever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.environment.contents import find_site_packages
from envbuild.errors import HostError
from envbuild.posix.deletion import remove_tree
from tests.support.frozen import freeze_modes
from tests.support.plain_user import as_plain_user

if TYPE_CHECKING:
    from pathlib import Path


def test_a_frozen_environment_is_removed_by_its_owner(project: Path) -> None:
    """Read-only folders keep nobody from removing what is his own, root or not."""
    environment = project / "env"
    (environment / "lib" / "pkg").mkdir(parents=True)
    (environment / "lib" / "pkg" / "x.py").write_text("")
    freeze_modes(environment)
    assert as_plain_user(project, lambda: remove_tree(environment)) == 0
    assert list(project.iterdir()) == []


def test_a_link_is_removed_and_not_what_it_points_at(project: Path) -> None:
    """Somebody's link in place of an environment costs its target nothing, not even its modes."""
    (project / "mine").mkdir(mode=0o700)
    (project / "mine" / "x").write_text("")
    (project / "env").symlink_to("mine")
    remove_tree(project / "env")
    assert [path.name for path in project.iterdir()] == ["mine"]
    assert (project / "mine" / "x").exists()
    assert (project / "mine").stat().st_mode & 0o777 == 0o700


def test_a_dangling_link_and_a_file_are_removed(project: Path) -> None:
    """Whatever stands there without a receipt makes room."""
    (project / "link").symlink_to("gone")
    (project / "file").write_text("")
    for name in ("link", "file", "nothing"):
        remove_tree(project / name)
    assert list(project.iterdir()) == []


def test_site_packages_is_found_whatever_the_python(project: Path) -> None:
    """The one folder of the environment's own Python."""
    folder = project / "lib" / "python3.12" / "site-packages"
    folder.mkdir(parents=True)
    assert find_site_packages(project) == folder


def test_an_environment_without_site_packages_is_said(project: Path) -> None:
    """What uv made is not what it should be: a host error with the path."""
    with pytest.raises(HostError, match="has no site-packages folder"):
        find_site_packages(project)
