"""`envbuild init`, and what it writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from envbuild.commands.edit import add
from envbuild.commands.init import init, write_schema
from envbuild.declaration.file import read_declaration
from envbuild.declaration.toml.document import TOP_KEYS
from envbuild.declaration.toml.index import INDEX_KEYS
from envbuild.declaration.toml.keys import DEFAULTS_KEYS, DRIVER_KEYS
from envbuild.errors import HostError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def test_what_init_writes_can_be_locked_as_it_stands(tmp_path: Path) -> None:
    """A first run needs no editing."""
    path = tmp_path / "drivers.toml"
    assert init(path).path == str(path)
    (driver,) = read_declaration(path).drivers
    assert (driver.name, driver.binary) == ("web", "uvicorn")
    assert driver.accelerator is None
    assert path.stat().st_mode & 0o777 == 0o644


def test_every_key_is_shown_and_every_example_is_right(tmp_path: Path) -> None:
    """Whoever takes the comment sign from an example gets a declaration that is accepted."""
    path = tmp_path / "drivers.toml"
    init(path)
    text = re.sub(r"^#(?![ :])", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")
    declaration = read_declaration(path)
    assert [driver.name for driver in declaration.drivers] == ["web", "vllm", "ocr", "chat"]
    assert declaration.coexist
    assert declaration.agree
    for key in (*TOP_KEYS, *DEFAULTS_KEYS, *DRIVER_KEYS, *INDEX_KEYS):
        assert re.search(rf"\b{key.name}\b", text), key.name


@pytest.mark.parametrize("kind", ["file", "folder", "broken link"])
def test_init_leaves_what_is_there(tmp_path: Path, kind: str) -> None:
    """Nothing that somebody wrote is overwritten, whatever it is."""
    path = tmp_path / "drivers.toml"
    if kind == "file":
        path.write_text("mine", encoding="utf-8")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    with pytest.raises(UsageError, match="already") as caught:
        init(path)
    assert caught.value.exit_code == 2
    assert list(tmp_path.iterdir()) == [path]
    assert kind != "file" or path.read_text(encoding="utf-8") == "mine"


def test_init_into_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """The folder is named as missing; none is made."""
    (tmp_path / "file").touch()
    for folder in ("no", "file"):
        with pytest.raises(UsageError, match="folder does not exist"):
            init(tmp_path / folder / "drivers.toml")
    assert not (tmp_path / "no").exists()


def test_init_where_the_disk_says_no(tmp_path: Path) -> None:
    """What the host refuses is exit 5, with the system's words."""
    with pytest.raises(HostError, match="File name too long"):
        init(tmp_path / f"{'x' * 254}")


def test_the_schema_lies_beside_it(tmp_path: Path) -> None:
    """It is named in the first line, and written anew on demand; a file of somebody else's stays."""
    result = init(tmp_path / "drivers.toml")
    schema = tmp_path / "drivers.schema.json"
    assert result.schema == str(schema)
    assert (tmp_path / "drivers.toml").read_text().startswith("#:schema ./drivers.schema.json\n")
    whole = schema.read_text()
    schema.write_text('{"title": "drivers.toml of envbuild"}')
    write_schema(tmp_path / "drivers.toml")
    assert schema.read_text() == whole
    schema.write_text('{"title": "mine"}')
    with pytest.raises(UsageError, match="not a schema of envbuild"):
        write_schema(tmp_path / "drivers.toml")
    (tmp_path / "drivers.toml").unlink()
    assert init(tmp_path / "drivers.toml").schema is None
    assert "#:schema" not in (tmp_path / "drivers.toml").read_text()
    assert schema.read_text() == '{"title": "mine"}'


def test_a_bare_one_can_be_added_to(tmp_path: Path) -> None:
    """It has no driver yet, so that `add` and `import` begin it."""
    path = tmp_path / "drivers.toml"
    assert init(path, bare=True).schema is None
    assert path.read_text() == "version = 1\n"
    add(path, "web", ("uvicorn",))
    assert path.read_text() == 'version = 1\n\n[drivers.web]\nrequires = ["uvicorn"]\n'
    assert [file.name for file in tmp_path.iterdir()] == ["drivers.toml"]
