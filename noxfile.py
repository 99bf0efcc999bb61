"""What is checked, and how: `nox` runs lint, types and tests; `nox -l` lists the rest."""

from __future__ import annotations

import os
import ssl
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))  # nox loads this file without its folder

from tests.support.pythons import WANTED, find_pythons  # noqa: E402 - see the line above

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"

GROUPS = nox.project.load_toml(ROOT / "pyproject.toml")
PYTHONS = find_pythons()
FULL = "3.12" if "3.12" in PYTHONS else next(iter(PYTHONS))
"""The Python that runs every test; the others leave out what asks the real index."""

OTHERS = dict.fromkeys(minor for minor in (*WANTED, *PYTHONS) if minor != FULL)
EVERYWHERE = (
    *("tests/unit", "tests/property", "tests/golden"),
    *(f"tests/integration/test_{name}.py" for name in ("lock", "sync", "activation", "bytecode")),
)
"""What every Python runs; indexes, faults and launchers do not depend on it and take minutes."""

SIDE_BY_SIDE = ("-n", str(min(max((os.cpu_count() or 1) + 1, 2), 8)), "--dist", "worksteal")
"""One worker more than processors: tests wait for servers, programs and time-outs. `-- -n 0` undoes it."""

ASKED = {word.rpartition("=")[2] for word in sys.argv[1:]}
"""Among them the sessions that the command line names: those run on what Python there is."""

VERSIONS = [*OTHERS, FULL]  # the full suite's summary comes last
nox.options.sessions = ["lint", "types", "site", *(f"tests-{version}" for version in VERSIONS)]

if ssl.get_default_verify_paths().cafile or ssl.get_default_verify_paths().capath:
    os.environ.setdefault("UV_SYSTEM_CERTS", "1")  # an index may be certified by the host alone


def need(session: nox.Session, *groups: str) -> None:
    """Install dependency groups of pyproject.toml."""
    session.install(*nox.project.dependency_groups(GROUPS, *groups))


def need_envbuild(session: nox.Session, *groups: str) -> None:
    """Install dependency groups of pyproject.toml, and envbuild itself, editable; all of it compiled.

    Tests start envbuild thousands of times, and nothing else need have compiled it.
    """
    need(session, *groups)
    session.install("-e", ".")
    folders = ("envbuild", session.virtualenv.location)
    session.run("python", "-m", "compileall", "-q", *folders, success_codes=(0, 1))


def make_venv(session: nox.Session, folder: Path, python: Path) -> None:
    """Make a venv beside the session's own, unless it is there."""
    if not (folder / "bin" / "python").exists():
        session.run("uv", "venv", "--quiet", "--python", str(python), str(folder))


@nox.session
def lint(session: nox.Session) -> None:
    """Style, format, and which room imports which."""
    need(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check types strictly, tests included."""
    need_envbuild(session, "types")
    session.run("mypy", *session.posargs)


def add_tests(minor: str) -> None:
    """Define the session `tests-MINOR`."""

    @nox.session(
        name=f"tests-{minor}", python=str(PYTHONS.get(minor, PYTHONS[FULL])), tags=["tests"]
    )
    def tests(session: nox.Session) -> None:
        """Every test that does not take minutes, or on further Pythons those that depend on it."""
        if minor not in PYTHONS and (session.posargs or f"tests-{minor}" in ASKED):
            session.warn(f"this machine has no Python {minor}: these tests run on {FULL} instead")
        elif minor not in PYTHONS:
            session.skip(f"NOT TESTED: this machine has no Python {minor}")
        need_envbuild(session, "test")
        whole = minor == FULL or minor not in PYTHONS
        marked = "not slow" if whole else "not slow and not index"
        everywhere = () if whole else EVERYWHERE
        session.run("pytest", *SIDE_BY_SIDE, "-m", marked, *everywhere, *session.posargs)


for version in VERSIONS:
    add_tests(version)


@nox.session(python=str(PYTHONS[FULL]))
def slow(session: nox.Session) -> None:
    """Run the tests that take minutes."""
    need_envbuild(session, "test")
    session.run("pytest", "-m", "slow", *session.posargs)


@nox.session(python=str(PYTHONS[FULL]))
def properties(session: nox.Session) -> None:
    """Try ten thousand new examples of each property; each counterexample becomes an `@example`."""
    need_envbuild(session, "test")
    env = {"ENVBUILD_EXAMPLES": os.environ.get("ENVBUILD_EXAMPLES", "10000")}
    session.run("pytest", "tests/property", *session.posargs, env=env)


@nox.session(python=str(PYTHONS[FULL]))
def faults(session: nox.Session) -> None:
    """Try every fault as often as is promised, and write docs/reliability.md; needs root for disks."""
    need_envbuild(session, "test")
    env = {"ENVBUILD_FAULTS": "full", "ENVBUILD_FAULTS_REPORT": str(ROOT / "docs/reliability.md")}
    session.run("pytest", "tests/faults", *session.posargs, env=env)


@nox.session(python=str(PYTHONS[FULL]))
def filesystems(session: nox.Session) -> None:
    """Try every verb with the store on other file systems; needs root for mounts.

    What makes and mounts them is the system's, and it is said which are missing:
    apt-get install xfsprogs btrfs-progs exfat-fuse exfatprogs fuse-overlayfs strace
    """
    need_envbuild(session, "test")
    tests = ("tests/filesystems", "tests/faults/test_overlay.py")
    session.run("pytest", "-n", "2", "-rs", *tests, *session.posargs)


@nox.session(python=str(PYTHONS[FULL]))
def fuzz(session: nox.Session) -> None:
    """Hunt for declarations and lockfiles that break a reading verb, an hour long; `-- --minutes N`.

    What is found is kept in tests/security/corpus, which the tests replay.
    """
    need_envbuild(session, "test")
    session.run("python", "-m", "tests.security.fuzz", *session.posargs)


@nox.session(python=str(PYTHONS[FULL]))
def bench(session: nox.Session) -> None:
    """Measure against uv, pip and others, and write docs/performance.md; `-- --help` tells more."""
    need_envbuild(session, "bench")
    session.run("python", "-m", "scripts.bench", *session.posargs)


@nox.session(python=str(PYTHONS[FULL]))
def realworld(session: nox.Session) -> None:
    """Lock and build the repository's whole fleet, some 10 GB, and start vllm; real sources of all kinds.

    A host that does not reach github.com or torch's own index says where its copies are:
    $ENVBUILD_SOURCE_PLUGGY, and $ENVBUILD_INDEX_TORCH_CPU_URL and _FORMAT with $ENVBUILD_REALWORLD_TORCH_PYTHON.
    """
    need_envbuild(session, "test")
    tests = [f"tests/realworld/test_{name}.py" for name in ("fleet", "builds", "sources")]
    session.run("pytest", "--realworld", "-s", *tests, *session.posargs)


@nox.session(python=str(PYTHONS[FULL]))
def differential(session: nox.Session) -> None:
    """Hold fifty real applications and the CPU fleet against uv and pip, and build the fleet in every way."""
    need_envbuild(session, "test")
    session.install("pip>=26")
    tests = [
        f"tests/realworld/test_{name}.py"
        for name in ("applications", "cross_check", "same_content")
    ]
    session.run("pytest", "--realworld", *tests, *session.posargs)


SERVERS = {
    "devpi-server": ("devpi-server", "setuptools<81"),
    "bandersnatch": ("bandersnatch",),
    "keyring": ("keyring", "keyrings.alt"),
}
"""The venv of each index server, and of the keyring; devpi needs what newer setuptools have dropped."""


@nox.session(python=str(PYTHONS[FULL]))
def indexes(session: nox.Session) -> None:
    """Lock and sync against index servers, proxies and a keyring of others; prints each one's version and result.

    devpi, bandersnatch and keyring are installed; the others are the system's, and it is said which are missing:
    apt-get install nginx-light squid tinyproxy-bin microsocks dante-server openssl openssh-server
    (Pulp is left out: it takes a PostgreSQL and a Redis of its own.)
    """
    need_envbuild(session, "test")
    venvs = Path(session.virtualenv.location).resolve() / "servers"
    for name, packages in SERVERS.items():
        make_venv(session, venvs / name, PYTHONS[FULL])
        install = ("uv", "pip", "install", "--quiet", "--python", str(venvs / name))
        session.run(*install, *packages)
    env = {"ENVBUILD_INDEX_SERVERS": str(venvs)}
    session.run("pytest", "-n", "2", "tests/indexes/servers", *session.posargs, env=env)


@nox.session(python=str(PYTHONS[FULL]))
def fleet(session: nox.Session) -> None:
    """Publish to a real registry and follow it, with everything that can break on the way.

    The servers are the system's, and it is said which are missing:
    apt-get install docker-registry skopeo nginx-light apache2-utils openssh-client podman crun faketime
    apt-get install openssh-server iproute2 prometheus prometheus-node-exporter
    """
    need_envbuild(session, "test", "fleet")
    env = {"ENVBUILD_FLEET": "1"}
    session.run("pytest", "-n", "2", "tests/fleet", *session.posargs, env=env)


@nox.session(python=str(PYTHONS[FULL]))
def site(session: nox.Session) -> None:
    """Build the documentation into site/, and look at every page in a browser.

    The browser is the system's: apt-get install chromium
    """
    need_envbuild(session, "test", "site")
    session.run("mkdocs", "build", "--quiet", env={"NO_MKDOCS_2_WARNING": "1"})
    session.run("pytest", "tests/site", *session.posargs, env={"ENVBUILD_SITE": str(ROOT / "site")})


@nox.session(python=str(PYTHONS[FULL]))
def shells(session: nox.Session) -> None:
    """Type into bash, zsh and fish, and build wheels from a clone, with and without tags, and from an sdist.

    The shells are the system's, and it is said which are missing: apt-get install zsh fish man-db
    """
    need_envbuild(session, "test")
    session.install("taplo")
    env = {"ENVBUILD_SHELLS": "1"}
    session.run("pytest", "tests/shells", *session.posargs, env=env)


LAUNCHERS = {
    "gpumod": ("gpumod",),
    "xinference": (
        *("xoscar", "uv", "click<8.2", "orjson", "nvidia-ml-py", "pydantic", "requests", "aiohttp"),
        *("tqdm", "tabulate", "setproctitle", "fastapi<0.137", "huggingface-hub", "pillow"),
        *("httpx", "openai"),
    ),
}
"""Each launcher's venv.

Of Xinference the command line and the code of its environments are imported, not its engines,
so it comes without its own dependencies, which are some gigabytes.
"""


@nox.session(python=str(PYTHONS[FULL]))
def launchers(session: nox.Session) -> None:
    """Install launchers from their registry and let their own code read what envbuild exports.

    podman's generator, systemd and what boots a Debian are the system's, and it is said which are missing:
    apt-get install podman systemd systemd-container debootstrap openssh-client
    """
    need_envbuild(session, "test", "launchers")
    tools = Path(session.virtualenv.location).resolve() / "launchers"
    newest = max(PYTHONS, key=lambda minor: int(minor.split(".")[1]))
    for name, packages in LAUNCHERS.items():
        if name == "gpumod" and newest == "3.11":
            session.warn("NOT TESTED against gpumod: it needs Python 3.12, which is not here")
            continue
        make_venv(session, tools / name, PYTHONS.get("3.12", PYTHONS[newest]))
        install = ("uv", "pip", "install", "--quiet", "--python", str(tools / name))
        session.run(*install, *packages)
        if name not in packages:
            session.run(*install, "--no-deps", name)
    env = {"ENVBUILD_LAUNCHER_TOOLS": str(tools)}
    session.run("pytest", "tests/launchers", *session.posargs, env=env)
