"""`envbuild export` itself: where it writes, what it refuses, what it compares."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.launchers.registry import all_formats, find_format

if TYPE_CHECKING:
    from tests.launchers.conftest import Fleet

IMAGE = "docker.example/base@sha256:" + "a" * 64


@pytest.mark.parametrize("format_", [known.name for known in all_formats()])
def test_every_format_names_what_is_there(fleet: Fleet, format_: str) -> None:
    """Every path below the store that an export names exists; a second export gives the same bytes."""
    taken = {option.name for option in find_format(format_).options}
    given = {"image": IMAGE, "from": "dir:/srv/release"}
    words = [format_, *(f"--{name}={text}" for name, text in given.items() if name in taken)]
    text = fleet.export(*words).stdout
    found = set(re.findall(re.escape(str(fleet.store)) + r"[A-Za-z0-9._/+-]*", text))
    missing = [path for path in found if not Path(path).exists()]
    assert not missing
    assert fleet.export(*words).stdout == text


def test_out_writes_whole_files_with_modes(fleet: Fleet) -> None:
    """Files that stand where secrets are kept are the owner's alone, programs can be run."""
    fleet.export("env", "--out", str(fleet.folder))
    fleet.export("local-studio", "--out", str(fleet.folder))
    fleet.export("systemd", "asr", "--out", str(fleet.folder))
    modes = {
        str(path.relative_to(fleet.folder)): stat.S_IMODE(path.stat().st_mode)
        for path in fleet.folder.rglob("*")
        if path.is_file()
    }
    assert modes == {
        "envbuild.env": 0o600,
        "local-studio.env": 0o600,
        "vllm.recipe.json": 0o644,
        "upgrade-vllm": 0o755,
        "envbuild@.service": 0o644,
        "asr.service.d/50-envbuild.conf": 0o644,
    }


def test_check_says_what_is_out_of_date(fleet: Fleet) -> None:
    """`--check` is 0 for what would be written, else 1 with each line and too open a mode."""
    fleet.export("env", "--out", str(fleet.folder))
    file = fleet.folder / "envbuild.env"
    assert fleet.export("env", "--check", str(file)).stdout == f"{file}: up to date\n"
    file.write_text(file.read_text().replace("VLLM_VERSION=0.11.0", "VLLM_VERSION=0.10.2"))
    file.chmod(0o644)
    result = fleet.export("env", "--check", str(file), check=False)
    assert result.code == 1
    assert result.stdout.splitlines() == [
        f"{file}: out of date",
        "  -VLLM_VERSION=0.10.2",
        "  +VLLM_VERSION=0.11.0",
        "  mode 644 lets others read it; 600 would not",
    ]


def test_printed_environment_names_no_script(fleet: Fleet) -> None:
    """The upgrade script has a path once it is written; printed, nothing points at it."""
    assert "UPGRADE_CMD" not in fleet.export("local-studio").stdout


def test_driver_that_is_not_built(fleet: Fleet) -> None:
    """A driver without an environment has no path to export: exit 1, and what to do."""
    result = fleet.export("env", "vlm", check=False)
    assert result.code == 1
    assert result.stderr == (
        "error: the current generation has no driver 'vlm'\n"
        "  hint: run `envbuild sync vlm`, or correct the name; did you mean 'vllm'?\n"
    )


def test_path_that_is_gone(fleet: Fleet) -> None:
    """A binary that was deleted is named: launchers would fall back to another in silence."""
    binary = Path(fleet.entry("asr")["binary"])
    folder_mode = binary.parent.stat().st_mode
    binary.parent.chmod(0o755)
    away = binary.with_name("uvicorn.away")
    binary.rename(away)
    try:
        result = fleet.export("env", "asr", check=False)
    finally:
        away.rename(binary)
        binary.parent.chmod(stat.S_IMODE(folder_mode))
    assert result.code == 5
    assert f"{binary} does not exist" in result.stderr


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("base", "neither a tag nor a digest"),
        (f"base:1@sha256:{'a' * 64}", "both a tag and a digest"),
        ("base latest", "is not the name of an image"),
    ],
)
def test_image_has_a_tag_or_a_digest(fleet: Fleet, image: str, words: str) -> None:
    """An image is named by tag or digest, never both, never neither."""
    result = fleet.export("quadlet", "--image", image, check=False)
    assert (result.code, words in result.stderr) == (2, True), result


def test_image_is_asked_for(fleet: Fleet) -> None:
    """Without an image a container's file would be useless, so it is asked for."""
    result = fleet.export("kubernetes", check=False)
    assert (result.code, "--image NAME@sha256:DIGEST" in result.stderr) == (2, True), result


def test_target_that_is_not_locked(fleet: Fleet) -> None:
    """A target that the lockfile does not have is refused with those that it has."""
    result = fleet.export(
        "requirements", "asr", "--target", "3.9-x86_64-manylinux_2_28", check=False
    )
    assert (result.code, "there are: 3." in result.stderr) == (2, True), result


def test_unknown_format(fleet: Fleet) -> None:
    """A format that there is not is a mistake of the command line."""
    assert fleet.export("nomad", check=False).code == 2
