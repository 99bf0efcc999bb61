"""What a declaration means: defaults, merging, normal forms."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from envbuild.declaration.declaration import Agree, Coexist, Declaration
from envbuild.declaration.driver import Driver
from envbuild.declaration.index import Index, bound_index
from envbuild.declaration.toml.document import parse_declaration
from envbuild.errors import DeclarationError
from envbuild.target.accelerator import Accelerator
from envbuild.value import replace

MINIMAL = 'version = 1\n[drivers.asr]\nrequires = ["faster-whisper"]\n'


def parse(text: str) -> Declaration:
    return parse_declaration(text, file="drivers.toml")


def only_driver(text: str) -> Driver:
    (driver,) = parse(text).drivers
    return driver


def with_keys(keys: str, *, defaults: str = "") -> Driver:
    return only_driver(f"version = 1\n[defaults]\n{defaults}\n{MINIMAL[12:]}{keys}\n")


def test_a_driver_needs_nothing_but_requirements() -> None:
    """What is left out has the documented defaults."""
    assert only_driver(MINIMAL) == Driver(
        name="asr",
        line=2,
        requires=only_driver(MINIMAL).requires,
        binary="asr",
        commands=("asr",),
        version_of="faster-whisper",
        overlap="warn",
        python=(),
        python_downloads=True,
        platforms=("x86_64-manylinux_2_28", "aarch64-manylinux_2_28"),
        constraints=(),
        overrides=(),
        exclude_newer=None,
        exclude_newer_packages=(),
        env=(),
        accelerator=None,
        allow_sdist=(),
        enabled=True,
        bytecode=True,
        default_binaries=("asr",),
    )


def test_the_digest_is_that_of_the_file() -> None:
    """The manifest names the declaration by what `sha256sum` says of it."""
    text = MINIMAL + "# ümlaut\n"
    assert parse(text).digest == "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert parse(text).file == "drivers.toml"


def test_requirements_have_a_normal_form_and_a_line() -> None:
    """However a requirement is spelled, it locks the same; messages point at its own line."""
    driver = only_driver(
        """
version = 1
[drivers.asr]
requires = [
    "Faster_Whisper [Extra_B, a] <2, >= 1",
    # a comment
    "uvicorn; python_version<'3.13'", "uvicorn>=0.30",
]
"""
    )
    assert [(r.text, r.name, r.line) for r in driver.requires] == [
        ("faster-whisper[a,extra-b]<2,>=1", "faster-whisper", 5),
        ('uvicorn; python_version < "3.13"', "uvicorn", 7),
        ("uvicorn>=0.30", "uvicorn", 7),
    ]


def test_a_drivers_own_keys_replace_the_defaults() -> None:
    """Python, its download, platforms and the date are replaced, never mixed."""
    defaults = """
python = ["3.12", "3.11"]
python-downloads = false
platforms = ["arm64-macosx_14_0"]
exclude-newer = "7 days"
"""
    inherited = with_keys("", defaults=defaults)
    assert inherited.python == ("3.12", "3.11")
    assert not inherited.python_downloads
    assert inherited.platforms == ("arm64-macosx_14_0",)
    assert inherited.exclude_newer == "7 days"
    own = with_keys(
        """
python = "3.13"
python-downloads = true
platforms = ["x86_64-manylinux_2_28"]
exclude-newer = "2026-11-01"
""",
        defaults=defaults,
    )
    assert own.python == ("3.13",)
    assert own.python_downloads
    assert own.platforms == ("x86_64-manylinux_2_28",)
    assert own.exclude_newer == "2026-11-01"


def test_constraints_of_the_defaults_hold_beside_a_drivers_own() -> None:
    """A fleet-wide floor cannot be lost by a driver that bounds the same package."""
    driver = with_keys(
        'constraints = ["URLLIB3<3", "numpy<2", "urllib3>=2.6.3"]',
        defaults='constraints = ["urllib3>=2.6.3"]',
    )
    assert driver.constraints == ("urllib3>=2.6.3", "urllib3<3", "numpy<2")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('"2026-11-01"', "2026-11-01"),
        ("2026-11-01", "2026-11-01"),
        ('"2026-11-01T12:00:00Z"', "2026-11-01T12:00:00Z"),
        ('"2026-11-01t12:00:00z"', "2026-11-01T12:00:00Z"),
        ('"2026-11-01T12:00:00.5+02:00"', "2026-11-01T12:00:00.5+02:00"),
        ("2026-11-01T12:00:00Z", "2026-11-01T12:00:00+00:00"),
        ('"7 days"', "7 days"),
        ('"1 days"', "1 day"),
        ('"1 week"', "1 week"),
        ('"12 hour"', "12 hours"),
    ],
)
def test_exclude_newer_is_a_date_a_timestamp_or_an_age(written: str, read: str) -> None:
    """Each form is kept in one spelling, so that a lockfile does not go stale over another."""
    assert with_keys(f"exclude-newer = {written}").exclude_newer == read


def test_the_binary_is_always_among_the_commands() -> None:
    """What `run` starts has a shim, whatever else is exposed."""
    assert with_keys('binary = "uvicorn"').commands == ("uvicorn",)
    assert with_keys('commands = ["ct2-transformers-converter"]').commands == (
        "asr",
        "ct2-transformers-converter",
    )
    assert with_keys('binary = "b"\ncommands = ["a", "b"]').commands == ("a", "b")


def test_the_other_keys_of_a_driver() -> None:
    """Each key reaches its value, in normal form."""
    driver = with_keys(
        """
version-of = "Faster.Whisper"
overrides = ["NumPy<2 ; sys_platform=='linux'", "torch"]
env = { B = "2", A = "" }
accelerator = { cuda = "<13, >=12.4" }
allow-sdist = ["Antlr4_python3.runtime"]
enabled = false
"""
    )
    assert driver.version_of == "faster-whisper"
    assert driver.overrides == ('numpy<2; sys_platform == "linux"', "torch")
    assert driver.env == (("A", ""), ("B", "2"))
    assert driver.accelerator == Accelerator(kind="cuda", versions="<13,>=12.4")
    assert driver.allow_sdist == ("antlr4-python3-runtime",)
    assert not driver.enabled


@pytest.mark.parametrize(
    "table",
    [
        '[ drivers . "asr" ]\nrequires = ["faster-whisper"]',
        'drivers.asr.requires = ["faster-whisper"]',
        'drivers = { asr = { requires = ["faster-whisper"] } }',
        "[drivers]\n'asr'.requires = ['faster-whisper']",
    ],
)
def test_every_way_of_writing_a_table_means_the_same(table: str) -> None:
    """TOML decides what a table is, not the look of the file."""
    driver = only_driver(f"version = 1\n{table}\n")
    (line,) = {requirement.line for requirement in driver.requires}
    assert line == 2 + table.count("\n")
    expected = only_driver(MINIMAL)
    assert replace(driver, line=0, requires=()) == replace(expected, line=0, requires=())


def test_indexes_keep_their_order_and_their_bindings() -> None:
    """The first index whose pattern fits a name serves it; the default index serves the rest."""
    declaration = parse(
        """version = 1
[[index]]
name = "core"
path = "wheels/core"
packages = ["ACME_core"]
[[index]]
name = "internal"
url = "https://packages.example.com/simple"
packages = ["acme-*", "*-acme"]
[[index]]
name = "default"
url = "http://127.0.0.1:3141/simple/"
format = "simple"
[drivers.asr]
requires = ["faster-whisper"]
"""
    )
    assert declaration.indexes == (
        Index(name="core", url=None, path="wheels/core", packages=("acme-core",), line=2),
        Index(
            name="internal",
            url="https://packages.example.com/simple",
            path=None,
            packages=("acme-*", "*-acme"),
            line=6,
        ),
        Index(
            name="default",
            url="http://127.0.0.1:3141/simple/",
            path=None,
            format="simple",
            packages=(),
            line=10,
        ),
    )
    names = ("acme-core", "acme-cuda", "my-acme", "faster-whisper")
    assert [bound_index(declaration.bindings(), n) for n in names] == [
        "core",
        "internal",
        "internal",
        "default",
    ]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("wheels", "/srv/fleet/wheels"),
        ("../wheels/", "/srv/wheels"),
        ("/opt/wheels", "/opt/wheels"),
    ],
)
def test_an_indexs_folder_starts_at_the_files_folder(path: str, found: str) -> None:
    """A declaration means the same from whatever folder envbuild is started in."""
    text = f'{MINIMAL}[[index]]\nname = "local"\npath = "{path}"\npackages = ["a"]\n'
    (index,) = parse_declaration(text, file="drivers.toml", folder="/srv/fleet").indexes
    assert index.path == found


def test_rules_across_drivers() -> None:
    """A rule keeps its drivers and its line; without drivers, `agree` is for all that are enabled."""
    declaration = parse(
        """version = 1
[drivers]
a.requires = ["a"]
b = { requires = ["b"], enabled = false }
c.requires = ["c"]
[[coexist]]
drivers = ["c", "b"]
[[agree]]
packages = ["NVIDIA_nccl-cu12", "torch"]
[[agree]]
packages = ["torch"]
drivers = ["a", "b"]
"""
    )
    assert declaration.coexist == (Coexist(drivers=("c", "b"), line=6),)
    assert declaration.agree == (
        Agree(packages=("nvidia-nccl-cu12", "torch"), drivers=("a", "c"), line=8),
        Agree(packages=("torch",), drivers=("a", "b"), line=10),
    )


def test_a_driver_is_found_by_its_name() -> None:
    """Commands look drivers up by the name on the command line."""
    declaration = parse(MINIMAL)
    assert declaration.driver("asr") is declaration.drivers[0]
    assert declaration.driver("tts") is None


@pytest.mark.parametrize("name", ["a", "0", "a-b", "a0-b1", "x" * 40])
def test_good_driver_names(name: str) -> None:
    """Lower-case letters, digits, hyphens between them, at most 40 characters."""
    assert only_driver(f'version = 1\n[drivers.{name}]\nrequires = ["a"]\n').name == name


def test_nesting_without_end_is_a_message() -> None:
    """A hostile file is refused in words, not with a traceback."""
    with pytest.raises(DeclarationError, match="nested too deeply"):
        parse("a = " + "[" * 100_000)


def test_a_number_without_end_is_a_message() -> None:
    """Python's own limit on long numbers shows as a problem of the file."""
    with pytest.raises(DeclarationError, match="not TOML"):
        parse("version = " + "1" * 5000)


def test_a_long_text_that_ends_too_early_has_its_last_line() -> None:
    """A missing bracket is reported at the end of the text, as there is no better place."""
    with pytest.raises(DeclarationError) as caught:
        parse('version = 1\n\u2028 = "')
    assert caught.value.problems[0].line == 2


def test_the_values_are_cheap_to_import() -> None:
    """What every command imports leaves packaging, which takes longer than a start of Python, out."""
    modules = "envbuild.declaration.declaration, envbuild.declaration.driver"
    code = f"import sys, {modules}; sys.exit('packaging' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
