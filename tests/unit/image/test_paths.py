"""The paths of an image."""

from __future__ import annotations

import pytest

from envbuild.image.paths import FILE, FOLDER, PROGRAM, ImagePaths, above, link_to


@pytest.fixture
def paths() -> ImagePaths:
    """A file, a program, links to both, and links that lead nowhere."""
    made = ImagePaths()
    made.add("usr/bin/tool", PROGRAM)
    made.add("usr/lib/a.py", FILE)
    made.add("bin", link_to("usr/bin"))
    made.add("usr/bin/same", link_to("../lib/./a.py"))
    made.add("usr/bin/far", link_to("/usr/bin/tool"))
    made.add("gone", link_to("/nowhere"))
    made.add("a", link_to("b"))
    made.add("b", link_to("a"))
    made.add("out", link_to("../../../usr"))
    return made


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/bin/tool", PROGRAM),
        ("bin/same", FILE),
        ("bin/far", PROGRAM),
        ("bin", FOLDER),
        ("out/lib/a.py", FILE),
        ("", FOLDER),
        ("bin/..", FOLDER),
        ("gone", None),
        ("a", None),
        ("usr/bin/tool/x", None),
        ("usr/none", None),
    ],
)
def test_links_are_followed_as_linux_does(paths: ImagePaths, path: str, found: str | None) -> None:
    """Links lead from the image's root, `..` from where a link has led, and a circle nowhere."""
    assert paths.resolve(path) == found


def test_what_is_removed_is_gone_with_everything_below(paths: ImagePaths) -> None:
    """A removed folder takes its content with it; an emptied one stays."""
    paths.remove("usr/lib")
    paths.remove("none/there")
    assert paths.kind("usr/lib/a.py") is None
    paths.empty("usr/bin")
    assert paths.kind("usr/bin") == FOLDER
    assert paths.resolve("bin/tool") is None


def test_the_first_folder_that_is_none(paths: ImagePaths) -> None:
    """A link or a file above a path is found; what is missing will be made."""
    assert paths.first_odd_folder("/bin/new/x") == "bin"
    assert paths.first_odd_folder("/usr/lib/a.py/x") == "usr/lib/a.py"
    assert paths.first_odd_folder("/opt/new/x") is None
    assert list(above("a/b/c")) == ["a/b", "a"]
