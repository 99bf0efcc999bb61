"""Files of no wheel: the start-up file, compiled while packages are installed, and the driver's own command."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.environment.activation import MODULE_FILE, PTH_FILE, PTH_TEXT, render_activation
from envbuild.environment.contents import PROGRAM_MODE
from envbuild.environment.generated_command import render_command
from envbuild.posix.files import write_atomically
from envbuild.wheelcache.compiler import ModuleFolder
from envbuild.wheelcache.modules import Module, cached_path

if TYPE_CHECKING:
    from concurrent.futures import Future

    from envbuild.build.site import Filled, Site
    from envbuild.posix.workers import Workers
    from envbuild.wheelcache.bytecode import Bytecode


class ActivationBuild:
    """Makes the start-up file in another folder, because a wheel may have a file with its name."""

    def __init__(self, site: Site, bytecode: Bytecode, beside: Workers) -> None:
        self._site = site
        self._aside = Path(tempfile.mkdtemp(prefix=".activation-", dir=site.site_packages))
        text = render_activation(site.wanted.derivation, str(site.environment))
        (self._aside / MODULE_FILE).write_text(text, encoding="utf-8")
        self._compiling: Future[Path | None] | None = None
        if site.bytecode:
            interpreter = site.wanted.interpreter
            place = ModuleFolder(python=interpreter.path, root=self._aside, keep_open=(site.lock,))
            module = Module(path=MODULE_FILE)
            self._compiling = beside.submit(bytecode.compile_one, place, module)

    def put(self, filled: Filled) -> None:
        """Move it into the environment, replacing what is there; OSError if it cannot be written."""
        compiled = self._compiling.result() if self._compiling is not None else None
        (self._aside / PTH_FILE).write_text(PTH_TEXT, encoding="utf-8")
        for name in (MODULE_FILE, PTH_FILE):
            self._put(filled, name, self._aside / name)
        path = cached_path(MODULE_FILE, self._site.wanted.interpreter.cache_tag)
        if compiled is not None and path is not None:
            self._put(filled, path, compiled)
        shutil.rmtree(self._aside)

    def _put(self, filled: Filled, path: str, file: Path) -> None:
        """Rename instead of writing: the existing file may be linked from the cache."""
        place = self._site.target.place(path)
        if place is not None:
            filled.known.pop(self._site.path(path), None)
            file.rename(os.fsdecode(place))


def put_command(site: Site, filled: Filled) -> bool:
    """Write the driver's own command, if it has one; whether it takes the place of a package's.

    What is there may be linked from the cache: it is replaced, never written.
    """
    driver = site.wanted.driver
    if not driver.command:
        return False
    text = render_command(site.wanted.derivation, str(site.environment))
    place = site.place / "bin" / driver.name
    replaces = place.is_file() or place.is_symlink()
    filled.known.pop(f"bin/{driver.name}", None)
    write_atomically(place, text.encode(), mode=PROGRAM_MODE, sync=False)
    return replaces
