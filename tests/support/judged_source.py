"""A source that requires another thing on each Python, and that cannot be built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.wheels import source_archive

if TYPE_CHECKING:
    from pathlib import Path


BACKEND = """
import sys
LOG = {log!r}
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    from pathlib import Path
    if sys.version_info[:2] == {refused!r}:
        raise SystemExit('this Python is not for me')
    info = Path(folder, 'judged-1.0.dist-info')
    info.mkdir()
    name = 'for-%d-%d' % sys.version_info[:2]
    info.joinpath('METADATA').write_text(
        'Metadata-Version: 2.1\\nName: judged\\nVersion: 1.0\\nRequires-Dist: %s\\n' % name
    )
    return info.name
def build_wheel(*_, **__):
    raise SystemExit('nothing is built to be locked')
"""


def judged(folder: Path, refused: tuple[int, int] = (0, 0)) -> None:
    """Write a source whose requirement depends on the Python that asks, and that cannot be built."""
    members = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: judged\nVersion: 1.0\n",
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n',
        "b.py": BACKEND.format(log=str(folder), refused=refused),
    }
    folder.mkdir(exist_ok=True)
    (folder / "judged-1.0.tar.gz").write_bytes(source_archive("judged-1.0", members))
