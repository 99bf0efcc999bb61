"""What `envbuild why` and `envbuild tree` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.lockfile.chains import MANY
from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.why import TreeResult, WhyResult
    from envbuild.lockfile.chains import Bound, Chain, Reasons
    from envbuild.requirement.graph import Edge
    from envbuild.text import Text

_SHOWN = 30
_DEEPEST = 60
"""The most levels of a tree; deeper packages are shown if they occur higher up."""

_SIDES = {
    "above": "holds it down",
    "below": "holds it up",
    "both": "holds it exactly",
}


def render_why(result: WhyResult) -> Text:
    """Targets with the same chains and bounds are shown together."""
    groups: dict[tuple[object, ...], list[Reasons]] = {}
    for reasons in result.reasons:
        groups.setdefault((reasons.version, reasons.chains, reasons.bounds), []).append(reasons)
    lines: list[str] = []
    for alike in groups.values():
        lines += _reasons_lines(result, alike)
    if result.absent:
        lines.append(f"not on {', '.join(map(str, result.absent))}")
    return text_of(lines)


def why_table(result: WhyResult) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "driver": result.driver,
        "package": result.package,
        "targets": {
            str(reasons.target): {
                "version": reasons.version,
                "complete": reasons.complete,
                "further": reasons.further,
                "chains": [
                    [_edge_table(edge, result) for edge in chain] for chain in reasons.chains
                ],
                "bounds": [_bound_table(bound) for bound in reasons.bounds],
            }
            for reasons in result.reasons
        },
        "absent": [str(target) for target in result.absent],
    }


def render_tree(result: TreeResult) -> Text:
    """A package's requirements are shown where it first occurs; later it has `(*)`."""
    asked_by: dict[str | None, dict[str, list[Edge]]] = {}
    for edge in result.edges:
        asked_by.setdefault(edge.requirer, {}).setdefault(edge.package, []).append(edge)
    lines = [f"{result.driver} {result.version} ({result.target})"]
    lines += _branch(result, asked_by, None, "", set())
    if result.others:
        lines.append(f"further targets: {', '.join(map(str, result.others))}")
    return text_of(lines)


def tree_table(result: TreeResult) -> dict[str, object]:
    """The same as a JSON object: packages, and what requires them."""
    return {
        "driver": result.driver,
        "version_of_driver": result.version,
        "target": str(result.target),
        "targets": [str(result.target), *map(str, result.others)],
        "packages": dict(result.packages),
        "edges": [_edge_table(edge, result) for edge in result.edges],
    }


def _reasons_lines(result: WhyResult, alike: list[Reasons]) -> Iterator[str]:
    first = alike[0]
    targets = ", ".join(str(reasons.target) for reasons in alike)
    yield f"{result.package} {first.version} in {result.driver} ({targets})"
    for chain in first.chains[:_SHOWN]:
        yield f"  {_chain_text(chain, result)}"
    if len(first.chains) > _SHOWN or not first.complete:
        yield f"  and {_more(first)} longer chains"
    yield "bounds"
    yield from (f"  {_bound_text(bound, result)}" for bound in first.bounds)
    if not any(bound.binding in ("above", "both") for bound in first.bounds):
        yield "  nothing holds it down"


def _more(reasons: Reasons) -> str:
    """How many chains are not shown."""
    hidden = max(0, len(reasons.chains) - _SHOWN)
    if reasons.further is None:
        return f"{hidden} or more"
    if reasons.further >= MANY:
        return f"more than {MANY:,}"
    return f"{hidden + reasons.further}"


def _chain_text(chain: Chain, result: WhyResult) -> str:
    line = result.lines.get(chain[0].text)
    place = f"{result.file}:{line}" if line is not None else result.file
    return " → ".join([f"{result.driver} ({place})", *map(_edge_text, chain)])


def _edge_text(edge: Edge) -> str:
    extras = f"[{','.join(edge.extras)}]" if edge.extras else ""
    return f"{edge.package}{extras} {edge.specifier}".rstrip()


def _bound_text(bound: Bound, result: WhyResult) -> str:
    asker = bound.requirer or (result.driver if bound.kind != "constraint" else "a constraint")
    held = f"   ← {_SIDES[bound.binding]}" if bound.binding is not None else ""
    override = " (override)" if bound.kind == "override" else ""
    return f"{asker}: {bound.specifier or 'any version'}{override}{held}"


def _branch(
    result: TreeResult,
    asked_by: dict[str | None, dict[str, list[Edge]]],
    requirer: str | None,
    indent: str,
    shown: set[str],
) -> Iterator[str]:
    packages = sorted(asked_by.get(requirer, {}).items())
    for number, (package, edges) in enumerate(packages, start=1):
        last = number == len(packages)
        again = package in shown and package in asked_by
        specifiers = ",".join(dict.fromkeys(edge.specifier for edge in edges if edge.specifier))
        extras = sorted({extra for edge in edges for extra in edge.extras})
        name = f"{package}[{','.join(extras)}]" if extras else package
        asked = f" ({specifiers})" if specifiers else ""
        mark = " (*)" if again else ""
        twig = "└── " if last else "├── "
        yield f"{indent}{twig}{name} {result.packages[package]}{asked}{mark}"
        if package not in shown and len(indent) > 4 * _DEEPEST:
            yield f"{indent}    └── …"
        elif package not in shown:
            shown.add(package)
            deeper = indent + ("    " if last else "│   ")
            yield from _branch(result, asked_by, package, deeper, shown)


def _edge_table(edge: Edge, result: WhyResult | TreeResult) -> dict[str, object]:
    return {
        "requirer": edge.requirer,
        "package": edge.package,
        "specifier": edge.specifier or None,
        "extras": list(edge.extras),
        "line": result.lines.get(edge.text) if edge.requirer is None else None,
    }


def _bound_table(bound: Bound) -> dict[str, object]:
    return {
        "requirer": bound.requirer,
        "kind": bound.kind,
        "specifier": bound.specifier or None,
        "binding": bound.binding,
    }
