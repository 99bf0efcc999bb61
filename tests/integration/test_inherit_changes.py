"""`inherit` on a host that changes below its environments, and on one that does not record its files."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.vendor_host import TORCH, Host, Lab, ended, host, lab
from tests.support.wheels import Wheel

__all__ = ["host", "lab"]


def test_another_version_on_the_host_is_refused_with_both(lab: Lab, store: Path) -> None:
    """Exit 5 before anything is built, a line for each difference, and how to lock for this host."""
    lab.declare()
    lab.run("lock", check=True)
    lab.host.install(Wheel(name="numpy", version="1.25.0", files={"numpy.py": ""}))
    lab.host.remove("nvidia-cublas")
    result = ended(lab.run("sync"), 5)
    assert f"the host's numpy 1.26.4, and {lab.host.python} has 1.25.0" in result.stderr
    assert f"nvidia-cublas 12.6, and {lab.host.python} has no nvidia-cublas" in result.stderr
    assert "drivers.app.inherit" in result.stderr
    assert "`envbuild lock --host-packages host.json app`" in result.stderr
    assert not list((store / "envs").glob("app-*"))


def test_an_upgrade_below_a_service_is_found(lab: Lab) -> None:
    """`verify`, `--quick`, `doctor` and a sync all notice that the host's NumPy is another one."""
    lab.build()
    before = lab.python("import sys; print(sys.prefix)")
    lab.host.install(Wheel(name="numpy", version="1.26.5", files={"numpy.py": "HOST = 5\n"}))
    found = ended(lab.run("verify", "--format", "json"), 1).json["findings"]
    assert [item["code"] for item in found] == ["inherited"]
    assert "the host's numpy was 1.26.4, and is 1.26.5 now" in found[0]["message"]
    quick = ended(lab.run("verify", "--quick", "--format", "json"), 1).json["findings"]
    assert [item["code"] for item in quick] == ["inherited"]
    assert "the host's numpy was 1.26.4" in ended(lab.run("doctor"), 1).stdout
    refused = ended(lab.run("verify", "--repair"), 1)
    assert "not repaired: the host's numpy was 1.26.4" in refused.stdout
    ended(lab.run("sync"), 5)
    (lab.run.cwd / "locks/app.toml").unlink()
    lab.run("lock", check=True)
    lab.run("sync", check=True)
    assert lab.python("import sys; print(sys.prefix)") != before
    assert lab.python("import numpy; print(numpy.HOST)") == "5"
    ended(lab.run("rollback"), 1)  # there is nothing that it could run


def test_what_the_host_installs_again_is_the_same(lab: Lab) -> None:
    """The same wheel in another second: `--quick` asks, `verify` reads and agrees, repair records it."""
    lab.build()
    record = next(lab.host.site_packages.glob("numpy-*.dist-info/RECORD"))
    os.utime(record, (1, 1))
    ended(lab.run("verify", "--quick"), 1)
    ended(lab.run("verify"), 0)
    lab.run("verify", "--repair", check=True)
    ended(lab.run("verify", "--quick"), 0)


def test_a_changed_wheel_is_repaired_with_the_same_links(lab: Lab) -> None:
    """The environment is built again from its receipt, which knows what it takes from the host."""
    lab.build()
    store = Path(lab.run.env["ENVBUILD_STORE"])
    module = next(store.glob("envs/app-*/lib/python3.*/site-packages/sympy.py"))
    module.chmod(0o644)
    module.write_text("WHEEL = False\n")
    ended(lab.run("verify"), 1)
    assert "all as built" in lab.run("verify", "--repair", check=True).stdout
    code = "import sympy, numpy, torch; print(sympy.WHEEL, numpy.HOST, torch.VENDOR)"
    assert lab.python(code) == "True True True"


def test_a_file_that_changed_under_the_same_record_is_found(lab: Lab) -> None:
    """Somebody patched the host's torch: `verify`, `--quick` and `doctor` name the file; the content decides."""
    lab.build()
    module = lab.host.site_packages / "torch/lib/inner.py"
    before = module.read_text()
    module.write_text("PATCHED = True\n")
    found = ended(lab.run("verify", "--format", "json"), 1).json["findings"]
    assert [item["code"] for item in found] == ["inherited"]
    words = f"the host's torch was {TORCH}, and the host changed its torch/lib/inner.py"
    assert words in found[0]["message"]
    quick = ended(lab.run("verify", "--quick", "--format", "json"), 1).json["findings"]
    assert [(item["code"], item["path"].rpartition("site-packages/")[2]) for item in quick] == [
        ("inherited", "torch/lib/inner.py")
    ]
    assert words in ended(lab.run("doctor"), 1).stdout
    module.write_text(before)
    ended(lab.run("verify", "--quick"), 1)  # it only looks
    ended(lab.run("verify"), 0)
    assert words not in lab.run("doctor").stdout


def _as_debian(host: Host, name: str, top_level: str | None) -> Path:
    """A distribution as Debian installs it: no RECORD, perhaps a `top_level.txt`."""
    folder = next(host.site_packages.glob(f"{name}-*.dist-info"))
    (folder / "RECORD").unlink()
    if top_level is not None:
        (folder / "top_level.txt").write_text(f"{top_level}\n")
    return folder


def test_without_a_record_its_modules_are_known_by_name(lab: Lab) -> None:
    """Debian's packages: METADATA and `top_level.txt`, or PKG-INFO alone; their content is part of the key."""
    _as_debian(lab.host, "numpy", "numpy")
    torch = _as_debian(lab.host, "torch", None)
    egg = torch.parent / f"torch-{TORCH}.egg-info"
    egg.mkdir()
    (egg / "PKG-INFO").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {TORCH}\n")
    (egg / "requires.txt").write_text("numpy<2\nsympy==1.13.*\n\n[extra]\nnothing\n")
    for path in torch.iterdir():
        path.unlink()
    torch.rmdir()
    lab.declare(packages='"torch", "numpy"')
    lab.run("lock", check=True)
    text = (lab.run.cwd / "locks/app.toml").read_text()
    assert 'requires = [\n  "numpy<2",\n  "sympy==1.13.*",' in text
    lab.run("sync", check=True)
    code = "import torch, numpy, sys; print(torch.VENDOR, numpy.HOST, sys.prefix)"
    *seen, before = lab.python(code).split()
    assert seen == ["True", "True"]
    assert lab.python("import importlib.metadata as m; print(m.version('torch'))") == TORCH
    assert lab.python("import importlib.util as u; print(u.find_spec('flask'))") == "None"
    assert "all as built" in lab.run("verify", check=True).stdout
    assert lab.run("sync", check=True).stdout.startswith("nothing to do")
    module = lab.host.site_packages / "torch/lib/inner.py"
    module.write_text("PATCHED = True\n")
    found = ended(lab.run("verify", "--format", "json"), 1).json["findings"]
    assert [item["code"] for item in found] == ["inherited"]
    assert "its files are not what it was built with" in found[0]["message"]
    lab.run("sync", check=True)
    assert lab.python("import sys; print(sys.prefix)") != before


def test_modules_of_two_packages_are_nobodys(lab: Lab) -> None:
    """Without a RECORD, a folder that another package names too is refused, with what to do."""
    lab.declare()
    lab.run("lock", check=True)
    _as_debian(lab.host, "nvidia_cublas", "nvidia")
    refused = ended(lab.run("sync"), 5).stderr
    assert "the files of the host's nvidia-cublas 12.6 are not known: it has no RECORD" in refused
    assert "'nvidia' is a module of nvidia_other-12.6.dist-info too" in refused
    assert "drivers.toml:" in refused
    assert "install it with pip on the host, which writes a RECORD" in refused


def test_modules_without_a_name_are_refused(lab: Lab) -> None:
    """Neither RECORD nor `top_level.txt`, and no module that is called as the package is."""
    lab.declare()
    lab.run("lock", check=True)
    _as_debian(lab.host, "numpy", "elsewhere")
    refused = ended(lab.run("sync"), 5).stderr
    assert "numpy 1.26.4 are not known: neither RECORD nor top_level.txt names them" in refused
