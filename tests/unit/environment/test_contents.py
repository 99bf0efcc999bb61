"""Reading and freezing an environment's files, in real folders."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from envbuild.environment.content_digest import FileEntry, FolderEntry, LinkEntry
from envbuild.environment.contents import recorded_files
from envbuild.environment.survey import scan_contents
from envbuild.errors import HostError
from envbuild.posix.deletion import remove_tree
from tests.support.frozen import freeze_modes
from tests.support.plain_user import as_plain_user
from tests.support.values import digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def environment(scratch: Path) -> Path:
    """A folder like an environment, with a command, a module and two links."""
    root = scratch / "env"
    (root / "bin").mkdir(parents=True)
    (root / "lib" / "pkg").mkdir(parents=True)
    (root / "bin" / "vllm").write_text("#!python\n")
    (root / "bin" / "vllm").chmod(0o755)
    (root / "lib" / "pkg" / "__init__.py").write_text("x = 1\n")
    (root / "bin" / "python").symlink_to("/usr/bin/python3")
    (root / "lib64").symlink_to("lib")
    return root


@pytest.fixture
def private_umask() -> Iterator[None]:
    """The umask of a careful administrator."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    """A file's own permission bits."""
    return stat.S_IMODE(path.lstat().st_mode)


def test_everything_is_listed_once(environment: Path) -> None:
    """A receipt holds every file, link and folder, each in path order, links as links."""
    (environment / "bin" / "vllm").chmod(0o555)
    (environment / "lib" / "pkg" / "__init__.py").chmod(0o444)
    for folder in (".", "bin", "lib", "lib/pkg"):
        (environment / folder).chmod(0o755)
    contents = scan_contents(environment)
    assert contents.files == (
        FileEntry(path="bin/vllm", mode=0o555, size=9, sha256=digest("#!python\n")),
        FileEntry(path="lib/pkg/__init__.py", mode=0o444, size=6, sha256=digest("x = 1\n")),
    )
    assert contents.links == (
        LinkEntry(path="bin/python", target="/usr/bin/python3"),
        LinkEntry(path="lib64", target="lib"),
    )
    assert contents.folders == tuple(
        FolderEntry(path=path, mode=0o755) for path in (".", "bin", "lib", "lib/pkg")
    )
    assert contents.size == 15


def test_large_files_are_read_in_whole(environment: Path) -> None:
    """A library of some hundred megabytes is hashed from its first byte to its last."""
    content = "0123456789abcdef" * 200_000
    (environment / "lib" / "big.so").write_text(content)
    (entry,) = (e for e in scan_contents(environment).files if e.path == "lib/big.so")
    assert (entry.size, entry.sha256) == (len(content), digest(content))


ODD = [
    b"blank and 'quote' \".py",
    b"line\nfeed.py",
    "ü→🙂.py".encode(),
    b"no utf-8 \xff\xfe.py",
    b"-dash",
    b"back\\slash",
    b"..dots",
    b"~tilde",
]


@pytest.mark.parametrize("name", ODD, ids=[repr(name) for name in ODD])
def test_odd_names_are_read_exactly(environment: Path, name: bytes) -> None:
    """Whatever bytes a name has, its entry gives the very same bytes back."""
    folder = os.fsencode(environment) + b"/lib/" + name
    os.mkdir(folder)  # noqa: PTH102
    with open(folder + b"/" + name, "wb") as stream:  # noqa: PTH123
        stream.write(b"x")
    os.symlink(name, folder + b"/link")  # noqa: PTH211
    contents = scan_contents(environment)
    spelled = name.decode("utf-8", "surrogateescape")
    assert f"lib/{spelled}/{spelled}" in [entry.path for entry in contents.files]
    assert f"lib/{spelled}" in [entry.path for entry in contents.folders]
    assert spelled in [entry.target for entry in contents.links]


def test_the_locale_does_not_matter(environment: Path) -> None:
    """A name reads alike under every locale, so that one user can verify what another one built."""
    (environment / "lib" / "ü.py").write_text("")
    code = (
        "import sys; from pathlib import Path; from envbuild.environment.survey import scan_contents;"
        "print(ascii([e.path for e in scan_contents(Path(sys.argv[1])).files]))"
    )
    seen = set()
    for utf8 in ("0", "1"):
        env = {"LC_ALL": "C", "PYTHONUTF8": utf8, "PYTHONCOERCECLOCALE": "0"}
        argv = [sys.executable, "-c", code, str(environment)]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
        seen.add(done.stdout)
    assert len(seen) == 1
    assert "lib/\\xfc.py" in seen.pop()


def test_what_no_wheel_brings_is_refused(environment: Path) -> None:
    """A socket or a pipe in an environment is nothing that a receipt could vouch for."""
    os.mkfifo(environment / "lib" / "pipe")
    with pytest.raises(HostError, match="lib/pipe is neither a file nor a folder nor a link"):
        scan_contents(environment)
    (environment / "lib" / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(environment / "bin" / "s"))
        with pytest.raises(HostError, match="bin/s is neither"):
            scan_contents(environment)


def test_links_are_never_followed(environment: Path, scratch: Path) -> None:
    """A link out of the environment, to nowhere or in a circle leads nobody astray."""
    outside = scratch / "outside"
    outside.mkdir(mode=0o700)
    (outside / "secret").write_text("x")
    (outside / "secret").chmod(0o600)
    (environment / "lib" / "out").symlink_to(outside)
    (environment / "lib" / "file").symlink_to(outside / "secret")
    (environment / "lib" / "nowhere").symlink_to("gone")
    (environment / "lib" / "circle").symlink_to("..")
    freeze_modes(environment)
    paths = [entry.path for entry in scan_contents(environment).files]
    assert paths == ["bin/vllm", "lib/pkg/__init__.py"]
    assert mode_of(outside) == 0o700
    assert mode_of(outside / "secret") == 0o600
    remove_tree(environment)
    assert mode_of(outside) == 0o700
    assert mode_of(outside / "secret") == 0o600


@pytest.mark.usefixtures("private_umask")
def test_a_private_umask_makes_no_private_environment(scratch: Path) -> None:
    """A store that root built under umask 077 can be used by every service user."""
    root = scratch / "env"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "vllm").write_text("#!")
    (root / "bin" / "vllm").chmod(0o700)
    (root / "pyvenv.cfg").write_text("home = /usr/bin\n")
    assert mode_of(root / "pyvenv.cfg") == 0o600
    freeze_modes(root)
    assert mode_of(root) == mode_of(root / "bin") == mode_of(root / "bin" / "vllm") == 0o555
    assert mode_of(root / "pyvenv.cfg") == 0o444


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (0o777, 0o555),
        (0o666, 0o444),
        (0o4755, 0o555),
        (0o2644, 0o444),
        (0o644, 0o444),
        (0o400, 0o444),
        (0o100, 0o555),
    ],
)
def test_modes_are_for_everybody_and_for_reading(
    environment: Path, before: int, after: int
) -> None:
    """Nobody can write, everybody can read, who may run is everybody, and no special bit is left."""
    path = environment / "lib" / "pkg" / "__init__.py"
    path.chmod(before)
    freeze_modes(environment)
    assert mode_of(path) == after


def test_a_file_that_is_linked_elsewhere_keeps_its_content(
    environment: Path, scratch: Path
) -> None:
    """Files that share their inode with uv's cache are frozen there too, and nothing else happens to them."""
    path = environment / "lib" / "pkg" / "__init__.py"
    os.link(path, scratch / "cached.py")
    freeze_modes(environment)
    assert (scratch / "cached.py").read_text() == "x = 1\n"
    assert scan_contents(environment).files[1].sha256 == digest("x = 1\n")


def test_freezing_twice_changes_nothing(environment: Path) -> None:
    """Another look at a frozen environment finds it as it was."""
    freeze_modes(environment)
    before = scan_contents(environment)
    freeze_modes(environment)
    assert scan_contents(environment) == before


def test_a_folder_that_was_closed_is_removed_with_all_below(
    environment: Path, scratch: Path
) -> None:
    """What a killed build left in whatever modes can be removed, also by who is not root."""
    deep = environment / "lib" / "closed" / "below"
    deep.mkdir(parents=True)
    deep.chmod(0o000)
    deep.parent.chmod(0o000)
    assert as_plain_user(scratch, lambda: remove_tree(environment)) == 0
    assert not environment.exists()


def test_recorded_files_are_read_of_every_distribution(scratch: Path) -> None:
    """By package and place, names with commas and bytes that are no UTF-8 included; nothing where RECORD is gone."""
    site_packages = scratch / "lib/python3.12/site-packages"
    for name, content in (
        ("A.b-1.0", b'x\xff,,\r\n"y,z.py",,\r\n../../../bin/a,,\r\n'),
        ("c-1.0", None),
    ):
        folder = site_packages / f"{name}.dist-info"
        folder.mkdir(parents=True)
        if content is not None:
            (folder / "RECORD").write_bytes(content)
    (site_packages / "d.egg-info").mkdir()
    inside = "lib/python3.12/site-packages"
    assert list(recorded_files(scratch)) == [
        ("a-b", f"{inside}/x\udcff", ""),
        ("a-b", f"{inside}/y,z.py", ""),
        ("a-b", "bin/a", ""),
    ]
