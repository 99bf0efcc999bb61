"""What a stamp notes of its host."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envbuild.cli.stamp import host_fact, render_sync_stamp, synced
from envbuild.digest import sha256_hex

if TYPE_CHECKING:
    from pathlib import Path


def test_another_kernel_is_another_host() -> None:
    """Markers ask for `platform_release` and `platform_version`: a new kernel is looked at anew."""
    fact = host_fact()
    assert os.uname().release in fact
    assert os.uname().version.split()[-1] in fact
    assert " " not in fact
    assert "\n" not in fact


def test_an_accelerator_that_came_or_was_replaced_is_seen(tmp_path: Path) -> None:
    """Whether a sign is there, and what it says, is one word of the stamp."""
    sign, declaration = tmp_path / "version", tmp_path / "drivers.toml"
    declaration.write_text("")
    (tmp_path / "cache").mkdir()
    (tmp_path / "current").symlink_to("generations/1")

    def leave_stamp() -> None:
        stamp = render_sync_stamp(
            store=str(tmp_path),
            generation=1,
            declaration=sha256_hex(b""),
            locks=(),
            environments=(),
            interpreters=(),
            signs=(str(sign),),
            text="as it was\n",
        )
        (tmp_path / "cache/stamp").write_text(stamp)

    def holds() -> bool:
        return synced(str(tmp_path), str(declaration)) is not None

    leave_stamp()
    assert holds()
    sign.write_text("570.1")
    assert not holds()
    leave_stamp()
    assert holds()
    sign.write_text("580.2")
    assert not holds()
