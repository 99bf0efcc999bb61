"""What `envbuild export` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.export import ExportResult


def render_export(result: ExportResult) -> str:
    """The text itself; several files each below a line with their name; or what was written or compared."""
    if result.compared:
        return "".join(f"{line}\n" for line in _compared_lines(result))
    if result.written:
        return "".join(f"{path}\n" for path in result.written)
    if len(result.files) == 1:
        return result.files[0].text
    return "\n".join(
        f"==> {file.name} (mode {file.mode:o}) <==\n{file.text}" for file in result.files
    )


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


def _compared_lines(result: ExportResult) -> Iterator[str]:
    for compared in result.compared:
        if not compared.differences:
            yield f"{compared.file}: up to date"
            continue
        yield f"{compared.file}: out of date"
        yield from (f"  {line}" for line in compared.differences)
