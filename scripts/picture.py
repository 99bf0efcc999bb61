"""The pictures of the README: a real first run on a real terminal, in light and dark.

`python -m scripts.picture` types the lines below in an empty home, against the host's own index,
and writes docs/images/first-run-{light,dark}.svg. Digests and the store's path are shortened.
"""

from __future__ import annotations

import io
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).parents[1]
WIDTH = 96
LINES = (
    "envbuild init",
    "envbuild add notes datasette",
    "envbuild lock",
    "envbuild sync",
    "envbuild run notes -- --version",
    "envbuild which notes",
)

_GREY = (128, 128, 128)
THEMES = {
    "light": TerminalTheme(
        (255, 255, 255),
        (36, 41, 47),
        [
            *((36, 41, 47), (164, 14, 38), (17, 99, 41), (125, 78, 0)),
            *((9, 105, 218), (130, 80, 223), (27, 124, 131), (110, 119, 129)),
        ],
        [_GREY] * 8,
    ),
    "dark": TerminalTheme(
        (13, 17, 23),
        (230, 237, 243),
        [
            *((72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34)),
            *((88, 166, 255), (188, 140, 255), (57, 197, 207), (177, 186, 196)),
        ],
        [_GREY] * 8,
    ),
}
FORMAT = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>envbuild: a first run</title>
<style>
.{unique_id}-matrix {{ font: {char_height}px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}</defs>
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
<rect width="{terminal_width}" height="{terminal_height}" fill="{background}"/>
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g></svg>
"""
"""rich's own names; no window around the terminal, and no font from elsewhere."""


def main() -> None:
    """Run the lines, and write both pictures."""
    home = Path(tempfile.mkdtemp(prefix="eb-"))
    try:
        typed = "".join(_type(line, home) for line in LINES)
    finally:
        subprocess.run(("/bin/chmod", "-R", "u+w", home), check=True)
        shutil.rmtree(home)
    for name, theme in THEMES.items():
        console = Console(
            width=WIDTH,
            record=True,
            file=io.StringIO(),
            force_terminal=True,
            color_system="truecolor",
        )
        console.print(Text.from_ansi(typed), soft_wrap=False)
        fore, back = theme.foreground_color, theme.background_color
        picture = console.export_svg(
            title="",
            theme=theme,
            unique_id="run",
            code_format=FORMAT.replace("{background}", back.hex),
        )
        assert fore.hex in picture
        (ROOT / f"docs/images/first-run-{name}.svg").write_text(picture)


def _type(line: str, home: Path) -> str:
    """The prompt, the line, what a terminal showed at its end, and how long it took."""
    ours, theirs = pty.openpty()
    env = {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "TERM": "xterm-256color",
        "COLUMNS": str(WIDTH),
        "LC_ALL": "C.UTF-8",
        **{
            key: value
            for key, value in os.environ.items()
            if key.startswith(("ENVBUILD_INDEX", "SSL_"))
        },
    }
    folder = home / "fleet"
    folder.mkdir(exist_ok=True)
    begun = time.monotonic()
    process = subprocess.Popen(
        shlex.split(line),
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 65536):
            seen += piece
    except OSError:
        pass  # Linux says EIO when the last writer of a terminal has gone
    os.close(ours)
    if process.wait() != 0:
        raise SystemExit(f"{line}: {seen.decode()}")
    took = time.monotonic() - begun
    shown = _settled(seen.decode().replace("\r\n", "\n"))
    shown = shown.replace(f"{home}/.local/share/envbuild", "/opt/envbuild")
    return f"\x1b[1;36m$\x1b[0m \x1b[1m{line}\x1b[0m  \x1b[2m# {took:.1f} s\x1b[0m\n{shown}\n"


def _settled(text: str) -> str:
    """The terminal's text once the live table is gone."""
    last = text.rfind("\x1b[?25h")
    if last >= 0:
        text = re.sub(r"^[\r\n]*(\x1b\[(1A|2K)\r?)*", "", text[last + 6 :])
    return text.strip("\n\r") + "\n"


if __name__ == "__main__":
    main()
