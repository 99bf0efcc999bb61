"""One small fleet that is really built, for every launcher to look at."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import CommandLine, Result, child_environment, declare_drivers
from tests.support.folders import remove_tree
from tests.support.index_server import IndexServer
from tests.support.pythons import MINOR
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DRIVERS = {
    "vllm": ["vllm==0.11.*", "transformers>=4.55.2,<5", "huggingface-hub<1"],
    "asr": ["faster-whisper>=1", "uvicorn"],
    "worker": ["xinference"],
}
BINARIES = {"asr": "uvicorn", "worker": "xinference-worker"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Fleet:
    """A project whose drivers are locked and built."""

    run: CommandLine
    store: Path
    index: IndexServer
    folder: Path
    """For the test's own files."""

    def export(self, *words: str, check: bool = True) -> Result:
        """`envbuild export WORDS`."""
        return self.run("export", *words, check=check)

    def files(self, *words: str) -> dict[str, str]:
        """The text of each file of an export, by name."""
        table: Any = self.run("export", *words, "--format", "json", check=True).json
        return {file["name"]: file["text"] for file in table["files"]}

    def entry(self, driver: str) -> dict[str, Any]:
        """A driver of the manifest."""
        table: Any = self.run("list", "--format", "json", check=True).json
        found: dict[str, Any] = table["drivers"][driver]
        return found


def releases() -> Sequence[Wheel]:
    """What the index has: fakes of real packages, each with its real command."""
    vllm = command_wheel("vllm", "0.11.0", requires=["transformers>=4.55.2", "tqdm"])
    worker = command_wheel("xinference", "4.1.0", command="xinference-worker", requires=["xoscar"])
    return (
        vllm,
        worker,
        Wheel(name="xoscar", version="0.12.2"),
        Wheel(name="transformers", version="4.57.6", metadata_lines=("License: Apache-2.0",)),
        Wheel(name="transformers", version="5.1.0"),
        Wheel(name="huggingface-hub", version="0.36.0", metadata_lines=("License: Apache 2",)),
        Wheel(name="tqdm", version="4.67.1", metadata_lines=("License: MPL-2.0 AND MIT",)),
        Wheel(name="faster-whisper", version="1.2.1"),
        command_wheel("uvicorn", "0.38.0"),
    )


@pytest.fixture(scope="session")
def built() -> Iterator[tuple[Path, IndexServer]]:
    """A folder with a project and its built store, shared by every test here."""
    root = Path(tempfile.mkdtemp(prefix="eb-l-", dir="/tmp")).resolve()
    root.chmod(0o755)
    with IndexServer() as index:
        for wheel in releases():
            index.add(wheel)
        project = root / "p"
        project.mkdir()
        (root / "home").mkdir()
        text = declare_drivers(DRIVERS, python=MINOR)
        for name, binary in BINARIES.items():
            head = f"[drivers.{name}]\n"
            text = text.replace(head, f'{head}binary = "{binary}"\n')
        head = "[drivers.vllm]\n"
        text = text.replace(head, f'{head}accelerator = {{ cuda = ">=12.4" }}\n')
        (project / "drivers.toml").write_text(text)
        run = command_line(root, index)
        run("lock", check=True)
        run("sync", *DRIVERS, check=True)
        yield root, index
    remove_tree(root)


def command_line(root: Path, index: IndexServer) -> CommandLine:
    """envbuild in the shared project, with a home of its own."""
    more = {
        "HOME": str(root / "home"),
        "ENVBUILD_STORE": str(root / "s"),
        "ENVBUILD_INDEX_DEFAULT_URL": index.url,
        "NO_PROXY": "127.0.0.1,localhost",
    }
    env = child_environment(**more)
    for name in [name for name in env if name.startswith(("XDG_", "UV_", "PIP_"))]:
        del env[name]
    return CommandLine(cwd=root / "p", env=env)


@pytest.fixture
def fleet(built: tuple[Path, IndexServer], scratch: Path) -> Fleet:
    """The shared fleet, and a folder of the test's own."""
    root, index = built
    folder = scratch / "out"
    folder.mkdir()
    return Fleet(run=command_line(root, index), store=root / "s", index=index, folder=folder)


LAUNCH = """
[drivers.vllm.launch]
port = 8000
environment-file = "/etc/secrets/vllm.env"
arguments = ["serve", "a model", "--x=100%", "$HOME"]
health-path = "/health?a=1&b=%20"
[drivers.asr.launch]
port = 8001
[drivers.worker.launch]
port = 7999
after = ["asr"]
"""


def declare_launch(fleet: Fleet) -> tuple[str, str]:
    """`--file` with a declaration that also says how the drivers start; asr shares vllm's kind of GPU."""
    folder = fleet.folder / "declared"
    folder.mkdir()
    text = (fleet.run.cwd / "drivers.toml").read_text()
    head = "[drivers.asr]\n"
    text = text.replace(head, f'{head}accelerator = {{ cuda = ">=12.4" }}\n')
    (folder / "drivers.toml").write_text(text + LAUNCH)
    return "--file", str(folder / "drivers.toml")
