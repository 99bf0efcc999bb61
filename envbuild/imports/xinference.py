"""A Xinference model's `virtualenv` block."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from envbuild.errors import Problem, UsageError
from envbuild.imports.draft import Draft, read_requirements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ENGINES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "diffusers": ("diffusers>=0.32.0", "#system_huggingface-hub#"),
        "llama.cpp": ("xllamacpp>=0.2.6",),
        "mlx": ("mlx-lm>=0.31.3", "llguidance>=1.7.0"),
        "sentence_transformers": (
            *("sentence_transformers", "einops", "transformers>=4.53.3"),
            *("accelerate>=0.28.0", "peft>0.17.1"),
        ),
        "sglang": (
            *("pybase64", "zmq", "partial_json_parser", "sentencepiece", "dill", "ninja"),
            *("numpy<2.3", "pandas<3", "sglang>=0.5.6", "sgl_kernel ; cuda_version < '13.0'"),
            "nvidia-cusparselt-cu13==0.8.0 ; cuda_version == '13.0' and sys_platform == 'linux'",
        ),
        "transformers": ("transformers>=4.53.3", "accelerate>=0.28.0"),
        "trt-llm": tuple(
            f"{one} ; sys_platform == 'linux'"
            for one in ("xoscar[nixl]>=0.11.1", "tensorrt_llm==1.2.1", "pyarrow==20.0.0")
        ),
        "vllm": ("vllm>=0.11.2",),
    }
)
"""What a placeholder stands for, by engine, in Xinference 4.1, but for wheels that it names by URL.

tests/launchers compares it with Xinference's own table.
"""

_PLACEHOLDER = re.compile(r"#?(?P<name>[\w.-]+)_dependencies#?", re.IGNORECASE)
_SPELLINGS = {"llama_cpp": "llama.cpp", "trt_llm": "trt-llm"}
"""Placeholders that spell their engine otherwise."""

_SYSTEM = re.compile(r"#system_(?P<package>[\w.-]+)#")
_COMPARED = re.compile(
    r"""\s*#(?:model_)?engine#\s*(?P<how>==|!=)\s*["'](?P<engine>[^"']+)["']\s*"""
)
_OWN_MARKERS = re.compile(r"#\w+#|\b(has_cuda|cuda_version|cuda_arch|has_npu)\b")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_KEYS = {
    "index_url": "names a place: declare it as an [[index]] with its packages",
    "extra_index_url": "names a place: declare it as an [[index]] with its packages",
    "find_links": "names a place: declare the folder as an [[index]] with its packages",
    "trusted_host": "is not imported: give the host a certificate that this host trusts",
    "index_strategy": "is not imported: each package comes from one index; bind it with an [[index]]",
    "no_build_isolation": "is not imported: say it for a package, as isolation = false in [build.NAME]",
    "inherit_pip_config": "is not imported: the indexes are those of drivers.toml and of this host",
}
"""What a driver has in place of a key of the block."""


def read_model(model: Mapping[str, object], *, file: str, engine: str | None = None) -> Draft:
    """The driver for a model's own environment; entries that only Xinference understands become notes.

    With an engine, placeholders are expanded and markers decided as Xinference does for it.
    UsageError if the model has no such block.
    """
    block = model.get("virtualenv")
    if not isinstance(block, dict) or not isinstance(block.get("packages"), list):
        message = "the model has no `virtualenv` block with `packages`"
        raise UsageError(Problem(file=file, key="virtualenv", message=message))
    texts: list[str] = []
    notes: list[str] = []
    inherit: dict[str, None] = {}
    for entry in _entries([str(one) for one in block["packages"]], engine and engine.lower()):
        package, of_host = _of_host(entry)
        inherit.update(dict.fromkeys(of_host))
        note = _explain(package)
        if note is None:
            texts.append(package)
        else:
            notes.append(note)
    read = read_requirements(texts)
    notes += [f"`{key}` {advice}" for key, advice in _KEYS.items() if block.get(key)]
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
        notes=tuple(dict.fromkeys(notes)),
    )


def _of_host(package: str) -> tuple[str, tuple[str, ...]]:
    """An entry with the package's name in place of `#system_NAME#`, and this name; others as they are."""
    requirement, semicolon, marker = package.partition(";")
    match = _SYSTEM.fullmatch(requirement.strip())
    if match is None or _OWN_MARKERS.search(marker):
        return package, ()
    name = canonicalize_name(match["package"])
    return f"{name} {semicolon}{marker}".strip(), (name,)


def _entries(packages: list[str], engine: str | None) -> Iterator[str]:
    """What an engine needs, without its marker; without an engine every entry, unchanged.

    The model's own entry for a package replaces what a placeholder has for it.
    """
    if engine is None:
        yield from packages
        return
    own = [text for one in packages if (text := _for_engine(one, engine)) is not None]
    named = {_name(text) for text in own}
    for text in own:
        of = _engine_of(text)
        if of is None:
            yield text
        elif of == engine:
            meant = ENGINES.get(of, (text,))
            yield from (one for one in meant if _name(one) not in named)
        elif of not in ENGINES:
            yield text


def _for_engine(package: str, engine: str) -> str | None:
    """An entry with its marker decided as far as it is about the engine; None if it is for others."""
    requirement, _, marker = package.partition(";")
    if "#" not in marker or "(" in marker:
        return package
    kept = []
    for alternative in re.split(r"\bor\b", marker):
        rest, holds = [], True
        for term in re.split(r"\band\b", alternative):
            compared = _COMPARED.fullmatch(term)
            if compared is None:
                rest.append(term.strip())
            else:
                holds &= (compared["engine"].lower() == engine) == (compared["how"] == "==")
        if holds and not rest:
            return requirement.strip()
        if holds:
            kept.append(" and ".join(rest))
    return f"{requirement.strip()} ; {' or '.join(kept)}" if kept else None


def _engine_of(package: str) -> str | None:
    """The engine that a placeholder names, with or without its signs; None for any other entry."""
    match = _PLACEHOLDER.fullmatch(package.partition(";")[0].strip())
    name = match["name"].lower() if match else None
    return _SPELLINGS.get(name, name) if name else None


def _name(package: str) -> str:
    """The package that an entry is about; a placeholder is about none of its own."""
    match = _NAME.match(package)
    return canonicalize_name(match[0]) if match else package


def _explain(package: str) -> str | None:
    """Why an entry cannot be a requirement; None if it can."""
    requirement, _, marker = package.partition(";")
    engine = _engine_of(package)
    if engine in ENGINES:
        return (
            f"left out {package}: it means what Xinference installs for the engine {engine}; "
            f"name the engine with --engine {engine}"
        )
    if engine is not None:
        return f"left out {package}: Xinference installs nothing for an engine {engine}"
    if _OWN_MARKERS.search(marker):
        return (
            f"left out {package}: its marker is Xinference's own and is decided when a model is "
            f"launched; name the engine with --engine, or require {requirement.strip()} yourself"
        )
    return None
