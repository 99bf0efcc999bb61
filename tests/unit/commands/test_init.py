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
from envbuild.imports.draft import Draft
from envbuild.lockfile.first_pins import FirstPin
from envbuild.lockfile.folder import LockFolder

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


def test_pythons_are_those_of_the_host(tmp_path: Path) -> None:
    """In the order that they are given; a host that cannot say has a common list."""
    init(tmp_path / "one.toml", pythons=("3.13", "3.11"))
    (driver,) = read_declaration(tmp_path / "one.toml").drivers
    assert driver.pythons == ("3.13", "3.11")
    init(tmp_path / "two.toml", bare=True, pythons=("3.13",))
    assert (tmp_path / "two.toml").read_text() == 'version = 1\n\n[defaults]\npython = ["3.13"]\n'
    add(tmp_path / "two.toml", "web", ("uvicorn",), pythons=lambda: ("3.11",))
    assert '"3.11"' not in (tmp_path / "two.toml").read_text()
    result = add(tmp_path / "three.toml", "web", ("uvicorn",), pythons=lambda: ("3.13", "3.12"))
    assert '+python = ["3.13", "3.12"]' in result.changes
    add(tmp_path / "three.toml", "web", ("click",), pythons=lambda: ("3.11",))
    assert '"3.11"' not in (tmp_path / "three.toml").read_text()


def test_what_is_imported_takes_the_place_of_the_example(tmp_path: Path) -> None:
    """With its first pins; what cannot come is noted, and a failure leaves no file."""
    folder = LockFolder(path=tmp_path / "locks", shown="locks")
    pins = (FirstPin(name="flask", version="3.0"),)
    draft = Draft(name="site", requires=("flask",), pins=pins, left_out=("x: why",))
    path = tmp_path / "drivers.toml"
    result = init(path, drafts=(("app.txt", draft),), folder=folder, pythons=("3.12",))
    (driver,) = read_declaration(path).drivers
    assert (driver.name, driver.pythons) == ("site", ("3.12",))
    assert result.imported is not None
    assert result.imported.notes == (("site", "left out x: why"),)
    assert (tmp_path / "locks/site.pins").exists()
    path.unlink()
    with pytest.raises(UsageError, match="nothing in it can be required"):
        init(path, drafts=(("app.txt", Draft(name="site", requires=())),), folder=folder)
    assert not path.exists()
