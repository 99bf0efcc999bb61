"""The record that makes an environment valid: every file in it, as it was built."""

from __future__ import annotations

import json
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

from envbuild.environment.content_digest import (
    Contents,
    FileEntry,
    FolderEntry,
    LinkEntry,
    digest_of,
    render_contents,
    render_rows,
)
from envbuild.environment.derivation import (
    Derivation,
    InheritedDistribution,
    parse_settings,
    render_settings,
)
from envbuild.errors import HostError, Problem
from envbuild.lean_json import as_number, as_text, open_text
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


FORMAT = 2


@value
class Receipt:
    """The content of `<store>/receipts/<environment>.json`."""

    environment: str
    """The folder's name, such as `vllm-0.11.0-3f9a2c1b7d4e`."""

    key: str
    created: str
    """UTC, `2026-11-20T10:00:00Z`."""

    contents: Contents
    derivation: Derivation


def render_receipt(receipt: Receipt) -> str:
    """The receipt as JSON, with one entry a line, so that any tool can compare two of them."""
    listed = render_contents(receipt.contents)
    head = {
        "version": FORMAT,
        "environment": receipt.environment,
        "key": receipt.key,
        "created": receipt.created,
        "python": receipt.derivation.python,
        "python_version": receipt.derivation.python_version,
        "size": receipt.contents.size,
        "content": digest_of(listed),
    }
    derivation = "".join(_derivation_rows(receipt.derivation))
    return f"{json.dumps(head)[:-1]}{derivation},\n{listed}"


def parse_receipt(text: str, *, file: str) -> Receipt:
    """A receipt's text → value; HostError names a file that is not a receipt."""
    try:
        table = json.loads(text)
        version = table["version"]
        if version != FORMAT:
            message = f"receipt format {version!r} is not known to this envbuild ({FORMAT})"
            hint = "use the envbuild that wrote it, or a newer one"
            raise HostError(Problem(file=file, message=message, hint=hint))
        contents = Contents(
            files=tuple(
                FileEntry(path=path, mode=mode, size=size, sha256=sha256)
                for path, mode, size, sha256 in _read_rows(table["files"], str, int, int, str)
            ),
            links=tuple(
                LinkEntry(path=path, target=target)
                for path, target in _read_rows(table["links"], str, str)
            ),
            folders=tuple(
                FolderEntry(path=path, mode=mode)
                for path, mode in _read_rows(table["folders"], str, int)
            ),
        )
        environment, key, created = (
            as_text(table[name]) for name in ("environment", "key", "created")
        )
        return Receipt(
            environment=environment,
            key=key,
            created=created,
            contents=contents,
            derivation=_parse_derivation(table),
        )
    except KeyError as error:
        message = f"the receipt is damaged: it has no {error}"
        raise HostError(Problem(file=file, message=message)) from error
    except (ValueError, TypeError) as error:
        raise HostError(Problem(file=file, message=f"the receipt is damaged: {error}")) from error


class ReceiptHead(NamedTuple):
    """The first line of a receipt, which is read without the rest."""

    created: str
    python: str
    python_version: str
    size: int
    """The bytes of all files."""


def read_receipt_head(file: Path | str) -> ReceiptHead:
    """The first line of a receipt's file; OSError if it cannot be read, ValueError if it is not a receipt."""
    with open_text(file) as lines:
        return parse_receipt_head(lines.readline())


def parse_receipt_head(first_line: str) -> ReceiptHead:
    """The first line of a receipt; ValueError if it is none."""
    try:
        table = _parse_start(first_line)
        return ReceiptHead(
            created=as_text(table["created"]),
            python=as_text(table["python"]),
            python_version=as_text(table["python_version"]),
            size=as_number(table["size"]),
        )
    except (TypeError, KeyError) as error:
        raise ValueError(f"it is not a receipt: {error}") from error


def read_derivation(file: Path | str) -> Derivation:
    """What the environment of a receipt's file was built from; errors as in `read_receipt_head`."""
    with open_text(file) as lines:
        return parse_derivation(lines)


def parse_derivation(lines: Iterable[str]) -> Derivation:
    """What a receipt's environment was built from; the list of its files, which has megabytes, is not read.

    ValueError if the lines are not from a receipt.
    """
    try:
        start = takewhile(lambda line: not line.startswith('"files"'), lines)
        return _parse_derivation(_parse_start("".join(start)))
    except (TypeError, KeyError) as error:
        raise ValueError(f"it is not a receipt: {error}") from error


def _parse_start(text: str) -> Any:
    """The first entries of a receipt, whose rest is cut off."""
    return json.loads(text.rstrip().removesuffix(",") + "}")


def _read_rows(rows: object, *kinds: type) -> Iterator[list[Any]]:
    """Rows with exactly these types of fields."""
    if not isinstance(rows, list):
        raise TypeError("it has no list of entries")
    for row in rows:
        if not isinstance(row, list) or tuple(map(type, row)) != kinds:
            raise TypeError(f"{row!r} is not an entry")
        yield row


def _parse_derivation(table: dict[str, Any]) -> Derivation:
    from envbuild.lockfile.lockfile import ChosenFile

    wheels = _read_rows(table["wheels"], str, str, str, str, str, int)
    facts = table["recipe"]
    if not isinstance(facts, dict):
        raise TypeError('its "recipe" is not an object')
    if not isinstance(builds := facts.get("builds", {}), dict):
        raise TypeError("its builds are not an object")
    return Derivation(
        driver=as_text(facts["driver"]),
        version=as_text(facts["version"]),
        target=as_text(facts["target"]),
        python=as_text(table["python"]),
        python_version=as_text(table["python_version"]),
        cache_tag=as_text(facts["cache_tag"]),
        **parse_settings(facts),
        inherited=tuple(
            InheritedDistribution(*map(as_text, row))
            for row in _read_rows(facts.get("inherited", []), str, str, str, str)
        ),
        files=tuple(
            ChosenFile(
                package=package,
                version=version,
                index=index,
                file=file,
                sha256=sha256,
                size=size,
                build=as_text(builds.get(package, "")),
            )
            for package, version, index, file, sha256, size in wheels
        ),
    )


def _derivation_rows(derivation: Derivation) -> Iterator[str]:
    table: dict[str, object] = {
        "driver": derivation.driver,
        "version": derivation.version,
        "target": derivation.target,
        "cache_tag": derivation.cache_tag,
        **render_settings(derivation),
    }
    if derivation.inherited:
        table["inherited"] = [list(one) for one in derivation.inherited]
    if builds := {file.package: file.build for file in derivation.files if file.build}:
        table["builds"] = builds
    files = [
        json.dumps([f.package, f.version, f.index, f.file, f.sha256, f.size])
        for f in derivation.files
    ]
    yield f',\n"recipe": {json.dumps(table)}'
    yield f',\n"wheels": {render_rows(files)}'
