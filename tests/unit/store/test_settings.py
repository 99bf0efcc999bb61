"""A store's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.errors import UsageError
from envbuild.store.settings import Settings, read_settings

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_set(tmp_path: Path) -> None:
    """Sources keep their order; without a file there are the defaults."""
    assert read_settings(tmp_path) == Settings()
    text = 'link-mode = "copy"\n[[source]]\nfolder = "/b"\n[[source]]\nfolder = "/a"\n'
    (tmp_path / "settings.toml").write_text(text)
    assert read_settings(tmp_path) == Settings(
        link_mode="copy", sources=(("folder", "/b"), ("folder", "/a"))
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('source = "/mnt"\n', "each must be a table of one kind and its address"),
        ('[source]\nfolder = "/mnt"\n', "write `[[source]]`"),
        ("[[source]]\n", "one kind"),
        ("[[source]]\nfolder = 1\n", "one kind"),
        ('[[source]]\nfolder = "/a"\nother = "/b"\n', "one kind"),
        ('[[sources]]\nfolder = "/a"\n', "did you mean source?"),
        ("x = 1\n", "there is: link-mode, source"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, words: str) -> None:
    """With the file and the key."""
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(UsageError) as raised:
        read_settings(tmp_path)
    assert words in str(raised.value)
    assert str(tmp_path / "settings.toml") in str(raised.value)
