"""JSON results: one object, versioned, with nothing left out."""

from __future__ import annotations

import json

from envbuild.text import Text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def render_table(table: Mapping[str, object]) -> Text:
    """The object as indented JSON, its format's version first, ending in a line feed."""
    return Text(json.dumps({"version": 1, **table}, indent=2) + "\n")
