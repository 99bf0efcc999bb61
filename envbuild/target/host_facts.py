"""The facts of a host, stated by the user: for images that are built without an accelerator, and for `check --host`.

cuda = "13.0"
compute = "9.0"
cpu = { features = ["avx2", "avx512f"] }
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.target.accelerator import FoundAccelerator, all_kinds

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "ENVBUILD_HOST_FACTS"
"""The environment variable that names the file."""

_VERSION = re.compile(r"\d{1,9}\.\d{1,9}")
_FEATURE = re.compile(r"[a-z0-9][a-z0-9_]*")
_COMPUTE = "compute"


def parse_host_facts(text: str) -> tuple[FoundAccelerator, ...]:
    """The text of a file → every kind as the host has it; ValueError says what is wrong.

    A kind that is not named is absent; a processor that is not named may have everything.
    """
    import tomllib

    try:
        said = tomllib.loads(text)
    except RecursionError:
        raise ValueError("tables are nested too deeply") from None
    versions = {key: value for key, value in said.items() if key != "cpu"}
    return stated_accelerators(versions, _features(said.get("cpu")), f"${VARIABLE} names none")


def parse_host_words(text: str) -> tuple[FoundAccelerator, ...]:
    """`cuda=12.4,compute=8.6`, `rocm=7.1`, `cpu` or `cpu=avx2+avx512f`; ValueError as above."""
    versions: dict[str, object] = {}
    features = None
    for word in text.split(","):
        name, equals, said = word.partition("=")
        if name in versions:
            raise ValueError(f"{name} is listed twice")
        if name == "cpu":
            features = _features({"features": said.split("+")}) if equals else None
        else:
            versions[name] = said
    return stated_accelerators(versions, features, "`--host` names none")


def stated_accelerators(
    versions: Mapping[str, object], features: tuple[str, ...] | None, absent: str
) -> tuple[FoundAccelerator, ...]:
    """Every kind with its stated version; `absent` is the reason for each of the others."""
    kinds = {kind.name for kind in all_kinds() if kind.example}
    for name, version in versions.items():
        if name not in kinds and name != _COMPUTE:
            known = ", ".join((*sorted(kinds), _COMPUTE, "cpu"))
            raise ValueError(f"{name!r} is not a kind of accelerator; known: {known}")
        if not isinstance(version, str) or _VERSION.fullmatch(version) is None:
            raise ValueError(f"the version of {name} must be written like 12.4, not {version!r}")
    if _COMPUTE in versions and not any(kind in versions for kind in _with_compute()):
        raise ValueError(f"compute belongs to {' or '.join(_with_compute())}, which is not named")
    return tuple(_stated(kind.name, versions, features, absent) for kind in all_kinds())


def _stated(
    kind: str, versions: Mapping[str, object], features: tuple[str, ...] | None, absent: str
) -> FoundAccelerator:
    if kind == "cpu":
        return FoundAccelerator(kind=kind, features=features)
    if kind not in versions:
        return FoundAccelerator(kind=kind, absent=absent)
    compute = str(versions[_COMPUTE]) if _COMPUTE in versions else None
    shown = compute if kind in _with_compute() else None
    return FoundAccelerator(kind=kind, version=str(versions[kind]), compute=shown)


def _with_compute() -> tuple[str, ...]:
    return tuple(kind.name for kind in all_kinds() if kind.has_compute)


def _features(table: object) -> tuple[str, ...] | None:
    """What a processor is said to have; None where nothing is said."""
    if table is None:
        return None
    features = table.get("features") if isinstance(table, dict) and len(table) == 1 else None
    if not isinstance(features, list) or not all(isinstance(one, str) for one in features):
        raise ValueError('write cpu as cpu = { features = ["avx512f"] }')
    if wrong := [one for one in features if _FEATURE.fullmatch(one) is None]:
        raise ValueError(f"{wrong[0]!r} is not a feature of a processor")
    return tuple(features)
