"""Parse YAML of other programs, with limits on its size; only this module imports a YAML parser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError

if TYPE_CHECKING:
    import yaml

_LONGEST = 1 << 20
"""The most characters of a document."""

_DEEPEST = 50
"""The most levels of nested lists and tables."""

_MOST_NODES = 100_000
"""The most values of a document; values behind an alias count each time."""

_LONGEST_NUMBER = 100
"""The most characters of a number without quotes."""


def parse_yaml(text: str, *, file: str) -> object:
    """One YAML document as plain values.

    UsageError with file and line if it is invalid or could take too long to read:
    a long or deeply nested document, aliases that repeat too much, a very long number.
    """
    import yaml

    try:
        _check_bounds(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            return None
        _count(node, {})
        return yaml.SafeLoader("").construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error)
        line = mark.line + 1 if mark is not None else None
        problem = Problem(file=file, line=line, message=f"this is not YAML: {reason}")
        raise UsageError(problem) from None
    except _ExcessError as error:
        message = f"this YAML is not read: {error}"
        hint = "write the needed packages as requirements.txt"
        raise UsageError(Problem(file=file, line=error.line, message=message, hint=hint)) from None
    except ValueError as error:  # such as the 32nd of a month
        raise UsageError(Problem(file=file, message=f"this is not YAML: {error}")) from None


class _ExcessError(Exception):
    """A document exceeds a limit."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        self.line = line
        super().__init__(reason)


def _check_bounds(text: str) -> None:
    """Check the limits before anything is built from the document."""
    import yaml

    if len(text) > _LONGEST:
        raise _ExcessError(f"it has more than {_LONGEST:,} characters")
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = 0 if event.start_mark is None else event.start_mark.line + 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.ScalarEvent) and _is_endless_number(event):
            raise _ExcessError("it has a number that is too long", line)
        if depth > _DEEPEST:
            raise _ExcessError(f"it is nested more than {_DEEPEST} levels deep", line)


def _is_endless_number(event: yaml.ScalarEvent) -> bool:
    value = event.value
    return len(value) > _LONGEST_NUMBER and value[0] in "+-.0123456789" and not event.style


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    """The number of values in a node; an alias counts all its values again."""
    import yaml

    if id(node) in known:
        if known[id(node)] == 0:
            raise _ExcessError(
                "an alias is inside the value that it repeats", node.start_mark.line + 1
            )
        return known[id(node)]
    known[id(node)] = 0
    parts: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        parts = node.value
    elif isinstance(node, yaml.MappingNode):
        parts = [part for pair in node.value for part in pair]
    known[id(node)] = 1 + sum(_count(part, known) for part in parts)
    if known[id(node)] > _MOST_NODES:
        raise _ExcessError(f"it has more than {_MOST_NODES:,} values", node.start_mark.line + 1)
    return known[id(node)]
