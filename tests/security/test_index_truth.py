"""An index whose page, METADATA and files do not say the same.

The attacker controls an index, or what lies between it and the host; he wants a lockfile
that names one file and speaks of another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.fault_proxy import Change, FaultProxy
from tests.support.index_server import IndexServer, Offer
from tests.support.wheels import Sdist, Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine

TOOL = Wheel(name="acme-tool", requires=("acme-base",), commands={"app": "acme_tool:main"})
BASE = Wheel(name="acme-base")


class Place:
    """An index that has the `acme-*` packages, and a command line that is bound to it or has it as default."""

    def __init__(self, index: IndexServer, run: CommandLine, bound: bool, python: str) -> None:
        self.index = index
        self.run = run
        self.name = "own" if bound else "default"
        self._python = python
        self._more = (
            f'[[index]]\nname = "own"\nurl = "{index.url}"\npackages = ["acme-*"]\n'
            if bound
            else ""
        )

    def declare(self, *requires: str, more: str = "") -> None:
        """Declare one driver, `app`."""
        text = declare_drivers({"app": list(requires)}, python=self._python, more=self._more)
        self.run.declare(text.replace("[drivers.app]", f"[drivers.app]\n{more}"))


@pytest.fixture(params=["default", "bound"])
def place(
    request: pytest.FixtureRequest,
    index: IndexServer,
    run_envbuild: CommandLine,
    python_version: str,
) -> Iterator[Place]:
    """The index as the default one, and as one that the packages are bound to."""
    if request.param == "default":
        yield Place(index, run_envbuild, False, python_version)
        return
    with IndexServer() as own:
        yield Place(own, run_envbuild, True, python_version)


def test_a_name_with_two_contents_is_refused(place: Place, project: Path) -> None:
    """A page that lists one wheel twice with two sha256 is exit 4, naming index and file: no lockfile
    has the digest of one and the size or the requirements of the other.
    """
    place.index.add(TOOL, BASE)
    twin = replace(place.index.files[TOOL.filename], sha256="0" * 64)
    place.index.twins.append(twin)
    place.declare("acme-tool")
    result = place.run("lock")
    assert result.code == 4, result
    assert f"index '{place.name}'" in result.stderr
    assert f"two different files as {TOOL.filename}" in result.stderr
    assert "sha256 000000000000…" in result.stderr
    assert not (project / "locks").exists()
    place.index.twins.clear()
    place.run("lock", check=True)
    place.index.twins.append(twin)
    exported = place.run("export", "pylock", "app")
    assert exported.code == 4, exported
    assert "lists two different files" in exported.stderr


def test_two_contents_of_a_file_that_nobody_takes_are_nobodys_matter(place: Place) -> None:
    """An index with one bad entry of old still serves everything else."""
    place.index.add(TOOL, BASE, Wheel(name="acme-tool", version="0.9"))
    old = place.index.files["acme_tool-0.9-py3-none-any.whl"]
    place.index.twins.append(replace(old, sha256="0" * 64))
    place.declare("acme-tool")
    place.run("lock", check=True)


def test_a_file_that_is_another_version_is_found_at_lock(place: Place) -> None:
    """METADATA with another version than the file's name is exit 4 where it is read,
    and the hint is a line that makes the next lock succeed.
    """
    place.index.offer = Offer(metadata=False)
    place.index.add(Wheel(name="acme-tool", version="0.9"))
    inside = Wheel(name="acme-tool", version="1.0+cpu")
    place.index.add(inside)
    held = place.index.files.pop(inside.filename)
    name = "acme_tool-1.0-py3-none-any.whl"
    place.index.files[name] = replace(held, filename=name, version="1.0")
    place.declare("acme-tool")
    result = place.run("lock")
    assert result.code == 4, result
    assert (
        "whose content does not match its name: its METADATA says version 1.0+cpu" in result.stderr
    )
    line = 'constraints = ["acme-tool!=1.0"]'
    assert line in result.stderr
    place.declare("acme-tool", more=line)
    place.run("lock", check=True)


def test_a_file_that_is_another_package_is_found_at_lock(place: Place) -> None:
    """METADATA with another name than the file's is exit 4, whoever asked for the package;
    the hint is a line that makes the next lock succeed.
    """
    inside = Wheel(name="acme-evil")
    place.index.add(TOOL, BASE, inside)
    held = place.index.files.pop(inside.filename)
    name = "acme_base-1.1-py3-none-any.whl"
    place.index.files[name] = replace(held, filename=name, version="1.1", project="acme-base")
    place.declare("acme-tool")
    result = place.run("lock")
    assert result.code == 4, result
    assert f"{name} whose content does not match its name: its METADATA is that of 'acme-evil'" in (
        result.stderr
    )
    line = 'constraints = ["acme-base!=1.1"]'
    assert line in result.stderr
    place.declare("acme-tool", more=line)
    place.run("lock", check=True)


def test_an_unhashed_metadata_that_lies_is_not_locked(place: Place, project: Path) -> None:
    """Without a hash on the page what lies beside a wheel is no word of the index's:
    the wheel's own METADATA is, for uv too where envbuild stands between.
    """
    place.index.offer = Offer(metadata_hashes=False)
    place.index.add(TOOL, BASE)
    held = place.index.files[TOOL.filename]
    place.index.files[TOOL.filename] = replace(held, metadata=Wheel(name="acme-tool").metadata())
    place.declare("acme-tool")
    place.run("lock", check=True)
    assert 'name = "acme-base"' in (project / "locks/app.toml").read_text()


def test_an_unhashed_metadata_brings_no_package_of_its_own(place: Place, project: Path) -> None:
    """What a wheel does not ask for inside is not locked, whatever lies beside it asks for.

    The attacker controls what lies beside a wheel, and a name on an index.
    """
    place.index.offer = Offer(metadata_hashes=False)
    place.index.add(TOOL, BASE, Wheel(name="acme-evil"))
    lie = Wheel(name="acme-tool", requires=("acme-base", "acme-evil")).metadata()
    held = place.index.files[TOOL.filename]
    place.index.files[TOOL.filename] = replace(held, metadata=lie)
    place.declare("acme-tool")
    place.run("lock", check=True)
    text = (project / "locks/app.toml").read_text()
    assert 'name = "acme-base"' in text
    assert "evil" not in text


def test_a_page_without_sha256_is_locked_by_the_files_content(place: Place, project: Path) -> None:
    """Where a page has digests of another kind or none, the sha256 is computed from the file."""
    place.index.add(TOOL, BASE)
    place.declare("acme-tool")
    lockfile = project / "locks/app.toml"
    for offer in (Offer(hashes=False), Offer(digest="sha512"), Offer(digest="md5")):
        lockfile.unlink(missing_ok=True)
        place.index.offer = offer
        place.run("lock", check=True)
        assert TOOL.sha256 in lockfile.read_text()
    place.run("sync", check=True)


def test_a_file_has_to_have_the_digest_of_its_page(
    index: IndexServer, faults: FaultProxy, run_envbuild: CommandLine, python_version: str
) -> None:
    """A digest of another kind that is wrong is exit 4 all the same."""
    index.offer = Offer(digest="md5")
    index.add(BASE)
    faults.inject(r"\.whl$", Change())
    run_envbuild.declare(declare_drivers({"app": ["acme-base"]}, python=python_version))
    result = run_envbuild("lock", env={"ENVBUILD_INDEX_DEFAULT_URL": faults.url})
    assert result.code == 4, result
    assert "serves a changed acme_base-1.0-py3-none-any.whl: its page says md5" in result.stderr


def test_old_spellings_are_taken_as_installers_take_them(place: Place, project: Path) -> None:
    """Repeated underscores in a file's name, and quotes around a version that is asked for."""
    line = 'Requires-Dist: acme-base>="0.5"'
    odd = Wheel(name="acme-tool", metadata_lines=(line,), commands=TOOL.commands)
    place.index.add(odd, BASE)
    held = place.index.files.pop(odd.filename)
    name = "acme__tool-1.0-py3-none-any.whl"
    place.index.files[name] = replace(held, filename=name)
    place.declare("acme-tool")
    place.run("lock", check=True)
    text = (project / "locks/app.toml").read_text()
    assert name in text
    assert "acme-base>=0.5" in text
    assert place.run("check").code == 0
    place.run("sync", check=True)


def test_a_wheel_may_come_compressed(place: Place, project: Path) -> None:
    """A server that compresses wheels on their way, unasked, serves lock and sync as uv is served."""
    place.index.offer = Offer(compressed=True, metadata=False)
    place.index.add(TOOL, BASE)
    place.declare("acme-tool")
    place.run("lock", check=True)
    assert (
        f'size = {len(TOOL.to_bytes())}, sha256 = "{TOOL.sha256}"'
        in (project / "locks/app.toml").read_text()
    )
    place.run("sync", check=True)


def test_what_is_built_may_add_a_local_version(place: Place, project: Path) -> None:
    """A source distribution of 1.0 whose wheel is 1.0+local is locked as 1.0, and built."""
    source = Sdist(wheel=replace(TOOL, version="1.0+local"))
    place.index.add(source, BASE)
    held = place.index.files.pop(source.filename)
    name = "acme_tool-1.0.tar.gz"
    place.index.files[name] = replace(held, filename=name, version="1.0")
    place.declare("acme-tool", more='allow-sdist = ["acme-tool"]')
    place.run("lock", check=True)
    place.run("sync", check=True)
    assert place.run("verify").code == 0
    assert "acme" not in place.run("doctor").stdout
