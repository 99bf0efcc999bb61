"""`inherit`: a vendor's packages of the host, seen in an environment at the version that the host has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.vendor_host import TORCH, Lab, ended, host, lab
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer

__all__ = ["host", "lab"]


def test_these_and_nothing_else_are_seen(lab: Lab, store: Path) -> None:
    """The vendor's version is resolved with, imported, and known to importlib.metadata; wheels fill the rest."""
    lab.build()
    lockfile = (lab.run.cwd / "locks/app.toml").read_text()
    assert f'[[inherited]]\nname = "torch"\nversion = "{TORCH}"' in lockfile
    assert str(lab.host.python) not in lockfile
    assert 'name = "app"\nversion = "1.0"' in lockfile, "2.0 wants a newer torch"
    assert (
        lab.python("import torch, numpy, sympy; print(torch.VENDOR, numpy.HOST, sympy.WHEEL)")
        == "True True True"
    )
    assert lab.python("import nvidia.cublas.lib as l; print(l.A)") == "1"
    assert lab.python("import importlib.metadata as m; print(m.version('torch'))") == TORCH
    absent = "import importlib.util as u; print(u.find_spec('flask'), u.find_spec('nvidia.other'))"
    assert lab.python(absent) == "None None"
    assert lab.python("import os; print(os.environ.get('HOOKED'))") == "None"
    assert not (store / "current/app/bin/torch").exists()
    manifest = json.loads((store / "current/manifest.json").read_text())
    assert manifest["drivers"]["app"]["packages"] == {
        "app": "1.0",
        "numpy": "1.26.4",
        "nvidia-cublas": "12.6",
        "sympy": "1.13.1",
        "torch": TORCH,
    }
    assert "all as built" in lab.run("verify", check=True).stdout
    assert "all as built" in lab.run("verify", "--quick", check=True).stdout
    assert "the host's" not in lab.run("doctor").stdout
    assert lab.run("sync", check=True).stdout.startswith("nothing to do")
    assert lab.run("why", "app", "numpy", check=True).stdout
    lab.run("check", check=True)


def test_nothing_else_satisfies_a_requirement(lab: Lab) -> None:
    """A range that the host's version is outside of is unsatisfiable, whatever an index has."""
    lab.declare('constraints = ["numpy>=2"]')
    result = ended(lab.run("lock"), 3)
    assert "no set of versions satisfies app" in result.stderr


@pytest.mark.parametrize(
    ("lines", "packages", "words"),
    [
        (("allow-sdist = ['numpy']",), '"numpy"', "numpy is the host's, and `allow-sdist` says"),
        (("python-source = 'store'",), '"numpy"', "`python-source` selects the store's"),
        (("torch-backend = 'cpu'",), '"torch"', "torch is the host's, and `torch-backend` says"),
        (("resolver = 'pip-tools'",), '"torch"', "does not support `inherit`"),
        ((), '"*"', "'*' matches every package of the host"),
        ((), '"tor ch"', "is neither a package nor a pattern"),
        ((), '"torch==x!"', "has no version"),
        ((), '"nvidia-*==12"', "has a version and a `*`"),
        ((), "", "must not be empty"),
        ((), '"torch", "Torch"', "twice"),
    ],
)
def test_a_wrong_declaration_is_refused(
    lab: Lab, lines: tuple[str, ...], packages: str, words: str
) -> None:
    """Exit 2 with file, line, key and a hint."""
    lab.declare(*lines, packages=packages)
    result = ended(lab.run("check"), 2)
    assert words in result.stderr, str(result)
    assert "drivers.toml:" in result.stderr
    assert "hint:" in result.stderr


@pytest.mark.parametrize(
    ("inherit", "words"),
    [
        ("'torch'", "drivers.app.inherit: must be a table, not a string"),
        ("{ packages = ['torch'] }", "has no `python`"),
        ("{ python = '/usr/bin/python3' }", "has no `packages`"),
        ("{ python = 'python3', packages = ['torch'] }", "'python3' is not an absolute path"),
        ("{ python = '/x', packages = ['torch'], version = '3' }", "unknown key"),
    ],
)
def test_a_wrong_table_is_refused(lab: Lab, inherit: str, words: str) -> None:
    """Each part of the table says what it must be."""
    text = declare_drivers({"app": ["app"]}, python=lab.version)
    lab.run.declare(f"{text}inherit = {inherit}\n")
    assert words in ended(lab.run("check"), 2).stderr


def test_rules_and_conflicts_know_them(lab: Lab, index: IndexServer) -> None:
    """A driver with NumPy from an index cannot share an interpreter with one that has the host's."""
    lab.declare()
    path = lab.run.cwd / "drivers.toml"
    own = '\n[drivers.new]\nrequires = ["web", "numpy>=2"]\nbinary = "web"\n'
    index.add(command_wheel("web", "1.0"))
    path.write_text(path.read_text() + own)
    lab.run("lock", check=True)
    result = lab.run("conflicts", check=True)
    assert "app × new: conflict" in result.stdout
    assert "numpy" in result.stdout
    path.write_text(path.read_text() + '\n[[agree]]\npackages = ["numpy"]\n')
    assert "numpy" in ended(lab.run("check"), 1).stdout
    path.write_text(path.read_text().replace("numpy>=2", "numpy<3"))
    refused = lab.run("lock")
    assert refused.code != 0, str(refused)


def test_exports_say_what_is_the_hosts(lab: Lab) -> None:
    """Files that install say in a comment what they do not install; one that cannot, refuses."""
    lab.build()
    text = lab.run("export", "requirements", "app", check=True).stdout
    assert f"# the host's own: torch=={TORCH}" in text
    assert "sympy==1.13.1" in text
    assert (
        f"# the host's own: torch=={TORCH}" in lab.run("export", "pylock", "app", check=True).stdout
    )
    assert '"pkg:pypi/numpy@1.26.4"' in lab.run("export", "cyclonedx", "app", check=True).stdout
