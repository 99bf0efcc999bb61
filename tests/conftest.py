"""What every test gets: a home of its own, no settings of the host, and short-lived servers."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support.command_line import NOWHERE, CommandLine, child_environment
from tests.support.default_index import reach_default_index
from tests.support.fault_proxy import FaultProxy
from tests.support.folders import remove_tree
from tests.support.index_server import IndexServer
from tests.support.pythons import MINOR, find_pythons, own_python, pyenv_root

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_DROPPED = ("UV_", "PIP_", "ENVBUILD_", "PYTHON", "PYENV_", "XDG_", "VIRTUAL_ENV", "NOX", "CONDA")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--realworld`, which nox's session of that name gives."""
    parser.addoption(
        "--realworld", action="store_true", help="also lock and build the whole fleet, some 10 GB"
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the whole fleet alone unless it is asked for; None leaves the decision to others."""
    if collection_path == Path(__file__).parent / "realworld":
        return None if config.getoption("--realworld") else True
    return None


def pytest_configure(config: pytest.Config) -> None:
    """Look for interpreters while the real home can still be seen; in CI try the same examples each time.

    `$ENVBUILD_EXAMPLES` asks for that many new examples of each property, as `nox -s properties` does.
    """
    settings.register_profile("ci", derandomize=True)
    if examples := os.environ.get("ENVBUILD_EXAMPLES"):
        settings.register_profile("properties", max_examples=int(examples), deadline=None)
        settings.load_profile("properties")
    elif os.environ.get("CI") == "true":
        settings.load_profile("ci")
    config.stash[_PYTHONS] = find_pythons()
    config.stash[_PATH] = _path(config.stash[_PYTHONS].values())
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in a shell's background
        signal.signal(signal.SIGINT, signal.default_int_handler)


_PYTHONS = pytest.StashKey[dict[str, Path]]()
_PATH = pytest.StashKey[str]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked `root` where nobody is root, before anything is prepared for it."""
    if os.geteuid() != 0 and item.get_closest_marker("root") is not None:
        pytest.skip("NOT TESTED: needs root")


@pytest.fixture(autouse=True)
def isolation(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, scratch: Path
) -> Path:
    """Make the real home, settings and default index unreachable; the value is the new home."""
    for name in [name for name in os.environ if name.startswith(_DROPPED)]:
        monkeypatch.delenv(name)
    home = scratch / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / f".{name.lower()}"))
    monkeypatch.setenv("PATH", request.config.stash[_PATH])
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    if request.node.get_closest_marker("index") is None:
        monkeypatch.setenv("ENVBUILD_INDEX_DEFAULT_URL", NOWHERE)
    else:
        _need_default_index()
    return home


def _path(pythons: Iterable[Path]) -> str:
    """PATH with the running Python first and the other wanted ones last, without pyenv's other ones and its shims.

    Each first sync of a store asks every Python that it finds.
    """
    parts = os.environ["PATH"].split(os.pathsep)
    kept = [part for part in parts if part and not Path(part).is_relative_to(pyenv_root())]
    folders = (own_python().parent, *kept, *(path.parent for path in pythons))
    return os.pathsep.join(dict.fromkeys(map(str, folders)))


def _need_default_index() -> None:
    """Skip where the default index cannot be reached; in CI fail."""
    reason = reach_default_index()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(f"the default index cannot be reached, which CI must: {reason}")
    if reason:
        pytest.skip(f"NOT TESTED: the default index cannot be reached: {reason}")


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder with a short path, as interpreter lines end at 127 bytes; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="eb-", dir="/tmp")).resolve()
    folder.chmod(0o755)
    yield folder
    remove_tree(folder)


@pytest.fixture
def store(scratch: Path) -> Path:
    """The path of a store that is not there yet, short enough for interpreter lines."""
    return scratch / "s"


@pytest.fixture
def project(scratch: Path) -> Path:
    """An empty folder for `drivers.toml` and `locks/`; the command line runs in it."""
    folder = scratch / "p"
    folder.mkdir()
    return folder


@pytest.fixture
def index() -> Iterator[IndexServer]:
    """A running, empty index; fill it with `index.add(...)` or `load_scenario(...).fill(index)`."""
    with IndexServer() as server:
        yield server


@pytest.fixture
def faults(index: IndexServer) -> Iterator[FaultProxy]:
    """A running proxy in front of `index`; `faults.url` is the index seen through it."""
    with FaultProxy(index.url) as proxy:
        yield proxy


@pytest.fixture
def run_envbuild(isolation: Path, project: Path, store: Path, index: IndexServer) -> CommandLine:
    """The real command line in `project`, on `store`, with `index` as its default index."""
    more = {"ENVBUILD_STORE": str(store), "ENVBUILD_INDEX_DEFAULT_URL": index.url}
    more["ENVBUILD_HTTP_RETRIES"] = "0"  # an index on loopback does not recover
    return CommandLine(cwd=project, env=child_environment(**more))


@pytest.fixture
def run_envbuild_online(isolation: Path, project: Path, store: Path) -> CommandLine:
    """The real command line with the host's default index; for tests marked `index`."""
    env = child_environment(ENVBUILD_STORE=str(store))
    env.pop("ENVBUILD_INDEX_DEFAULT_URL", None)
    return CommandLine(cwd=project, env=env, timeout=900)


@pytest.fixture
def bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Pythons that the test starts write bytecode, as they do for users."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)


@pytest.fixture
def python() -> Path:
    """The interpreter that runs the tests, outside any venv."""
    return own_python()


@pytest.fixture
def python_version() -> str:
    """What a declaration asks for to get `python`: `3.12`."""
    return MINOR


@pytest.fixture
def pythons(request: pytest.FixtureRequest) -> dict[str, Path]:
    """Every Python from 3.11 to 3.14 that this machine has, by minor version."""
    return request.config.stash[_PYTHONS]


def _python(pythons: dict[str, Path], minor: str) -> Path:
    if minor not in pythons:
        pytest.skip(f"NOT TESTED: this machine has no Python {minor}")
    return pythons[minor]


@pytest.fixture
def python311(pythons: dict[str, Path]) -> Path:
    """Python 3.11, or the test is skipped."""
    return _python(pythons, "3.11")


@pytest.fixture
def python312(pythons: dict[str, Path]) -> Path:
    """Python 3.12, or the test is skipped."""
    return _python(pythons, "3.12")


@pytest.fixture
def python313(pythons: dict[str, Path]) -> Path:
    """Python 3.13, or the test is skipped."""
    return _python(pythons, "3.13")
