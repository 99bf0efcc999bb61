"""What `envbuild export` writes, byte for byte, for one small fleet: to be looked at by eye."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild import __version__
from envbuild.declaration.driver import Launch
from envbuild.errors import UsageError
from envbuild.launchers.export import ExportRequest
from envbuild.launchers.fleet import BuiltDriver, BuiltFleet, FileSource
from envbuild.launchers.registry import all_formats, find_format, refuse_foreign_options
from envbuild.target.accelerator import Accelerator
from envbuild.value import replace
from tests.support.golden import assert_golden
from tests.support.values import (
    ARM,
    LINUX,
    STORE,
    make_driver,
    make_entry,
    make_file,
    make_lockfile,
    make_package,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from envbuild.lockfile.lockfile import Lockfile

FOLDER = Path(__file__).parent / "export"
OPTIONS = {
    "arguments": "serve 'a model' --x=100%",
    "image": f"docker.example/cuda@sha256:{'a' * 64}",
    "port": "8000",
}
FOLLOWED = {"from": "oci://registry.example.com/fleet/gpu:ring-1"}
VLLM = make_driver(
    "vllm",
    "vllm==0.11.0",
    "transformers>=4.55.2,<5.0",
    "huggingface-hub<1.0",
    platforms=("x86_64-manylinux_2_28", "aarch64-manylinux_2_28"),
    accelerator=Accelerator(kind="cuda", versions=">=12.8"),
)
WORKER = make_driver("worker", "xinference")
BOTH = (LINUX, ARM)
LOCKFILE = make_lockfile(
    VLLM,
    make_package("huggingface-hub", "0.36.0", targets=BOTH, required_by=(".", "transformers")),
    make_package(
        "transformers", "4.57.6", targets=BOTH, requires=("huggingface-hub<1.0", "numpy>=1.17")
    ),
    make_package(
        "vllm",
        "0.11.0",
        targets=BOTH,
        requires=("transformers>=4.55.2", 'triton ; platform_machine == "x86_64"'),
        files=(
            make_file("vllm", "0.11.0", "cp38-abi3-manylinux1_x86_64", targets=(LINUX,)),
            make_file("vllm", "0.11.0", "cp38-abi3-manylinux2014_aarch64", targets=(ARM,)),
        ),
    ),
    make_package("triton", "3.4.0", targets=(LINUX,), index="internal"),
)


def fleet(*, stable: bool, python: str = "/usr/bin/python3.12") -> BuiltFleet:
    """vllm and a worker of Xinference, as they would be built."""
    packages = tuple((package.name, package.version) for package in LOCKFILE.packages)
    vllm = make_entry("vllm", "0.11.0", packages=packages)
    worker = make_entry("worker", "4.1.0")
    bin_commands = ("vllm", "xinference-worker")
    subjects = (
        BuiltDriver(
            entry=vllm, declared=VLLM, base_python=python, bin_commands=("vllm",), shared=True
        ),
        BuiltDriver(
            entry=worker,
            declared=WORKER,
            base_python=python,
            bin_commands=bin_commands,
            shared=True,
        ),
    )
    return BuiltFleet(store=STORE, subjects=subjects, stable=stable)


def sources() -> dict[str, FileSource]:
    """Where an index of the tests would have the files."""
    index = "https://packages.example.com/simple"
    return {
        package.name: FileSource(
            index=index,
            files={file.name: f"https://files.example.com/{file.name}" for file in package.files},
        )
        for package in LOCKFILE.packages
    }


@dataclass(frozen=True, kw_only=True)
class FakeExport:
    """What formats ask for, made up."""

    request: ExportRequest
    fleet: BuiltFleet
    store: str = STORE

    def lockfiles(self) -> tuple[tuple[Lockfile, str], ...]:
        """The one of vllm."""
        return ((LOCKFILE, "sha256:0"),)

    def lockfile(self, driver: str) -> Lockfile:
        """The same."""
        return LOCKFILE

    def sources(self, lockfile: Lockfile) -> dict[str, FileSource]:
        """Where an index of the tests would have the files."""
        return sources()

    def licences(self, driver: str) -> dict[str, str]:
        """The one of vllm."""
        return {"vllm": "Apache-2.0"}

    def unit(self) -> None:
        """No drop-in is for a unit."""

    def indexes(self, names: Collection[str]) -> dict[str, tuple[str, bool]]:
        """One that is bound."""
        known = {"internal": ("https://packages.example.com/simple", False)}
        return {name: place for name, place in known.items() if name in names}

    def lock_workspace(self, lockfile: Lockfile, pyproject: str, python: str) -> str:
        """A `uv.lock` with every locked file."""
        files = [file for package in lockfile.packages for file in package.files]
        return "".join(f"sha256:{file.sha256}\n" for file in files)


def export(
    format_: str, exported: BuiltFleet | None = None, options: dict[str, str] | None = None
) -> FakeExport:
    """An export of the fleet, with paths as the format names them by itself."""
    request = ExportRequest(
        format=format_,
        options=options or {},
        envbuild=("/usr/bin/envbuild", "--store", STORE),
        program=("/usr/bin/envbuild",),
        out=Path("/srv/studio"),
    )
    return FakeExport(request=request, fleet=exported or fleet(stable=find_format(format_).stable))


EXPORTS: dict[str, Callable[[], FakeExport]] = {
    **{
        known.name: lambda name=known.name: export(name)  # type: ignore[misc]
        for known in all_formats()
    },
    "requirements-annotated": lambda: export("requirements", options={"annotate": ""}),
    "quadlet": lambda: export("quadlet", options=OPTIONS),
    "quadlet-stable": lambda: export("quadlet", _managed(), OPTIONS),
    "kubernetes": lambda: export("kubernetes", options=OPTIONS),
    "kubernetes-fleet": lambda: export("kubernetes-fleet", options=OPTIONS | FOLLOWED),
    "ansible": lambda: export("ansible", options=FOLLOWED),
    "systemd-pull": lambda: export("systemd-pull", options=FOLLOWED),
    "llmhop": lambda: export("llmhop", options=OPTIONS),
    "systemd-launch": lambda: export("systemd", _launched()),
    "quadlet-launch": lambda: export("quadlet", _launched(), {"image": OPTIONS["image"]}),
    "kubernetes-launch": lambda: export("kubernetes", _launched(), {"image": OPTIONS["image"]}),
    "systemd-closed": lambda: export("systemd", _closed(), {"arguments": OPTIONS["arguments"]}),
}


def _launched() -> BuiltFleet:
    """The same with what the declaration says of their start."""
    launch = Launch(
        port=8000,
        after=("worker",),
        environment_file="/etc/secrets/vllm.env",
        arguments=("serve", "a model", "--port", "8000"),
        health_path="/health",
    )
    made = fleet(stable=True)
    vllm, worker = made.subjects
    return replace(made, subjects=(replace(vllm, declared=replace(VLLM, launch=launch)), worker))


def _closed() -> BuiltFleet:
    """A store below a home that only its owner can enter."""
    subjects = tuple(replace(subject, shared=False) for subject in fleet(stable=True).subjects)
    return replace(fleet(stable=True), store="/home/ai/envbuild", subjects=subjects)


def _managed() -> BuiltFleet:
    """Environments on a Python that envbuild itself has fetched into the store."""
    return fleet(stable=True, python=f"{STORE}/pythons/cpython-3.12.12/bin/python3.12")


@pytest.mark.parametrize("name", EXPORTS)
def test_export(name: str) -> None:
    """Each format, with every file's name and mode."""
    made = EXPORTS[name]()
    files = find_format(made.request.format).render(made)
    text = "\n".join(f"==> {file.name} (mode {file.mode:o}) <==\n{file.text}" for file in files)
    assert_golden(FOLDER / f"{name}.txt", text.replace(__version__, "VERSION"))


def test_every_format_is_documented() -> None:
    """The table in docs/launchers.md is made from the formats' records."""
    page = Path(__file__).parents[2] / "docs/launchers.md"
    rows = [f"| `{known.name}` | {known.files} | {known.taken_by} |" for known in all_formats()]
    table = re.compile(r"(?<=\| --- \| --- \| --- \|\n)(\|.*\n)+")
    text = table.sub(lambda _: "".join(f"{row}\n" for row in rows), page.read_text(), count=1)
    assert_golden(page, text)


def test_an_option_of_another_format_is_refused() -> None:
    """What a format would not look at is an error that names whom the option is for."""
    with pytest.raises(UsageError) as raised:
        refuse_foreign_options(find_format("env"), ("image",))
    assert str(raised.value) == (
        "--image: the format env does not take --image\n"
        "  hint: it is for kubernetes, kubernetes-fleet, llmhop, quadlet"
    )
