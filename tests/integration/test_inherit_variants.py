"""`inherit` in a variant: hosts of one kind have a vendor's package, all others get the wheel."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.command_line import declare_drivers
from tests.support.vendor_host import TORCH, Lab, ended, host, lab

__all__ = ["host", "lab"]

VARIANTS = """
[drivers.app.variants.vendor]
accelerator = {{ rocm = ">=7.0" }}
inherit = {{ python = "{python}", packages = ["torch", "numpy"] }}

[drivers.app.variants.cpu]
"""


def _declare_variants(lab: Lab, more: str = "") -> None:
    """Hosts with ROCm have a vendor's torch; all others get the wheel."""
    text = declare_drivers({"app": ["app", "torch"]}, python=lab.version)
    lab.run.declare(text + VARIANTS.format(python=lab.host.python) + more)


def _on(lab: Lab, scratch: Path, facts: str) -> dict[str, str]:
    """The environment of a command on a made-up host with a store of its own."""
    path = scratch / f"{facts.partition(' ')[0]}.toml"
    path.write_text(f"{facts}\n")
    return {"ENVBUILD_HOST_FACTS": str(path), "ENVBUILD_STORE": str(path.with_suffix(".store"))}


def test_a_variant_inherits_for_itself(lab: Lab, scratch: Path) -> None:
    """One lockfile: the host with ROCm links its own torch, any other installs the wheel, under another key."""
    _declare_variants(lab)
    lab.run("lock", check=True)
    text = (lab.run.cwd / "locks/app.toml").read_text()
    assert '[[variant]]\nname = "vendor"' in text
    assert 'inherit = [\n  "torch",\n  "numpy",\n]' in text
    assert f'[[inherited]]\nname = "torch"\nversion = "{TORCH}"\ntargets = ["' in text
    assert 'name = "torch"\nversion = "2.4.0"\nindex = ' in text
    lab.run("lock", "--check", check=True)
    keys = set()
    for facts, own in (('rocm = "7.1"', True), ('cuda = "13.0"', False)):
        env = _on(lab, scratch, facts)
        lab.run("sync", env=env, check=True)
        current = Path(env["ENVBUILD_STORE"], "current")
        code = "import torch; print(torch.VENDOR)"
        argv = (current / "app/bin/python", "-I", "-c", code)
        said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        assert said == f"{own}\n"
        keys.add(json.loads((current / "manifest.json").read_text())["drivers"]["app"]["key"])
        assert "all as built" in lab.run("verify", env=env, check=True).stdout
        assert "nothing to do" in lab.run("sync", env=env, check=True).stdout
    assert len(keys) == 2
    shown = lab.run("show", "app", check=True).stdout
    assert f"variants.vendor.inherit = torch, numpy of {lab.host.python}" in shown.replace('"', "")
    wheels = lab.run("export", "requirements", "app", "--target", _target(text, "cpu"), check=True)
    assert "the host's own" not in wheels.stdout


def _target(lockfile: str, variant: str) -> str:
    """The lockfile's first target for a variant."""
    lines = (line.strip(' ",') for line in lockfile.splitlines())
    return next(line for line in lines if line.endswith(f"@{variant}"))


def test_each_variant_has_a_list_of_its_own(lab: Lab) -> None:
    """`VARIANT=FILE` for a fleet of two vendors; a changed list makes the lockfile stale and says why."""
    second = (
        '[drivers.app.variants.xpu]\naccelerator = { xpu = ">=1" }\n'
        'inherit = { python = "/opt/other/bin/python", packages = ["torch"] }\n'
    )
    _declare_variants(lab)
    path = lab.run.cwd / "drivers.toml"
    path.write_text(path.read_text().replace("[drivers.app.variants.cpu]\n", second))
    lab.host.python.rename(f"{lab.host.python}.away")
    (lab.run.cwd / "xpu.txt").write_text("torch==2.5.1+xpu\n")
    named = ("--host-packages", f"vendor={lab.listed()}", "--host-packages", "xpu=xpu.txt")
    refused = ended(lab.run("lock", *named[:2]), 2)
    assert "drivers.app.variants.xpu.inherit: the host's versions are unknown" in refused.stderr
    assert "--host-packages xpu=host.json app" in refused.stderr
    lab.run("lock", *named, check=True)
    text = (lab.run.cwd / "locks/app.toml").read_text()
    assert text.count('[[inherited]]\nname = "torch"') == 2
    lab.run("lock", "--check", check=True)
    lab.run("lock", "--upgrade", check=True)
    assert (lab.run.cwd / "locks/app.toml").read_text() == text
    (lab.run.cwd / "xpu.txt").write_text("torch==2.5.2+xpu\n")
    told = lab.run("lock", *named[2:], check=True).stdout
    assert "the host's torch 2.5.1+xpu became 2.5.2+xpu" in told
    assert "numpy" not in told
    unknown = ended(lab.run("lock", "--host-packages", "cuda=xpu.txt"), 2)
    assert "takes packages from the host in a variant called 'cuda'" in unknown.stderr
    path.write_text(path.read_text().replace('["torch", "numpy"]', '["torch"]'))
    assert "variants.vendor.inherit: numpy is gone" in ended(lab.run("lock", "--check"), 1).stdout


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('torch-backend = "cpu"\n', "torch is the host's, and `torch-backend` says"),
        ("", None),
    ],
)
def test_a_variant_says_one_origin(lab: Lab, more: str, words: str | None) -> None:
    """Its own `torch-backend` beside its `inherit` is refused; that of the driver is for the other variants."""
    text = declare_drivers({"app": ["app", "torch"]}, python=lab.version)
    vendor = VARIANTS.format(python=lab.host.python).replace("inherit =", f"{more}inherit =")
    lab.run.declare(f'{text}torch-backend = "cpu"\n{vendor}')
    shown = lab.run("show", "app")
    if words is None:
        ended(shown, 0)
    else:
        assert words in ended(shown, 2).stderr
        assert "drivers.app.variants.vendor.inherit" in shown.stderr


def test_pip_tools_cannot_inherit_in_a_variant(lab: Lab) -> None:
    """The resolver refuses the key wherever it is."""
    text = declare_drivers({"app": ["app", "torch"]}, python=lab.version)
    vendor = VARIANTS.format(python=lab.host.python)
    lab.run.declare(f'{text}resolver = "pip-tools"\n{vendor}')
    refused = ended(lab.run("show", "app"), 2).stderr
    assert "does not support `variants.vendor.inherit`" in refused
