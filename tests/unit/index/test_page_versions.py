"""What the names of files on a page say."""

from __future__ import annotations

import pytest

from envbuild.index.page_versions import version_of


@pytest.mark.parametrize(
    ("package", "filename", "version"),
    [
        ("acme-core", "acme_core-1.0.post1-1-py3-none-any.whl", "1.0.post1"),
        ("acme-core", "acme-core-2.0.tar.gz", "2.0"),
        ("acme", "acme-2.0.zip", "2.0"),
        ("acme", f"acme-2.0.{'ab' * 20}.tree", "2.0"),
        ("acme", "acme-2.0.exe", "None"),
        ("acme", "acme-what-py3-none-any.whl", "None"),
        ("acme", "acme-1.0-2.tar.gz", "None"),
        ("acme", "other-1.0.tar.gz", "None"),
        ("acme", f"acme-{'1' * 5000}.tar.gz", "None"),
    ],
)
def test_versions_are_read_from_file_names(package: str, filename: str, version: str) -> None:
    """A file's version is in its name; a name that follows no rule, or is another package's, has none."""
    assert str(version_of(package, filename)) == version
