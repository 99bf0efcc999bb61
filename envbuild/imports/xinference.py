"""A Xinference model's `virtualenv` block."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from envbuild.errors import Problem, UsageError
from envbuild.imports.draft import Draft, read_requirements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_FOR_ENGINE = re.compile(r"""#engine#\s*==\s*["'](?P<engine>[^"']+)["']""")
_AND = re.compile(r"^\s*and\b|\band\s*$|\band\s+(?=and\b)")
_ENGINE = re.compile(r"#(?P<engine>[\w.-]+)_dependencies#")
_SYSTEM = re.compile(r"#system_(?P<package>[\w.-]+)#")
_OWN_MARKERS = re.compile(r"#\w+#|\b(has_cuda|cuda_version|cuda_arch|has_npu)\b")
_PLACES = ("index_url", "extra_index_url", "find_links")


def read_model(model: Mapping[str, object], *, file: str, engine: str | None = None) -> Draft:
    """The driver for a model's own environment; entries that only Xinference understands become notes.

    With an engine, entries for it count and those for others do not.
    UsageError if the model has no such block.
    """
    block = model.get("virtualenv")
    if not isinstance(block, dict) or not isinstance(block.get("packages"), list):
        message = "the model has no `virtualenv` block with `packages`"
        raise UsageError(Problem(file=file, key="virtualenv", message=message))
    texts: list[str] = []
    notes: list[str] = []
    inherit: dict[str, None] = {}
    for entry in _entries(block["packages"], engine):
        package, of_host = _of_host(entry)
        inherit.update(dict.fromkeys(of_host))
        note = _explain(package)
        if note is None:
            texts.append(package)
        else:
            notes.append(note)
    read = read_requirements(texts)
    notes += [
        f"`{key}` names a place: declare it as an [[index]] with its packages"
        for key in _PLACES
        if block.get(key)
    ]
    if inherit:
        notes.append(
            f"{', '.join(inherit)}: Xinference means its worker's own; "
            "let `inherit` name the Python that the worker runs on"
        )
    return Draft(
        name=str(model.get("model_name", "model")),
        requires=read.requires,
        inherit=tuple(inherit),
        sources=read.sources,
        left_out=read.left_out,
        notes=tuple(notes),
    )


def _of_host(package: str) -> tuple[str, tuple[str, ...]]:
    """An entry with the package's name in place of `#system_NAME#`, and this name; others as they are."""
    requirement, semicolon, marker = package.partition(";")
    match = _SYSTEM.fullmatch(requirement.strip())
    if match is None or _OWN_MARKERS.search(marker):
        return package, ()
    name = canonicalize_name(match["package"])
    return f"{name} {semicolon}{marker}".strip(), (name,)


def _entries(packages: Iterable[object], engine: str | None) -> Iterator[str]:
    """The entries for an engine, without its marker; without an engine all, unchanged."""
    for package in map(str, packages):
        asked = _FOR_ENGINE.search(package)
        if engine is None or asked is None:
            yield package
        elif _normal(asked["engine"]) == _normal(engine):
            requirement, _, marker = package.partition(";")
            rest = _AND.sub("", _FOR_ENGINE.sub("", marker)).strip()
            stands_for = _ENGINE.fullmatch(requirement.strip())
            name = stands_for["engine"].replace("_", "-") if stands_for else requirement.strip()
            yield f"{name} ; {rest}" if rest else name


def _normal(engine: str) -> str:
    return re.sub(r"[-_.]+", "-", engine).lower()


def _explain(package: str) -> str | None:
    """Why an entry cannot be a requirement; None if it can."""
    requirement, _, marker = package.partition(";")
    engine = _ENGINE.search(requirement)
    if engine is not None:
        return (
            f"left out {package}: it means what Xinference's release needs for the engine "
            f"{engine['engine']}; require the engine itself, such as '{engine['engine']}>=…'"
        )
    if _OWN_MARKERS.search(marker):
        return (
            f"left out {package}: its marker is Xinference's own and is decided when a model is "
            f"launched; name the engine with --engine, or require {requirement.strip()} yourself"
        )
    return None
