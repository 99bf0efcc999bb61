"""Which fields the results of commands have in JSON: read from the functions that make them, without running them.

A function such as `sync_table` returns a dict of constant keys. What its values are is followed
through comprehensions, conditions, local names and calls of other such functions.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from tests.support.command_line import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Fields = dict[str, "Fields | None"]
"""Key → what is below it, or None. `[]` is the key of an array's elements, `<name>` that of a mapping's values."""

REFERENCE = "→"
"""The only key of an object that has a section of its own; the value's only key is that function's name."""


def fields_of(function: str, sections: frozenset[str]) -> Fields:
    """What a function returns; objects of functions among `sections` are not gone into."""
    module, found = _function(function, None)
    return _Reader(module=module, sections=sections).returned(found) or {}


def paths(fields: Fields, above: str = "") -> Iterator[tuple[str, str | None]]:
    """Every field's path, such as `plan.build[].driver`, and the function of the section that tells what is below."""
    for key, inner in fields.items():
        path = f"{above}{key}" if key == "[]" or not above else f"{above}.{key}"
        below = dict(inner or {})
        while below.keys() in ({"[]"}, {"<name>"}):
            ((element, inside),) = below.items()
            path += element if element == "[]" else f".{element}"
            below = dict(inside or {})
        yield path, next(iter(below.pop(REFERENCE, None) or ()), None)
        yield from paths(below, path)


@cache
def _functions() -> Mapping[str, list[tuple[str, ast.FunctionDef]]]:
    """Every function of envbuild by its name, each with its module."""
    found: dict[str, list[tuple[str, ast.FunctionDef]]] = {}
    for path in sorted((ROOT / "envbuild").rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                found.setdefault(node.name, []).append((str(path), node))
    return found


def _function(name: str, module: str | None) -> tuple[str, ast.FunctionDef]:
    """The function that a name means in a module: its own, or the only one."""
    known = _functions().get(name, [])
    own = [one for one in known if one[0] == module]
    (only,) = own or known
    return only


@dataclass(frozen=True, kw_only=True)
class _Reader:
    module: str
    sections: frozenset[str]

    def returned(self, function: ast.FunctionDef) -> Fields | None:
        """What a function returns on any way."""
        names = {
            target.id: node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        returns = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
        return _union(*(self.read(value, names) for value in returns if value is not None))

    def read(self, node: ast.expr, names: Mapping[str, ast.expr]) -> Fields | None:
        """What an expression is; None for what has no fields."""
        match node:
            case ast.Dict():
                return self._dict(node, names)
            case ast.ListComp(elt=inner) | ast.GeneratorExp(elt=inner) | ast.List(elts=[inner]):
                below = None if isinstance(inner, ast.Starred) else self.read(inner, names)
                return None if below is None else {"[]": below}
            case ast.DictComp(value=inner):
                below = self.read(inner, names)
                return None if below is None else {"<name>": below}
            case ast.IfExp(body=first, orelse=second):
                return _union(self.read(first, names), self.read(second, names))
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str(key))):
                return (self.read(names[name], names) or {}).get(key) if name in names else None
            case ast.Name(id=name) if name in names:
                return self.read(names[name], {k: v for k, v in names.items() if k != name})
            case ast.Call(func=ast.Name(id=name)) if name in _functions():
                return self._called(name)
        return None

    def _dict(self, node: ast.Dict, names: Mapping[str, ast.expr]) -> Fields:
        fields: Fields = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                fields |= self.read(value, names) or {}
            elif isinstance(key, ast.Constant):
                fields[str(key.value)] = self.read(value, names)
        return fields

    def _called(self, name: str) -> Fields | None:
        if name in self.sections:
            return {REFERENCE: {name: None}}
        module, function = _function(name, self.module)
        if "/report/" not in module and not name.endswith("_table"):
            return None
        return _Reader(module=module, sections=self.sections).returned(function)


def _union(*alternatives: Fields | None) -> Fields | None:
    found: Fields = {}
    for one in alternatives:
        for key, below in (one or {}).items():
            found[key] = _union(found.get(key), below)
    return found or None
