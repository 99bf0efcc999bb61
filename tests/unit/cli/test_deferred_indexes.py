"""Which commands may run the code of a source's author."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from envbuild.backend.source import SourceTree
from envbuild.cli.deferred_indexes import DeferredIndexes
from envbuild.errors import HostError
from envbuild.index.stand_ins import NO_SOURCES

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.cli.context import Context


def test_commands_that_only_read_run_no_build_backend(tmp_path: Path) -> None:
    """`check --solve`, `conflicts --solve` and `outdated` open the indexes without an upgrade: they lock nothing."""
    tree = SourceTree(package="svc", path=tmp_path, name="svc-1.0.tar.gz")
    with (
        DeferredIndexes(cast("Context", None)) as indexes,
        pytest.raises(HostError, match="this command does not run it") as caught,
    ):
        indexes._preparer.prepare(tree, "3.12", (), NO_SOURCES)
    assert caught.value.exit_code == 5
