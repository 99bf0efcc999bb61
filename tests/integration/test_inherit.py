"""`inherit`: a vendor's packages of the host, seen in an environment at the version that the host has."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.uv.executable import uv_executable
from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine, Result
    from tests.support.index_server import IndexServer

TORCH = "2.5.0a0+872d972e41.nv24.8"
"""A vendor's own build, which no index has."""


class Host:
    """A Python with packages of its own, as vendor images have one."""

    def __init__(self, python: Path, folder: Path) -> None:
        self.wheels = folder / "vendor"
        self.python = folder / "host/bin/python"
        subprocess.run((python, "-m", "venv", "--without-pip", folder / "host"), check=True)

    def install(self, *wheels: Wheel) -> None:
        """Install wheels as a vendor does, with RECORDs."""
        files = [str(wheel.write(self.wheels)) for wheel in wheels]
        argv = (uv_executable(), "pip", "install", "--no-deps", "--no-index", "--link-mode", "copy")
        subprocess.run(
            (*argv, "--compile-bytecode", "--python", self.python, *files),
            check=True,
            capture_output=True,
        )

    def remove(self, *names: str) -> None:
        """Uninstall packages."""
        argv = (uv_executable(), "pip", "uninstall", "--python", str(self.python), *names)
        subprocess.run(argv, check=True, capture_output=True)

    @property
    def site_packages(self) -> Path:
        """Where its packages are."""
        return next((self.python.parent.parent / "lib").glob("python3.*/site-packages"))


@pytest.fixture
def host(python: Path, scratch: Path) -> Host:
    """Torch that needs NumPy, two packages in the folder `nvidia`, one of them not inherited, and Flask."""
    made = Host(python, scratch)
    made.install(
        Wheel(
            name="torch",
            version=TORCH,
            requires=("numpy<2", "sympy==1.13.*"),
            files={
                "torch/__init__.py": "import torch.lib.inner\nVENDOR = True\n",
                "torch/lib/inner.py": "",
                "torch-hook.pth": "import os; os.environ['HOOKED'] = '1'\n",
            },
        ),
        Wheel(name="numpy", version="1.26.4", files={"numpy.py": "HOST = True\n"}),
        Wheel(name="nvidia-cublas", version="12.6", files={"nvidia/cublas/lib.py": "A = 1\n"}),
        Wheel(name="nvidia-other", version="12.6", files={"nvidia/other/lib.py": "B = 1\n"}),
        Wheel(name="flask", version="3.0", files={"flask/__init__.py": ""}),
    )
    return made


@pytest.fixture
def lab(run_envbuild: CommandLine, index: IndexServer, host: Host, python_version: str) -> Lab:
    """A driver `app` on that host."""
    index.add(
        command_wheel("app", "1.0", requires=("torch>=2.4", "numpy")),
        command_wheel("app", "2.0", requires=("torch>=2.6",)),
        Wheel(name="sympy", version="1.13.1", files={"sympy.py": "WHEEL = True\n"}),
        Wheel(name="numpy", version="2.1", files={"numpy.py": "HOST = False\n"}),
        Wheel(name="torch", version="2.4.0", files={"torch/__init__.py": "VENDOR = False\n"}),
    )
    return Lab(run_envbuild, host, python_version)


class Lab:
    """Declares, locks and asks."""

    def __init__(self, run: CommandLine, host: Host, python_version: str) -> None:
        self.run = run
        self.host = host
        self.version = python_version

    def declare(self, *lines: str, packages: str = '"torch", "numpy", "nvidia-cublas*"') -> None:
        """A driver that inherits these."""
        inherit = f'inherit = {{ python = "{self.host.python}", packages = [{packages}] }}\n'
        own = inherit + "".join(f"{line}\n" for line in lines)
        self.run.declare(declare_drivers({"app": ["app"]}, python=self.version) + own)

    def build(self) -> None:
        """Declare, lock and sync."""
        self.declare()
        self.run("lock", check=True)
        self.run("sync", check=True)

    def python(self, code: str) -> str:
        """What code prints in the environment."""
        python = Path(self.run.env["ENVBUILD_STORE"], "current/app/bin/python")
        done = subprocess.run((python, "-I", "-c", code), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def listed(self) -> str:
        """A host's list, as `pip freeze` writes it."""
        path = self.run.cwd / "host.txt"
        path.write_text(f"# image 24.08\nnumpy==1.26.4\ntorch=={TORCH}\nnvidia-cublas==12.6\n")
        return path.name


def _code(result: Result, code: int) -> Result:
    assert result.code == code, str(result)
    return result


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


def test_a_laptop_locks_from_a_list(lab: Lab) -> None:
    """Without that Python, `--host-packages` says what it has; then the lockfile itself knows it."""
    lab.declare()
    lab.host.python.rename(f"{lab.host.python}.away")
    refused = _code(lab.run("lock"), 2)
    assert "nothing says which versions the host has" in refused.stderr
    assert "drivers.toml:" in refused.stderr
    assert "--host-packages host.json app" in refused.stderr
    lab.run("lock", "--host-packages", lab.listed(), check=True)
    lab.run("lock", "--check", check=True)
    before = (lab.run.cwd / "locks/app.toml").read_bytes()
    lab.run("lock", "--upgrade", check=True)
    assert (lab.run.cwd / "locks/app.toml").read_bytes() == before
    assert "sympy" not in before.decode(), "a plain list does not say what torch requires"


def test_pip_inspect_says_what_they_require(lab: Lab) -> None:
    """So what the host's packages need besides is locked as wheels; the same lockfile as on the host itself."""
    lab.declare()
    rows = [
        {
            "metadata": {
                "name": "torch",
                "version": TORCH,
                "requires_dist": ["numpy<2", "sympy==1.13.*"],
            }
        },
        {"metadata": {"name": "NumPy", "version": "1.26.4"}},
        {"metadata": {"name": "nvidia_cublas", "version": "12.6"}},
    ]
    (lab.run.cwd / "host.json").write_text(json.dumps({"version": "1", "installed": rows}))
    lab.run("lock", "--host-packages", "host.json", check=True)
    listed = (lab.run.cwd / "locks/app.toml").read_bytes()
    (lab.run.cwd / "locks/app.toml").unlink()
    lab.run("lock", check=True)
    assert (lab.run.cwd / "locks/app.toml").read_bytes() == listed


def test_another_version_on_the_host_is_refused_with_both(lab: Lab, store: Path) -> None:
    """Exit 5 before anything is built, a line for each difference, and how to lock for this host."""
    lab.declare()
    lab.run("lock", check=True)
    lab.host.install(Wheel(name="numpy", version="1.25.0", files={"numpy.py": ""}))
    lab.host.remove("nvidia-cublas")
    result = _code(lab.run("sync"), 5)
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
    found = _code(lab.run("verify", "--format", "json"), 1).json["findings"]
    assert [item["code"] for item in found] == ["inherited"]
    assert "the host's numpy was 1.26.4, and is 1.26.5 now" in found[0]["message"]
    quick = _code(lab.run("verify", "--quick", "--format", "json"), 1).json["findings"]
    assert [item["code"] for item in quick] == ["inherited"]
    assert "the host's numpy was 1.26.4" in _code(lab.run("doctor"), 1).stdout
    refused = _code(lab.run("verify", "--repair"), 1)
    assert "not repaired: the host's numpy was 1.26.4" in refused.stdout
    _code(lab.run("sync"), 5)
    (lab.run.cwd / "locks/app.toml").unlink()
    lab.run("lock", check=True)
    lab.run("sync", check=True)
    assert lab.python("import sys; print(sys.prefix)") != before
    assert lab.python("import numpy; print(numpy.HOST)") == "5"
    _code(lab.run("rollback"), 1)  # there is nothing that it could run


def test_what_the_host_installs_again_is_the_same(lab: Lab) -> None:
    """The same wheel in another second: `--quick` asks, `verify` reads and agrees, repair records it."""
    lab.build()
    record = next(lab.host.site_packages.glob("numpy-*.dist-info/RECORD"))
    os.utime(record, (1, 1))
    _code(lab.run("verify", "--quick"), 1)
    _code(lab.run("verify"), 0)
    lab.run("verify", "--repair", check=True)
    _code(lab.run("verify", "--quick"), 0)


def test_a_changed_wheel_is_repaired_with_the_same_links(lab: Lab) -> None:
    """The environment is built again from its receipt, which knows what it takes from the host."""
    lab.build()
    store = Path(lab.run.env["ENVBUILD_STORE"])
    module = next(store.glob("envs/app-*/lib/python3.*/site-packages/sympy.py"))
    module.chmod(0o644)
    module.write_text("WHEEL = False\n")
    _code(lab.run("verify"), 1)
    assert "all as built" in lab.run("verify", "--repair", check=True).stdout
    code = "import sympy, numpy, torch; print(sympy.WHEEL, numpy.HOST, torch.VENDOR)"
    assert lab.python(code) == "True True True"


def test_a_new_list_makes_the_lockfile_stale(lab: Lab) -> None:
    """`lock --host-packages` with another version resolves again, and says why."""
    lab.declare()
    lab.run("lock", check=True)
    listed = lab.run.cwd / lab.listed()
    listed.write_text(listed.read_text().replace("1.26.4", "1.26.9"))
    result = lab.run("lock", "--host-packages", "host.txt", check=True)
    assert "the host's numpy 1.26.4 became 1.26.9" in result.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("torch=2.5\n", "host.txt:1: 'torch=2.5' is not NAME==VERSION"),
        ("torch==1.0\ntorch==2.0\n", "torch is listed as 1.0 and as 2.0"),
        ("# nothing\n", "it lists no package"),
        ('{"installed": 3}', "it is not the output of `pip inspect`"),
        ("torch==2.5\n", "the host's list has no numpy"),
        (f"torch=={TORCH}\nnumpy==x!\n", "numpy has no valid version"),
    ],
)
def test_a_wrong_list_is_refused(lab: Lab, text: str, words: str) -> None:
    """Exit 2, with file, line and what to write instead; no lockfile is written."""
    lab.declare()
    (lab.run.cwd / "host.txt").write_text(text)
    result = _code(lab.run("lock", "--host-packages", "host.txt"), 2)
    assert words in result.stderr
    assert "hint:" in result.stderr
    assert not (lab.run.cwd / "locks/app.toml").exists()


def test_a_list_for_nobody_is_refused(lab: Lab) -> None:
    """A driver without `inherit` has no use for it."""
    lab.run.declare(declare_drivers({"app": ["sympy"]}, python=lab.version))
    result = _code(lab.run("lock", "--host-packages", lab.listed()), 2)
    assert "none of these drivers takes packages from the host" in result.stderr


def test_nothing_else_satisfies_a_requirement(lab: Lab) -> None:
    """A range that the host's version is outside of is unsatisfiable, whatever an index has."""
    lab.declare('constraints = ["numpy>=2"]')
    result = _code(lab.run("lock"), 3)
    assert "no set of versions satisfies app" in result.stderr


@pytest.mark.parametrize(
    ("lines", "packages", "words"),
    [
        (("allow-sdist = ['numpy']",), '"numpy"', "numpy is the host's, and `allow-sdist` says"),
        (("python-source = 'store'",), '"numpy"', "`python-source` asks for the store's"),
        (("torch-backend = 'cpu'",), '"torch"', "torch is the host's, and `torch-backend` says"),
        (("resolver = 'pip-tools'",), '"torch"', "does not support `inherit`"),
        ((), '"*"', "'*' would be every package of the host"),
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
    result = _code(lab.run("check"), 2)
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
    assert words in _code(lab.run("check"), 2).stderr


def test_versions_in_the_declaration_need_no_host(lab: Lab) -> None:
    """A named list: the declaration itself says what every host has."""
    lab.declare(packages=f'"torch=={TORCH}", "numpy==1.26.4"')
    lab.host.python.rename(f"{lab.host.python}.away")
    lab.run("lock", check=True)
    result = _code(lab.run("sync"), 5)
    assert f"there is no Python {lab.host.python} on this host" in result.stderr


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
    found = _code(lab.run("verify", "--format", "json"), 1).json["findings"]
    assert [item["code"] for item in found] == ["inherited"]
    assert "its files are not what it was built with" in found[0]["message"]
    lab.run("sync", check=True)
    assert lab.python("import sys; print(sys.prefix)") != before


def test_modules_of_two_packages_are_nobodys(lab: Lab) -> None:
    """Without a RECORD, a folder that another package names too is refused, with what to do."""
    lab.declare()
    lab.run("lock", check=True)
    _as_debian(lab.host, "nvidia_cublas", "nvidia")
    refused = _code(lab.run("sync"), 5).stderr
    assert "the files of the host's nvidia-cublas 12.6 are not known: it has no RECORD" in refused
    assert "'nvidia' is a module of nvidia_other-12.6.dist-info too" in refused
    assert "drivers.toml:" in refused
    assert "install it with pip on the host, which writes a RECORD" in refused


def test_modules_without_a_name_are_refused(lab: Lab) -> None:
    """Neither RECORD nor `top_level.txt`, and no module that is called as the package is."""
    lab.declare()
    lab.run("lock", check=True)
    _as_debian(lab.host, "numpy", "elsewhere")
    refused = _code(lab.run("sync"), 5).stderr
    assert "numpy 1.26.4 are not known: neither RECORD nor top_level.txt names them" in refused


def test_a_file_that_changed_under_the_same_record_is_found(lab: Lab) -> None:
    """Somebody patched the host's torch: `verify`, `--quick` and `doctor` name the file; the content decides."""
    lab.build()
    module = lab.host.site_packages / "torch/lib/inner.py"
    before = module.read_text()
    module.write_text("PATCHED = True\n")
    found = _code(lab.run("verify", "--format", "json"), 1).json["findings"]
    assert [item["code"] for item in found] == ["inherited"]
    words = f"the host's torch was {TORCH}, and the host changed its torch/lib/inner.py"
    assert words in found[0]["message"]
    quick = _code(lab.run("verify", "--quick", "--format", "json"), 1).json["findings"]
    assert [(item["code"], item["path"].rpartition("site-packages/")[2]) for item in quick] == [
        ("inherited", "torch/lib/inner.py")
    ]
    assert words in _code(lab.run("doctor"), 1).stdout
    module.write_text(before)
    _code(lab.run("verify", "--quick"), 1)  # it only looks
    _code(lab.run("verify"), 0)
    assert words not in lab.run("doctor").stdout


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
    assert "numpy" in _code(lab.run("check"), 1).stdout
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
    refused = _code(lab.run("lock", *named[:2]), 2)
    assert "drivers.app.variants.xpu.inherit: nothing says which versions" in refused.stderr
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
    unknown = _code(lab.run("lock", "--host-packages", "cuda=xpu.txt"), 2)
    assert "takes packages from the host in a variant called 'cuda'" in unknown.stderr
    path.write_text(path.read_text().replace('["torch", "numpy"]', '["torch"]'))
    assert "variants.vendor.inherit: numpy is gone" in _code(lab.run("lock", "--check"), 1).stdout


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
        _code(shown, 0)
    else:
        assert words in _code(shown, 2).stderr
        assert "drivers.app.variants.vendor.inherit" in shown.stderr


def test_pip_tools_cannot_inherit_in_a_variant(lab: Lab) -> None:
    """The resolver refuses the key wherever it is."""
    text = declare_drivers({"app": ["app", "torch"]}, python=lab.version)
    vendor = VARIANTS.format(python=lab.host.python)
    lab.run.declare(f'{text}resolver = "pip-tools"\n{vendor}')
    refused = _code(lab.run("show", "app"), 2).stderr
    assert "does not support `variants.vendor.inherit`" in refused
