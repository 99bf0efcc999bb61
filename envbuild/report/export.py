"""What `envbuild export` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.report.lines import separated
from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.export import ExportResult
    from envbuild.launchers.fleet import ExportedFile
    from envbuild.text import Text


def render_export(result: ExportResult) -> Text:
    """The text itself; several files with their names above; or what was written or compared."""
    if result.compared:
        return text_of(_compared_lines(result))
    if result.written:
        return text_of(result.written)
    if len(result.files) == 1:
        return text_of(_content(result.files[0]))
    return text_of(separated(map(_listed_lines, result.files)))


def export_table(result: ExportResult) -> dict[str, object]:
    """The same as a JSON object."""
    written = result.written or (None,) * len(result.files)
    return {
        "format": result.format,
        "files": [
            {"name": file.name, "mode": f"{file.mode:o}", "path": path, "text": file.text}
            for file, path in zip(result.files, written, strict=True)
        ],
        "compared": [
            {
                "file": compared.file,
                "current": not compared.differences,
                "differences": list(compared.differences),
            }
            for compared in result.compared
        ],
    }


def _content(file: ExportedFile) -> list[str]:
    """The lines of a file, each with its line feed."""
    return file.text.removesuffix("\n").split("\n")


def _listed_lines(file: ExportedFile) -> Iterator[str]:
    yield f"==> {file.name} (mode {file.mode:o}) <=="
    yield from _content(file)


def _compared_lines(result: ExportResult) -> Iterator[str]:
    for compared in result.compared:
        if not compared.differences:
            yield f"{compared.file}: up to date"
            continue
        yield f"{compared.file}: out of date"
        yield from (f"  {line}" for line in compared.differences)
