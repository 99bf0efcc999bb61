"""What source distributions say that they need, read and never run."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from envbuild.index.source_metadata import read_source_requires

INFO = "Metadata-Version: {}\nName: old-tool\nVersion: 1.0\n"


def archive(**members: str | bytes) -> io.BytesIO:
    """A `.tar.gz`; `info` and `requires` stand for the paths of PKG-INFO and `requires.txt`."""
    paths = {
        "info": "old-tool-1.0/PKG-INFO",
        "requires": "old-tool-1.0/src/old_tool.egg-info/requires.txt",
    }
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for kind, text in members.items():
            content = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(paths.get(kind, kind))
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    stream.seek(0)
    return stream


def test_both_forms_of_requirements_are_read() -> None:
    """PKG-INFO of today tells all; before that setuptools wrote sections for extras and markers."""
    today = INFO.format("2.2") + "Requires-Dist: low>=1\nRequires-Dist: x; extra == 'more'\n"
    found = read_source_requires(archive(info=today, requires="other\n"), "old-tool")
    assert found == ("low>=1", "x; extra == 'more'")
    old = 'low>=1\n\n[more]\nx\n\n[:python_version < "3.8"]\ny\nno requirement!\n[all:os_name == "nt"]\nz\n'
    assert read_source_requires(archive(info=INFO.format("2.1"), requires=old), "old-tool") == (
        "low>=1",
        "x; extra == 'more'",
        'y; (python_version < "3.8")',
        "z; (os_name == \"nt\") and extra == 'all'",
    )


@pytest.mark.parametrize(
    "content",
    [
        archive(big=bytes(40 << 20)),
        archive(info=bytes(2 << 20)),
        io.BytesIO(b"no archive"),
        io.BytesIO(gzip.compress(b"no archive")),
        io.BytesIO(archive(info=INFO.format("2.2")).getvalue()[:60]),
        archive(info="Name: another\nVersion: 1\n"),
    ],
    ids=["bomb", "long", "no gzip", "no tar", "torn", "another"],
)
def test_what_is_no_such_archive_is_refused(content: io.BytesIO) -> None:
    """Whoever uploads a source distribution cannot make a lock read gigabytes or end: it tells nothing."""
    with pytest.raises((ValueError, EOFError, OSError, tarfile.TarError)):
        read_source_requires(content, "old-tool")
