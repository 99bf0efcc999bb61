"""Reading `drivers.toml` from the disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envbuild.declaration.file import read_declaration
from envbuild.errors import DeclarationError, EnvbuildError, HostError, UsageError

REPOSITORY = Path(__file__).parents[3]


def problem_of(path: Path) -> tuple[type[EnvbuildError], str]:
    with pytest.raises(EnvbuildError) as caught:
        read_declaration(path)
    return type(caught.value), str(caught.value)


def test_a_missing_file_says_how_to_begin(tmp_path: Path) -> None:
    """Whoever runs a command in an empty folder is told of `envbuild init`."""
    for path in (tmp_path / "drivers.toml", tmp_path / "no" / "drivers.toml"):
        error, text = problem_of(path)
        assert error is UsageError
        assert "there is no such file" in text
        assert "envbuild init" in text


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    """A path below a file is a missing file, not a crash."""
    (tmp_path / "file").touch()
    assert problem_of(tmp_path / "file" / "drivers.toml")[0] is UsageError


def test_a_folder_is_no_declaration(tmp_path: Path) -> None:
    """`--file .` is a slip that gets its own words."""
    error, text = problem_of(tmp_path)
    assert error is UsageError
    assert "this is a folder" in text


def test_what_the_host_does_not_give_out_is_its_fault(tmp_path: Path) -> None:
    """A file that is there but cannot be read is exit 5, with the system's words."""
    link = tmp_path / "drivers.toml"
    link.symlink_to(link)
    error, text = problem_of(link)
    assert error is HostError
    assert os.strerror(40) in text


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("version = 1\n# ü\n".encode("latin-1"), 2, "byte 0xfc is not UTF-8"),
        ("version = 1\n".encode("utf-16"), 1, "UTF-16, not UTF-8"),
    ],
)
def test_what_is_not_utf_8_is_said_with_its_line(
    tmp_path: Path, content: bytes, line: int, words: str
) -> None:
    """An editor's wrong encoding is named, and where it shows first."""
    path = tmp_path / "drivers.toml"
    path.write_bytes(content)
    error, text = problem_of(path)
    assert error is DeclarationError
    assert f"{path}:{line}: " in text
    assert words in text


def test_relative_folders_start_at_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index's folder is beside the declaration, wherever envbuild runs."""
    (tmp_path / "fleet").mkdir()
    path = tmp_path / "fleet" / "drivers.toml"
    path.write_text(
        'version = 1\n[drivers.a]\nrequires = ["a"]\n'
        '[[index]]\nname = "local"\npath = "wheels"\npackages = ["a"]\n',
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    declaration = read_declaration(Path("fleet/drivers.toml"))
    assert declaration.file == "fleet/drivers.toml"
    assert declaration.indexes[0].path == str(tmp_path / "fleet" / "wheels")


def test_the_repositorys_own_fleet_is_declared_as_promised() -> None:
    """Four drivers for any machine, three for hosts with CUDA."""
    declaration = read_declaration(REPOSITORY / "drivers.toml")
    gpu = {driver.name for driver in declaration.drivers if driver.accelerator}
    cpu = [driver for driver in declaration.drivers if not driver.accelerator]
    assert gpu == {"vllm", "sglang", "image-gen"}
    assert {driver.name: driver.binary for driver in cpu} == {
        "asr": "asr",
        "gateway": "litellm",
        "embeddings": "uvicorn",
        "echo": "envbuild-echo",
    }
    assert [variant.name for variant in cpu[0].variants] == ["cuda12", "cpu"]
    for driver in cpu:
        assert driver.python == ("3.12", "3.11", "3.13")
        assert {platform.split("_")[0] for platform in driver.platforms} == {
            "x86",
            "aarch64-manylinux",
            "arm64-macosx",
        }
