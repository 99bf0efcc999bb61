"""Compare generations with their records: manifest, links and shims, and the link to the current one."""

from __future__ import annotations

from envbuild.errors import HostError
from envbuild.finding import Code, Finding
from envbuild.posix.shortage import pass_shortage_on
from envbuild.posix.tree import list_tree
from envbuild.store.layout import generation_links
from envbuild.store.manifest import parse_manifest
from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.store.generation_record import GenerationRecord
    from envbuild.store.manifest import Manifest
    from envbuild.store.store import Store

_FOLDERS = {".", "bin"}
_MODE = 0o755


@value
class CheckedGeneration:
    """A generation as it was recorded, and how it differs from that now."""

    number: int
    manifest: Manifest | None
    """The recorded one; the folder's own where the generation record is no good; None where neither can be read."""

    record: GenerationRecord | None
    findings: tuple[Finding, ...]


def check_generation(store: Store, number: int) -> CheckedGeneration:
    """Look at one generation; opens its manifest and its generation record alone."""
    findings: list[Finding] = []
    record = _read_record(store, number, findings)
    file = store.generation(number) / "manifest.json"
    text = _read_manifest(store, number, findings)
    if record is not None and text is not None and text != record.manifest:
        message = "the manifest is not the one that was written"
        findings.append(_finding(Code.MANIFEST, number, "manifest.json", message))
    manifest = None
    for candidate in (record.manifest if record is not None else None, text):
        if manifest is None and candidate is not None:
            manifest = _parse(candidate, str(file), number, findings)
    if manifest is not None:
        findings += _layout_findings(store, number, manifest)
    return CheckedGeneration(
        number=number, manifest=manifest, record=record, findings=tuple(dict.fromkeys(findings))
    )


def check_current(store: Store) -> tuple[Finding, ...]:
    """Whether `current` is a link to a generation that is there."""
    try:
        target = str(store.current.readlink())
    except FileNotFoundError:
        message = "there are generations, and none is current"
        return (_current(message),) if store.generation_numbers() else ()
    except OSError:
        return (_current("current is no link"),)
    numbers = {f"generations/{number}" for number in store.generation_numbers()}
    return () if target in numbers else (_current(f"current points to {target}"),)


def _read_record(store: Store, number: int, findings: list[Finding]) -> GenerationRecord | None:
    try:
        return store.records.read(number)
    except HostError as error:
        findings.append(_finding(Code.GENERATION_RECORD, number, None, error.problems[0].message))
    except OSError as error:
        pass_shortage_on(error)
        findings.append(
            _finding(
                Code.GENERATION_RECORD,
                number,
                None,
                f"cannot read its generation record: {error.strerror}",
            )
        )
    return None


def _read_manifest(store: Store, number: int, findings: list[Finding]) -> str | None:
    file = store.generation(number) / "manifest.json"
    try:
        return file.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        pass_shortage_on(error)
        message = f"the manifest cannot be read: {error.strerror}"
        findings.append(_finding(Code.MANIFEST, number, "manifest.json", message))
        return None


def _parse(text: str, file: str, number: int, findings: list[Finding]) -> Manifest | None:
    try:
        return parse_manifest(text, file=file)
    except HostError as error:
        findings.append(_finding(Code.MANIFEST, number, "manifest.json", error.problems[0].message))
        return None


def _layout_findings(store: Store, number: int, manifest: Manifest) -> Iterator[Finding]:
    folder = store.generation(number)
    tree = list_tree(folder)
    wanted = generation_links(manifest)
    for path, target in wanted.items():
        code = Code.SHIM if path.startswith("bin/") else Code.LINK
        found = tree.links.get(path)
        if found is None:
            kind = tree.kind(path)
            message = "is missing" if kind is None else f"is a {kind} instead of a link"
            yield _finding(code, number, path, message)
        elif found != target:
            yield _finding(code, number, path, f"points to {found} instead of {target}")
    known = {*wanted, *_FOLDERS, "manifest.json"}
    for path in sorted({*tree.files, *tree.links, *tree.folders, *tree.others} - known):
        yield _finding(Code.EXTRA, number, path, "was not made with the generation")
    for path in sorted(_FOLDERS):
        mode = tree.folders.get(path)
        if mode is not None and mode != _MODE:
            yield _finding(Code.MODE, number, path, f"has mode {mode:04o} instead of {_MODE:04o}")


def _finding(code: Code, number: int, path: str | None, message: str) -> Finding:
    return Finding(code=code, subject=f"generation {number}", path=path, message=message)


def _current(message: str) -> Finding:
    hint = "run `envbuild rollback N` or `envbuild sync`"
    return Finding(code=Code.CURRENT, subject="current", message=message, hint=hint)
