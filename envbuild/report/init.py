"""What `envbuild init` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.text import text_of

if TYPE_CHECKING:
    from envbuild.commands.init import InitResult
    from envbuild.text import Text


def render_init(result: InitResult) -> Text:
    """What was written, and what comes next."""
    return text_of(
        [f"wrote {result.path}; next: edit it, then `envbuild lock` and `envbuild sync`"]
    )


def init_table(result: InitResult) -> dict[str, object]:
    """The same as a JSON object."""
    return {"path": result.path}
