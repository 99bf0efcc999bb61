"""One thing that a command which looks has to say."""

from __future__ import annotations

from envbuild.value import value


@value
class Finding:
    """One thing that `verify`, `doctor` or `check` has to say."""

    code: str
    """A word that stays the same from version to version, such as `content` or `missing`."""

    subject: str
    """What it is about: an environment, a generation, a driver, a unit file."""

    message: str
    """One sentence without a final stop."""

    path: str | None = None
    """The path that it is about, where there is one; below an environment, relative to it."""

    hint: str | None = None
    """What the user can do about it."""

    line: int | None = None
    """The line of `path` that it is about, where there is one."""

    level: str = "error"
    """`error` where the answer is no; `warning` and `note` cost no exit code."""


def finding_table(finding: Finding) -> dict[str, object]:
    """The finding as a JSON object, absent fields as null."""
    return {
        "code": finding.code,
        "subject": finding.subject,
        "path": finding.path,
        "message": finding.message,
        "hint": finding.hint,
    }
