"""YAML as other programs write it; the only import of a YAML reader."""

from __future__ import annotations

from envbuild.errors import Problem, UsageError


def parse_yaml(text: str, *, file: str) -> object:
    """One YAML document as plain values; UsageError with file and line where it is none."""
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error)
        line = mark.line + 1 if mark is not None else None
        problem = Problem(file=file, line=line, message=f"this is not YAML: {reason}")
        raise UsageError(problem) from None
