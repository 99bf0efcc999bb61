"""Compare generations with their records: manifest, links and shims, and the link `current`.

Quick verbs import this module: no pathlib, and findings are imported only if there are any.
"""

from __future__ import annotations

import os

from envbuild.errors import HostError
from envbuild.lean_json import read_ordinary
from envbuild.posix.shortage import pass_shortage_on
from envbuild.posix.tree import list_tree
from envbuild.store.generation_record import read_record
from envbuild.store.generations import generation_numbers
from envbuild.store.manifest import generation_links, parse_manifest
from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.finding import Finding
    from envbuild.store.generation_record import GenerationRecord
    from envbuild.store.manifest import Manifest

_FOLDERS = {".", "bin"}
_MODE = 0o755


@value
class CheckedGeneration:
    """A generation's recorded manifest, and its differences from the record."""

    number: int
    manifest: Manifest | None
    """The recorded one, or the folder's own if the record is damaged; None if neither can be read."""

    record: GenerationRecord | None
    findings: tuple[Finding, ...]


def check_generation(root: str, number: int) -> CheckedGeneration:
    """Check one generation; opens only its manifest and its generation record."""
    findings: list[Finding] = []
    folder = f"{root}/generations/{number}"
    record = _read_record(root, number, findings)
    text = _read_manifest(folder, number, findings)
    if record is not None and text is not None and text != record.manifest:
        message = "the manifest has changed since it was written"
        findings.append(_finding("manifest", number, "manifest.json", message))
    manifest = None
    for candidate in (record.manifest if record is not None else None, text):
        if manifest is None and candidate is not None:
            manifest = _parse(candidate, f"{folder}/manifest.json", number, findings)
    if manifest is not None:
        findings += _layout_findings(folder, number, manifest)
    return CheckedGeneration(
        number=number, manifest=manifest, record=record, findings=tuple(dict.fromkeys(findings))
    )


def check_current(root: str) -> tuple[Finding, ...]:
    """Whether `current` is a link to an existing generation."""
    try:
        target = os.readlink(f"{root}/current")  # noqa: PTH115
    except FileNotFoundError:
        message = "there are generations, but none is current"
        return (_current(message),) if generation_numbers(root) else ()
    except OSError:
        return (_current("current is not a link"),)
    numbers = {f"generations/{number}" for number in generation_numbers(root)}
    return () if target in numbers else (_current(f"current points to {target}"),)


def _read_record(root: str, number: int, findings: list[Finding]) -> GenerationRecord | None:
    try:
        return read_record(f"{root}/records/{number}.json")
    except HostError as error:
        findings.append(_finding("generation-record", number, None, error.problems[0].message))
    except OSError as error:
        pass_shortage_on(error)
        findings.append(
            _finding(
                "generation-record",
                number,
                None,
                f"cannot read its generation record: {error.strerror}",
            )
        )
    return None


def _read_manifest(folder: str, number: int, findings: list[Finding]) -> str | None:
    try:
        return read_ordinary(f"{folder}/manifest.json").decode("utf-8", "surrogateescape")
    except OSError as error:
        pass_shortage_on(error)
        message = f"the manifest cannot be read: {error.strerror}"
        findings.append(_finding("manifest", number, "manifest.json", message))
        return None


def _parse(text: str, file: str, number: int, findings: list[Finding]) -> Manifest | None:
    try:
        return parse_manifest(text, file=file)
    except HostError as error:
        findings.append(_finding("manifest", number, "manifest.json", error.problems[0].message))
        return None


def _layout_findings(folder: str, number: int, manifest: Manifest) -> Iterator[Finding]:
    tree = list_tree(folder)
    wanted = generation_links(manifest)
    for path, target in wanted.items():
        code = "shim" if path.startswith("bin/") else "link"
        found = tree.links.get(path)
        if found is None:
            kind = tree.kind(path)
            message = "is missing" if kind is None else f"is a {kind} instead of a link"
            yield _finding(code, number, path, message)
        elif found != target:
            yield _finding(code, number, path, f"points to {found} instead of {target}")
    known = {*wanted, *_FOLDERS, "manifest.json"}
    for path in sorted({*tree.files, *tree.links, *tree.folders, *tree.others} - known):
        yield _finding("extra", number, path, "is not part of the generation")
    for path in sorted(_FOLDERS):
        mode = tree.folders.get(path)
        if mode is not None and mode != _MODE:
            yield _finding("mode", number, path, f"has mode {mode:04o} instead of {_MODE:04o}")


def _finding(code: str, number: int, path: str | None, message: str) -> Finding:
    from envbuild.finding import Code, Finding

    return Finding(code=Code(code), subject=f"generation {number}", path=path, message=message)


def _current(message: str) -> Finding:
    from envbuild.finding import Code, Finding

    hint = "run `envbuild rollback N` or `envbuild sync`"
    return Finding(code=Code.CURRENT, subject="current", message=message, hint=hint)
