"""What `envbuild init` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envbuild.commands.init import InitResult


def render_init(result: InitResult) -> str:
    """What was written, and what comes next."""
    return f"wrote {result.path}; next: edit it, then `envbuild lock` and `envbuild sync`\n"


def init_table(result: InitResult) -> dict[str, object]:
    """The same as a JSON object."""
    return {"path": result.path}
