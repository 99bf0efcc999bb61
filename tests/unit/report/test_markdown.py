"""Comments under pull requests: what is named, and what is folded."""

from __future__ import annotations

from envbuild.commands.diff import DiffResult
from envbuild.lockfile.difference import Change, DriverDiff, FileChange
from envbuild.report.markdown import render_diff_markdown


def test_every_change_that_is_counted_is_shown() -> None:
    """A file that was replaced under its name is the weightiest change: it comes first among the folded lines."""
    name = "lib-1.0-py3-none-any.whl"
    file = FileChange(
        package="lib", version="1.0", name=name, was=name, before="a" * 64, after="b" * 64
    )
    diff = DriverDiff(
        driver="app",
        kind="changed",
        before="1",
        after="1",
        changes=(
            Change(package="base", before=("1.0",), after=("1.1",)),
            Change(package="lib", before=("1.0",), after=("1.0",), file=file),
        ),
        download=None,
    )
    text = render_diff_markdown(DiffResult(against="HEAD", drivers=(diff,)))
    assert text.endswith(
        "<details><summary>app: 2 changes</summary>\n\n```diff\n"
        f"! lib 1.0: another {name}, sha256 aaaaaaaaaaaa… → bbbbbbbbbbbb…\n"
        "! base 1.0 → 1.1\n```\n\n</details>\n"
    )
