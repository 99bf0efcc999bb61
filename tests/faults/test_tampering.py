"""Whoever changes what was built is noticed by `verify`, and undone by `verify --repair`."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.copies import Fleet

_PLACES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A way to change a store."""

    name: str
    apply: Callable[[Fleet, int], str]
    """Changes the n-th place; the path (or what stands for it) that `verify` must name."""

    codes: tuple[str, ...]


def _overwrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change content in place, so that every hardlink of it changes; mode and times stay."""
    status = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as stream:
        content = change(stream.read())
        stream.seek(0)
        stream.write(content)
        stream.truncate()
    path.chmod(status.st_mode & 0o7777)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _flip(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def _shown(fleet: Fleet, path: Path) -> str:
    driver = "web" if fleet.environment("web") in path.parents else "gate"
    return str(path.relative_to(fleet.environment(driver)))


def _file(fleet: Fleet, place: int) -> Path:
    site = fleet.site_packages("web")
    info = next(site.glob("base-*.dist-info"))
    bins = fleet.environment("web")
    return (
        site / "base/part_3.py",
        site / "base/data.bin",
        info / "METADATA",
        bins / "bin/web",
        bins / "pyvenv.cfg",
    )[place]


def _content(fleet: Fleet, place: int) -> str:
    path = _file(fleet, place)
    _overwrite(path, _flip)
    return _shown(fleet, path)


def _poison(fleet: Fleet, place: int) -> str:
    """Write through an inode that uv's cache shares."""
    path = fleet.site_packages("web") / f"base/part_{place}.py"
    assert path.stat().st_nlink > 1, "nothing is shared, so nothing can be poisoned"
    _overwrite(path, lambda content: content.replace(b"VALUE", b"EVIL_"))
    return _shown(fleet, path)


def _poison_wheel(fleet: Fleet, place: int) -> str:
    """Write through the link of an unpacked wheel."""
    path = fleet.site_packages("web") / f"base/part_{place}.py"
    kept = (fleet.store / "cache/wheels").glob("*/*")
    _overwrite(
        next(link for link in kept if link.samefile(path)),
        lambda content: content.replace(b"VALUE", b"EVIL_"),
    )
    return _shown(fleet, path)


def _delete(fleet: Fleet, place: int) -> str:
    path = _file(fleet, place)
    path.unlink()
    return _shown(fleet, path)


def _extra(fleet: Fleet, place: int) -> str:
    environment, site = fleet.environment("web"), fleet.site_packages("web")
    path = (
        site / "evil.py",
        site / "base/evil.so",
        environment / "bin/evil",
        environment / "evil",
        site / "base/__pycache__/evil.cpython-312.pyc",
    )[place]
    path.parent.chmod(0o755)
    path.write_bytes(b"evil")
    path.parent.chmod(0o555)
    return _shown(fleet, path)


def _pth(fleet: Fleet, place: int) -> str:
    path = fleet.site_packages("web") / f"{'zaeio'[place]}.pth"
    path.write_text("import os; open('/tmp/evil-was-here', 'w')\n")
    return _shown(fleet, path)


def _pyc(fleet: Fleet, place: int) -> str:
    """Change bytecode that is never compared with its source when it is imported."""
    cached = sorted(fleet.site_packages("web").glob("base/__pycache__/*.pyc"))
    if not cached:
        pytest.skip("NOT TESTED: this environment has no bytecode")
    _overwrite(cached[place], _flip)
    return _shown(fleet, cached[place])


def _record(fleet: Fleet, place: int) -> str:
    """Change a file and make its RECORD fit, as an attacker who knows wheels would."""
    site = fleet.site_packages("web")
    path = site / f"base/part_{place}.py"
    _overwrite(path, lambda content: content.replace(b"VALUE", b"EVIL_"))
    digest = urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=")
    record = next(site.glob("base-*.dist-info")) / "RECORD"
    row = re.compile(rf"(base/part_{place}\.py,sha256=)[^,]*".encode())
    _overwrite(record, lambda content: row.sub(rb"\g<1>" + digest, content))
    return _shown(fleet, record)


def _mode(fleet: Fleet, place: int) -> str:
    path = _file(fleet, place)
    path.chmod((0o666, 0o777, 0o600, 0o444, 0o4555)[place])
    return _shown(fleet, path)


def _python(fleet: Fleet, place: int) -> str:
    path = fleet.environment("web") / "bin/python"
    path.unlink()
    path.symlink_to(("/bin/sh", "python3", "/nowhere", "../python", "/usr/bin/env")[place])
    return "bin/python"


def _shim(fleet: Fleet, place: int) -> str:
    path = fleet.store / "current/bin/web"
    path.unlink()
    if place == 0:
        path.symlink_to("/bin/sh")
    elif place == 1:
        path.write_text("#!/bin/sh\n")
    elif place == 2:
        path.symlink_to("gate")
    elif place == 3:
        path.mkdir()
    return "bin/web"


def _link(fleet: Fleet, place: int) -> str:
    path = fleet.store / "current/web"
    target = path.readlink()
    path.unlink()
    if place == 0:
        path.symlink_to("../../envs")
    elif place == 1:
        path.symlink_to(fleet.environment("gate"))
    elif place == 2:
        path.mkdir()
    elif place == 3:
        path.symlink_to(fleet.store / target.relative_to("../.."))
    return "web"


def _manifest(fleet: Fleet, place: int) -> str:
    path = fleet.store / "current/manifest.json"
    text = path.read_text()
    path.write_text(
        (
            text.replace('"1.0"', '"1.9"'),
            text.replace("/bin/web", "/bin/python"),
            text[:100],
            "",
            text + " ",
        )[place]
    )
    return "manifest.json"


def _receipt(fleet: Fleet, place: int) -> str:
    """Change a file and make the receipt fit; or make the receipt useless."""
    path = fleet.receipt("web")
    if place == 0:
        changed = fleet.site_packages("web") / "base/part_5.py"
        before = hashlib.sha256(changed.read_bytes()).hexdigest()
        _overwrite(changed, lambda content: content.replace(b"VALUE", b"EVIL_"))
        after = hashlib.sha256(changed.read_bytes()).hexdigest()
        path.write_text(path.read_text().replace(before, after))
    elif place == 1:
        path.write_text(path.read_text()[:200])
    elif place == 2:
        path.write_bytes(b"\xff\xfe")
    elif place == 3:
        path.write_text(fleet.receipt("gate").read_text())
    else:
        path.unlink()
    return fleet.environment("web").name


def _folder(fleet: Fleet, place: int) -> str:
    path = _file(fleet, place)
    path.unlink()
    path.mkdir()
    (path / "inside").write_text("x")
    return _shown(fleet, path)


KINDS = (
    Kind(name="content, size and time kept", apply=_content, codes=("content",)),
    Kind(name="a file deleted", apply=_delete, codes=("missing",)),
    Kind(name="an extra file", apply=_extra, codes=("extra",)),
    Kind(name="an extra `.pth`", apply=_pth, codes=("extra",)),
    Kind(name="forged bytecode", apply=_pyc, codes=("content",)),
    Kind(name="RECORD rewritten to fit", apply=_record, codes=("content",)),
    Kind(name="a mode", apply=_mode, codes=("mode",)),
    Kind(name="where `bin/python` points", apply=_python, codes=("link",)),
    Kind(name="a shim", apply=_shim, codes=("shim",)),
    Kind(name="a generation's link", apply=_link, codes=("link",)),
    Kind(name="the manifest", apply=_manifest, codes=("manifest",)),
    Kind(name="the receipt", apply=_receipt, codes=("receipt",)),
    Kind(name="uv's cache poisoned through a hardlink", apply=_poison, codes=("content",)),
    Kind(name="a wheel cache entry poisoned", apply=_poison_wheel, codes=("content",)),
    Kind(name="a file swapped for a folder", apply=_folder, codes=("kind",)),
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name.replace(" ", "-"))
def test_tampering_is_named_and_undone(
    fleet: Fleet, amount: Callable[[int, int], int], ledger: Callable[..., None], kind: Kind
) -> None:
    """`verify` names what was changed, `--repair` ends clean, and what was changed is gone for good."""
    fleet.sync()
    undisturbed = fleet.result()
    places = range(_PLACES) if amount(1, _PLACES) == _PLACES else (len(kind.name) % _PLACES,)
    for place in places:
        path = kind.apply(fleet, place)
        found = fleet.findings()
        named = [f for f in found if f["code"] in kind.codes and path in (f["path"], f["subject"])]
        assert named, f"{kind.name} at {path}: {json.dumps(found, indent=1)}"
        fleet.run("verify", "--repair", check=True)
        assert fleet.findings() == []
        assert fleet.run("verify", "--quick").code == 0
        assert fleet.result() == undisturbed
        _assert_next_build_is_clean(fleet, place)
    ledger(
        section="Tampering",
        fault=kind.name,
        times=len(places),
        held="`verify` finds it, `--repair` restores it, the next build of other environments is clean",
    )


def _assert_next_build_is_clean(fleet: Fleet, place: int) -> None:
    """Another environment out of the same wheels has nothing of the change."""
    other = f'[drivers.other-{place}]\nrequires = ["base"]\nbinary = "base-tool"\n'
    fleet.declare({"web": ["web==1.0"], "gate": ["gate"]}, other)
    fleet.sync()
    assert fleet.findings() == []
    fleet.declare({"web": ["web==1.0"], "gate": ["gate"]})
    fleet.run("sync", check=True)


_IN_ENVIRONMENTS = (_content, _delete, _extra, _pyc, _record, _python, _poison, _folder)


@pytest.mark.parametrize(
    "kind",
    [kind for kind in KINDS if kind.apply in _IN_ENVIRONMENTS],
    ids=lambda kind: kind.name.replace(" ", "-"),
)
def test_what_no_lockfile_describes_is_undone_too(
    fleet: Fleet, amount: Callable[[int, int], int], ledger: Callable[..., None], kind: Kind
) -> None:
    """An environment that was gone back to, whose driver is locked anew, is repaired from its receipt."""
    fleet.sync()
    undisturbed = fleet.result()
    fleet.declare({"web": ["web==1.1"], "gate": ["gate"]})
    fleet.sync()
    fleet.run("rollback", check=True)
    places = range(_PLACES) if amount(1, _PLACES) == _PLACES else (len(kind.name) % _PLACES,)
    for place in places:
        path = kind.apply(fleet, place)
        assert path in {finding["path"] for finding in fleet.findings()}
        fleet.run("verify", "--repair", check=True)
        assert fleet.findings() == []
        assert fleet.run("verify", "--quick").code == 0
        assert fleet.result() == undisturbed
    ledger(
        section="Tampering",
        fault=f"{kind.name}, after the lockfile has changed",
        times=len(places),
        held="`verify` finds it, `--repair` restores it",
    )


@pytest.mark.parametrize("place", range(2))
def test_a_poisoned_cache_is_never_installed(
    fleet: Fleet, ledger: Callable[..., None], place: int
) -> None:
    """A build from a cache that was poisoned through a hardlink downloads anew and is right."""
    fleet.sync()
    undisturbed = fleet.result()
    for path in (fleet.store / "cache/uv").rglob(f"base/part_{place}.py"):
        _overwrite(path, lambda content: content.replace(b"VALUE", b"EVIL_"))
    assert fleet.findings(), "nothing that is in use shares the cache's files"
    for name in ("envs", "receipts", "generations", "records"):
        subprocess.run(("rm", "-rf", fleet.store / name), check=True)
    (fleet.store / "current").unlink()
    fleet.sync()
    assert fleet.result() == undisturbed
    assert fleet.findings() == []
    ledger(
        section="Tampering",
        fault="a build from a poisoned cache",
        times=1,
        held="what is installed is what was locked",
    )
