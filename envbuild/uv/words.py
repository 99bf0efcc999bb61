"""uv's own words without advice that a declaration cannot follow: switches of uv's command line."""

from __future__ import annotations

import re

_TRY = re.compile(r"\s*\(try: `--[^`\n]*`\)")
_SWITCH = re.compile(r"`--[a-z]|(?<![\w-])--[a-z]")
_EARLY = re.compile(
    r"Pre-releases are available for `([A-Za-z0-9._-]{1,100})` in the requested range"
    r" \(e\.g\., ([0-9][A-Za-z0-9.+!]{0,50})\)"
)


def without_switches(words: str) -> str:
    """The words without hints that name switches; what such a hint tells besides is kept."""
    lines = [_TRY.sub("", line) for line in words.splitlines()]
    kept = [
        line
        for line in lines
        if not (line.lstrip().startswith("hint:") and _SWITCH.search(line) is not None)
    ]
    return re.sub(r"\n(?:[ \t]*\n)+", "\n\n", "\n".join(kept)).strip()


def pre_release_hint(words: str) -> str | None:
    """What a declaration can say where only pre-releases fit, by uv's words; None where they do not say so."""
    found = dict(_EARLY.findall(words))
    if not found:
        return None
    asked = ", ".join(f'"{name}>={version}"' for name, version in sorted(found.items()))
    return f"constraints = [{asked}] lets pre-releases be taken"
