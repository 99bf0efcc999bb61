"""The output of `init`, `import`, `add`, `remove`, `edit` and `show`."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from envbuild.report.lines import render_count, separated
from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.commands.edit import EditResult
    from envbuild.commands.init import InitResult
    from envbuild.commands.show import Effective, Shown, ShowResult
    from envbuild.text import Text


def render_init(result: InitResult) -> Text:
    """What was written, what could be imported, and the next step."""
    if result.imported is not None:
        return text_of([f"wrote {result.path}", *_lines(result.imported)])
    importables = (
        f"found {one.about}: `envbuild import {shlex.join(one.paths)}` takes it"
        for one in result.importable
    )
    first = f"wrote {result.path}; next: edit it, then `envbuild lock` and `envbuild sync`"
    return text_of([first, *importables])


def init_table(result: InitResult) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "path": result.path,
        "schema": result.schema,
        "imported": None if result.imported is None else edit_table(result.imported),
        "importable": [{"paths": list(one.paths), "about": one.about} for one in result.importable],
    }


def render_edit(result: EditResult) -> Text:
    """The changed lines, then notes, then the next step."""
    return text_of(_lines(result))


def edit_table(result: EditResult) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "file": result.file,
        "changes": list(result.changes),
        "drivers": list(result.drivers),
        "notes": [{"driver": driver, "note": note} for driver, note in result.notes],
        "pinned": dict(result.pinned),
    }


def _lines(result: EditResult) -> Iterator[str]:
    if not result.changes:
        yield f"{result.file} needs no change"
        return
    yield f"{result.file}:"
    yield from (f"  {line}" for line in result.changes if line[1:].strip())
    yield from (f"{driver}: {note}" for driver, note in result.notes)
    for driver, count in result.pinned:
        yield f"{driver}: the first lock keeps {render_count(count, 'version')} of the import"
    yield "run `envbuild lock`, then `envbuild sync`"


def render_show(result: ShowResult) -> Text:
    """A line for each key and element, with its origin."""
    return text_of(separated(_shown_blocks(result)))


def show_table(result: ShowResult) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "file": result.file,
        "hosts": list(result.hosts),
        "drivers": {
            shown.driver: {
                "extends": shown.extends,
                "keys": [
                    {
                        "key": line.key,
                        "value": line.value,
                        "line": line.line,
                        "table": line.table,
                    }
                    for line in shown.lines
                ],
            }
            for shown in result.drivers
        },
    }


def _shown_blocks(result: ShowResult) -> Iterator[Iterable[str]]:
    if result.hosts:
        yield [f"host tables that apply here: {', '.join(result.hosts)}"]
    for shown in result.drivers:
        yield _driver_lines(shown, result)


def _driver_lines(shown: Shown, result: ShowResult) -> Iterator[str]:
    texts = [f"{line.key} = {json.dumps(line.value, ensure_ascii=False)}" for line in shown.lines]
    width = min(max(map(len, texts)), 60)
    yield shown.driver + (f", which extends {shown.extends}" if shown.extends else "")
    for text, line in zip(texts, shown.lines, strict=True):
        yield f"  {text.ljust(width)}  # {_origin(line, result.file)}"


def _origin(line: Effective, file: str) -> str:
    if line.line is None:
        return "built in"
    place = f"{file}:{line.line}"
    return f"{place} [{line.table}]" if line.table else place
