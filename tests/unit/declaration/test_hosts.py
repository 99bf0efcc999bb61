"""Sets, `extends` and host tables: what is effective, where it comes from, what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.declaration.hosts import declaration_on
from envbuild.declaration.toml.document import parse_declaration
from envbuild.errors import DeclarationError
from envbuild.lockfile.freshness import inputs_of
from envbuild.target.accelerator import FoundAccelerator
from envbuild.target.target import Host

if TYPE_CHECKING:
    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.driver import Driver

FILE = """\
version = 1
[defaults]
python = ["3.12", "3.11"]
constraints = ["urllib3>=2.6.3"]

[sets.engine]
requires = ["vllm==0.11.*", { include = "hub" }]
[sets.hub]
requires = ["huggingface-hub<1"]

[drivers.vllm]
requires = [{ include = "engine" }, "transformers>=4.55.2,<5"]
env = { A = "1", B = "2" }
accelerator = { cuda = ">=12.4" }
probe = [["vllm", "--version"]]
enabled = false

[drivers.ocr]
extends = "vllm"
requires = ["transformers==4.37.2", "timm"]
env = { B = "3", C = "4" }
python = "3.11"
constraints = ["pillow>=11"]

[drivers.scan]
extends = "ocr"
"""


def parse(text: str) -> Declaration:
    """Parse the text as a file called `drivers.toml`."""
    return parse_declaration(text, file="drivers.toml")


def driver(name: str, text: str = FILE) -> Driver:
    """One driver of a text."""
    found = parse(text).driver(name)
    assert found is not None
    return found


def requires(found: Driver) -> list[str]:
    """What a driver requires, as texts."""
    return [requirement.text for requirement in found.requires]


def host(cuda: str | None = None) -> Host:
    """A Linux host."""
    found = (FoundAccelerator(kind="cuda", version=cuda),)
    return Host(arch="x86_64", system="manylinux", system_version=(2, 36), accelerators=found)


def test_sets_stand_in_their_place() -> None:
    """A set's requirements, and those of sets that it includes, stand where it is included."""
    assert requires(driver("vllm")) == [
        "vllm==0.11.*",
        "huggingface-hub<1",
        "transformers<5,>=4.55.2",
    ]
    assert [requirement.line for requirement in driver("vllm").requires] == [7, 9, 12]


def test_requirement_on_the_same_package_replaces_the_parents() -> None:
    """`extends` takes everything over; one package's requirement takes the place of the parent's."""
    assert requires(driver("ocr")) == [
        "vllm==0.11.*",
        "huggingface-hub<1",
        "transformers==4.37.2",
        "timm",
    ]
    assert requires(driver("scan")) == requires(driver("ocr"))


def test_keys_are_inherited() -> None:
    """What a driver does not say its parent says, and only then the defaults."""
    ocr = driver("ocr")
    assert (ocr.binary, ocr.commands, ocr.version_of) == ("vllm", ("vllm",), "vllm")
    assert ocr.env == (("A", "1"), ("B", "3"), ("C", "4"))
    assert ocr.accelerator == driver("vllm").accelerator
    assert ocr.probe == (("vllm", "--version"),)
    assert ocr.constraints == ("urllib3>=2.6.3", "pillow>=11")
    assert driver("scan").python == ("3.11",)
    assert driver("scan").extends == "ocr"


def test_enabled_is_not_inherited() -> None:
    """What drivers are made from may stay unbuilt itself."""
    assert not driver("vllm").enabled
    assert driver("ocr").enabled
    assert driver("scan").enabled


def test_origins_of_keys() -> None:
    """Each effective key knows the line that it comes from, whoever wrote it."""
    origins = dict(driver("scan").origins)
    assert origins["python"] == 22
    assert origins["accelerator"] == 14
    assert (origins["env.A"], origins["env.B"]) == (13, 21)
    assert origins["constraints.urllib3>=2.6.3"] == 4
    assert origins["constraints.pillow>=11"] == 23
    assert "enabled" not in origins
    assert "binary" not in origins


def test_same_inputs_as_written_out() -> None:
    """Sharing is a matter of the text: a lockfile is the same as of a driver that is written out."""
    text = """\
version = 1
[defaults]
constraints = ["urllib3>=2.6.3"]
[drivers.ocr]
requires = ["vllm==0.11.*", "huggingface-hub<1", "transformers==4.37.2", "timm"]
python = "3.11"
constraints = ["pillow>=11"]
"""
    one, other = parse(FILE), parse(text)
    assert inputs_of(driver("ocr"), one) == inputs_of(driver("ocr", text), other)


WRONG = {
    "set that includes itself": (
        '[sets.a]\nrequires = [{include="a"}]\n[drivers.x]\nrequires = [{include="a"}]\n',
        ["drivers.toml:3: sets.a.requires[0].include: the set includes itself: a → a"],
    ),
    "sets in a circle": (
        """\
[sets.a]
requires = [{ include = "b" }]
[sets.b]
requires = [{ include = "a" }]
[drivers.x]
requires = [{ include = "a" }]
""",
        ["drivers.toml:5: sets.b.requires[0].include: the set includes itself: a → b → a"],
    ),
    "unknown set": (
        '[sets.engine]\nrequires = ["a"]\n[drivers.x]\nrequires = ["a", { include = "engin" }]\n',
        ["drivers.toml:5: drivers.x.requires[1].include: there is no set 'engin'"],
    ),
    "no include": (
        "[drivers.x]\nrequires = [{}]\n",
        ["drivers.toml:3: drivers.x.requires[0]: the table includes no set"],
    ),
    "extends in a circle": (
        '[drivers.a]\nextends = "b"\n[drivers.b]\nextends = "c"\n[drivers.c]\nextends = "a"\n',
        ["drivers.toml:7: drivers.c.extends: the driver extends itself: a → b → c → a"],
    ),
    "extends itself": (
        '[drivers.a]\nextends = "a"\nrequires = ["x"]\n',
        ["drivers.toml:3: drivers.a.extends: the driver extends itself: a → a"],
    ),
    "extends an unknown driver": (
        '[drivers.vllm]\nrequires = ["vllm"]\n[drivers.ocr]\nextends = "vlm"\n',
        ["drivers.toml:5: drivers.ocr.extends: there is no driver 'vlm' to extend"],
    ),
    "neither requires nor extends": (
        "[drivers.a]\nbinary = 'x'\n",
        ["drivers.toml:2: drivers.a: the driver has no `requires`"],
    ),
    "host table that selects nothing": (
        '[drivers.a]\nrequires = ["a"]\n[hosts.x.drivers.a]\nenabled = false\n',
        ["drivers.toml:4: hosts.x: the host table selects no host"],
    ),
    "host table that changes nothing": (
        '[drivers.a]\nrequires = ["a"]\n[hosts.x]\nhostname = "gpu-*"\n',
        ["drivers.toml:4: hosts.x: the host table changes nothing"],
    ),
    "host table for an unknown driver": (
        '[drivers.vllm]\nrequires = ["a"]\n[hosts.x]\nhostname = "g"\n[hosts.x.drivers.vlm]\nenabled = true\n',
        ["drivers.toml:6: hosts.x.drivers.vlm: there is no driver 'vlm'"],
    ),
    "host table that would decide a lockfile": (
        '[drivers.a]\nrequires = ["a"]\n[hosts.x]\nhostname = "g"\n[hosts.x.drivers.a]\nrequires = ["b"]\n',
        ["drivers.toml:7: hosts.x.drivers.a.requires: `requires` cannot differ from host to host"],
    ),
    "host name that is no pattern": (
        '[drivers.a]\nrequires = ["a"]\n[hosts.x]\nhostname = "a b"\n[hosts.x.drivers.a]\nenabled = true\n',
        ["drivers.toml:5: hosts.x.hostname: 'a b' is not a pattern of host names"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_refused(case: str) -> None:
    """One clear message each, at its line, and none besides."""
    text, expected = WRONG[case]
    with pytest.raises(DeclarationError) as caught:
        parse(f"version = 1\n{text}")
    said = [str(problem).splitlines()[0] for problem in caught.value.problems]
    assert len(said) == len(expected)
    assert all(line.startswith(start) for line, start in zip(said, expected, strict=True)), said


HOSTS = """\
version = 1
[drivers.vllm]
requires = ["vllm"]
env = { A = "1", B = "2" }
[drivers.asr]
requires = ["faster-whisper"]

[hosts.gpu]
hostname = "gpu-*"
accelerator = { cuda = ">=12.4" }
[hosts.gpu.drivers.vllm]
env = { B = "3", C = "4" }
probe-timeout = 300

[hosts.small]
hostname = "*-small"
[hosts.small.drivers.vllm]
enabled = false
env = { B = "5" }
"""


def test_host_tables_that_apply() -> None:
    """All that a table selects by must hold; of two tables the later one counts."""
    declaration = parse(HOSTS)
    vllm = declaration_on(declaration, "gpu-1", host("12.8")).drivers[0]
    assert (dict(vllm.env), vllm.probe_timeout) == ({"A": "1", "B": "3", "C": "4"}, 300)
    both = declaration_on(declaration, "GPU-2-small", host("12.8")).drivers[0]
    assert (dict(both.env), both.enabled) == ({"A": "1", "B": "5", "C": "4"}, False)
    assert dict(both.origins)["env.B"] == 17


@pytest.mark.parametrize(("name", "cuda"), [("gpu-1", None), ("gpu-1", "12.2"), ("cpu-1", "12.8")])
def test_host_tables_that_do_not_apply(name: str, cuda: str | None) -> None:
    """Where no table applies the declaration is as it is written."""
    declaration = parse(HOSTS)
    assert declaration_on(declaration, name, host(cuda)) == declaration


def test_lockfiles_are_the_same_on_every_host() -> None:
    """No host table changes what a lockfile answers, nor which declaration a generation follows."""
    declaration = parse(HOSTS)
    here = declaration_on(declaration, "gpu-1-small", host("13.0"))
    for before, after in zip(declaration.drivers, here.drivers, strict=True):
        assert inputs_of(before, declaration) == inputs_of(after, here)
    assert here.digest == declaration.digest
