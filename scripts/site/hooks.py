"""What mkdocs adds to docs/: the README as the first page, pages beside docs/, and the options of every command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

from envbuild.cli.verbs import VERB_NAMES

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
_FLEETS = ("cpu-services", "gpu-host", "own-service")
"""The examples that are told by their declaration."""

PLACES = {
    "index.md": "README.md",
    "ansible.md": "ansible/README.md",
    "examples/index.md": "examples/README.md",
    "examples/echo.md": "examples/echo/README.md",
    "examples/fleet-ansible.md": "examples/fleet-ansible/README.md",
    **{f"examples/{name}.md": f"examples/{name}/drivers.toml" for name in _FLEETS},
    **{name: name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")},
}
"""The pages of the site that do not lie in docs/, and their files."""

LINK = re.compile(r"(?<!!)\[(?P<words>[^\]\[]+)\]\((?P<path>[^)#:\s]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that do not lie in docs/."""
    pages = {name: _page(ROOT / file) for name, file in PLACES.items()}
    for name, text in (*pages.items(), ("reference/options.md", _options())):
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, files: Files, **_: object) -> str:
    """Point links at pages of the site; a link to another file of the repository becomes its words."""
    name = page.file.src_uri
    folder = Path(PLACES.get(name, f"docs/{name}")).parent
    names = {file: name for name, file in PLACES.items()}

    def within(match: re.Match[str]) -> str:
        target = os.path.normpath(folder / match["path"])
        if not (ROOT / target).exists():
            raise FileNotFoundError(f"{name} links to {target}, which is not there")
        found = names.get(target, target.removeprefix("docs/"))
        if files.get_file_from_path(found) is None:
            return match["words"]
        return f"[{match['words']}]({os.path.relpath(found, Path(name).parent)}{match['anchor'] or ''})"

    return LINK.sub(within, markdown).replace('"docs/images/', '"images/')


def _page(file: Path) -> str:
    """A page as it is, or a declaration as the only thing on a page."""
    text = file.read_text()
    if file.suffix == ".md":
        return text
    return f'# {file.parent.name}\n\n```toml title="drivers.toml"\n{text}```\n'


def _options() -> str:
    """The help of every command, as the command line prints it."""
    parts = ["# Options of every command\n\nWhat `envbuild COMMAND --help` prints."]
    for name in VERB_NAMES:
        argv = (sys.executable, "-m", "envbuild", name, "--help")
        done = subprocess.run(  # this Python, with words from our own table
            argv, check=True, capture_output=True, text=True, env={**os.environ, "COLUMNS": "88"}
        )
        parts.append(f"## envbuild {name}\n\n```text\n{done.stdout.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"
