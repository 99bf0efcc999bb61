"""The index router, met by a real uv: a bound name comes from its own index and from nowhere else."""

from __future__ import annotations

import os
import tomllib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import urllib3

from envbuild.index.answer import Fault
from envbuild.index.inner_metadata import InnerMetadataReader
from envbuild.index.reader import IndexClient
from envbuild.index.router import IndexRouter
from envbuild.index.uv_indexes import UvIndexes
from envbuild.posix.process import Command, SystemRunner, scrubbed_environment
from envbuild.uv.executable import base_arguments, uv_executable
from tests.support.fault_proxy import Change, FaultProxy, Hang, Reset, Status, Truncate
from tests.support.index_server import IndexServer, Offer
from tests.support.indexes import locations
from tests.support.pypiserver_process import run_pypiserver
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from envbuild.index.locations import IndexLocations
    from envbuild.index.router_server import Served
    from envbuild.posix.process import Completed
    from tests.support.fault_proxy import Fault as Injected

APP = Wheel(name="app", requires=("acme-core", "lib"))
LIB = Wheel(name="lib", files={"lib/data": os.urandom(3 << 20)})
CORE = Wheel(name="acme-core", version="1.0", requires=("acme-base>=1",))
BASE = Wheel(name="acme-base", version="1.5", files={"acme_base/data": os.urandom(3 << 20)})
EVIL = (Wheel(name="acme-core", version="99.0"), Wheel(name="acme-base", version="99.0"))


class Uv:
    """A real uv over indexes."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder = folder
        self.python = str(python)

    @contextmanager
    def over(self, places: IndexLocations, *, hashes: bool = True) -> Generator[UvIndexes]:
        """What uv is told of these places."""
        with (
            IndexClient(os.environ, read_timeout=1) as client,
            UvIndexes(
                places,
                client,
                InnerMetadataReader(client),
                os.environ,
                secret_file=self.folder / "router",
                hashes=hashes,
            ) as indexes,
        ):
            yield indexes

    def resolve(self, indexes: UvIndexes, *requires: str, more: tuple[str, ...] = ()) -> Completed:
        """Resolve to `pylock.toml`."""
        (self.folder / "in.txt").write_text("\n".join(requires))
        options = ("--only-binary", ":all:", "--format", "pylock.toml", "--python", self.python)
        return self._run(indexes, "compile", *options, "--no-header", *more, "in.txt")

    def versions(self, indexes: UvIndexes, *requires: str, more: tuple[str, ...] = ()) -> list[str]:
        """What a resolution that must succeed chose, as `name version`."""
        done = self.resolve(indexes, *requires, more=more)
        assert done.code == 0, done.stderr
        packages = tomllib.loads(done.stdout)["packages"]
        return [f"{package['name']} {package['version']}" for package in packages]

    def install(self, indexes: UvIndexes, *wheels: Wheel) -> Completed:
        """Install wheels with their hashes into a folder."""
        lines = (f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}" for wheel in wheels)
        (self.folder / "pins.txt").write_text("\n".join(lines))
        options = ("--require-hashes", "--no-deps", "--python", self.python, "--target", "out")
        return self._run(indexes, "install", *options, "-r", "pins.txt")

    def _run(self, indexes: UvIndexes, verb: str, *arguments: str) -> Completed:
        argv = (uv_executable(), "pip", verb, *base_arguments(), "--cache-dir", "cache", *arguments)
        env = scrubbed_environment(os.environ, **indexes.environment())
        command = Command(argv=argv, env=env, cwd=str(self.folder), timeout=60)
        return SystemRunner().run(command)


@pytest.fixture
def uv(scratch: Path, python: Path) -> Uv:
    """uv with a cache of its own."""
    (scratch / "uv").mkdir()
    return Uv(scratch / "uv", python)


@pytest.fixture
def internal() -> Iterator[IndexServer]:
    """The index that `acme-*` is bound to."""
    with IndexServer([CORE, BASE]) as server:
        yield server


@pytest.fixture
def bound(index: IndexServer, internal: IndexServer) -> IndexLocations:
    """`acme-*` from `internal`, and a default index that would have newer ones."""
    index.add(APP, LIB, *EVIL)
    return locations(index.url, internal=(internal.url, "acme-*"))


def test_bound_names_come_from_their_own_index(
    uv: Uv, index: IndexServer, bound: IndexLocations
) -> None:
    """Promise 3, resolving: the default index is never asked for a bound name, direct or not."""
    with uv.over(bound) as indexes:
        assert uv.versions(indexes, "app") == [
            "acme-base 1.5",
            "acme-core 1.0",
            "app 1.0",
            "lib 1.0",
        ]
        assert indexes.bad_answers == ()
    assert not index.asked("acme")


def test_bound_files_are_installed_from_their_own_index(
    uv: Uv, index: IndexServer, bound: IndexLocations
) -> None:
    """Promise 3, installing: the same, with hashes, and large files come through whole."""
    with uv.over(bound, hashes=False) as indexes:
        done = uv.install(indexes, APP, LIB, CORE, BASE)
    assert done.code == 0, done.stderr
    assert (uv.folder / "out/acme_base/data").read_bytes() == BASE.files["acme_base/data"]
    assert not index.asked("acme")


@pytest.mark.parametrize("code", [401, 403, 404, 410, 429, 500, 503])
def test_a_bound_name_comes_from_nowhere_else_whatever_happens(
    uv: Uv, index: IndexServer, internal: IndexServer, code: int
) -> None:
    """An index that does not give a bound package ends the resolution, and at once."""
    index.add(APP, LIB, *EVIL)
    with FaultProxy(internal.url) as proxy:
        proxy.inject("/acme-core/", Status(code=code))
        with uv.over(locations(index.url, internal=(proxy.url, "acme-*"))) as indexes:
            done = uv.resolve(indexes, "app")
            answers = indexes.bad_answers
    assert done.code != 0
    assert [answer.package for answer in answers] == ["acme-core"]
    assert not index.asked("acme")


@pytest.mark.parametrize(
    ("injected", "fault"),
    [
        (Hang(), Fault.TIMED_OUT),
        (Reset(), Fault.UNREACHABLE),
        (Truncate(after=20), Fault.TRUNCATED),
    ],
    ids=str,
)
def test_what_an_index_did_is_kept_for_the_diagnosis(
    uv: Uv, index: IndexServer, internal: IndexServer, injected: Injected, fault: Fault
) -> None:
    """uv learns only that it is over; the router keeps why."""
    index.add(*EVIL)
    with FaultProxy(internal.url) as proxy:
        proxy.inject("/acme-core/", injected)
        with uv.over(locations(index.url, internal=(proxy.url, "acme-*"))) as indexes:
            assert uv.resolve(indexes, "acme-core").code != 0
            assert [answer.fault for answer in indexes.bad_answers] == [fault]
    assert not index.asked("acme")


@pytest.mark.parametrize(
    "offer",
    [
        Offer(json=False),
        Offer(json=False, metadata=False),
        Offer(metadata=False, ranges=False),
        Offer(hashes=False, sizes=False, upload_times=False),
    ],
    ids=["html", "html-without-metadata", "whole-wheels", "few-facts"],
)
def test_every_kind_of_index_can_stand_behind(
    uv: Uv, internal: IndexServer, bound: IndexLocations, offer: Offer
) -> None:
    """HTML or JSON, with and without METADATA, ranges, sizes and hashes: all resolve and install."""
    internal.offer = offer
    with uv.over(bound) as indexes:
        assert uv.versions(indexes, "acme-core") == ["acme-base 1.5", "acme-core 1.0"]
        done = uv.install(indexes, CORE, BASE)
    assert done.code == 0, done.stderr


def test_pypiserver_can_stand_behind(uv: Uv, index: IndexServer, scratch: Path) -> None:
    """uv is served as well where the index is a server of another make."""
    for wheel in (CORE, BASE):
        wheel.write(scratch / "wheels")
    with (
        run_pypiserver(scratch / "wheels") as url,
        uv.over(locations(index.url, internal=(url, "acme-*"))) as indexes,
    ):
        assert uv.versions(indexes, "acme-core") == ["acme-base 1.5", "acme-core 1.0"]
        assert uv.install(indexes, CORE, BASE).code == 0
    assert not index.requests


def test_a_bound_folder(uv: Uv, index: IndexServer, scratch: Path) -> None:
    """Packages can be bound to a folder of wheels; hashes come out, and the default is not asked."""
    for wheel in (CORE, BASE):
        wheel.write(scratch / "wheels")
    index.add(*EVIL)
    with uv.over(locations(index.url, files=(scratch / "wheels", "acme-*"))) as indexes:
        done = uv.resolve(indexes, "acme-core")
        assert CORE.sha256 in done.stdout
        assert uv.install(indexes, CORE, BASE).code == 0
    assert not index.requests


@pytest.mark.parametrize("hashes", [True, False])
def test_a_folder_as_the_default_index(uv: Uv, scratch: Path, hashes: bool) -> None:
    """An air gap: everything comes out of one folder, and nothing else is asked."""
    for wheel in (APP, LIB, CORE, BASE):
        wheel.write(scratch / "wheels")
    with uv.over(locations(scratch / "wheels"), hashes=hashes) as indexes:
        assert set(indexes.environment()) == {
            "UV_DEFAULT_INDEX",
            "UV_HTTP_TIMEOUT",
            "UV_HTTP_RETRIES",
            "NO_PROXY",
            "no_proxy",
        }
        assert len(uv.versions(indexes, "app")) == 4
        assert uv.install(indexes, APP, LIB, CORE, BASE).code == 0
        assert uv.resolve(indexes, "nothing").code != 0
        assert [answer.fault for answer in indexes.bad_answers] == [Fault.NOT_FOUND]


@pytest.mark.parametrize("place", ["folder", "index"])
def test_a_time_limit_takes_nothing_of_unknown_age(
    uv: Uv, index: IndexServer, internal: IndexServer, scratch: Path, place: str
) -> None:
    """What has no upload time is not taken for old, behind the router as before it."""
    before = ("--exclude-newer", "2026-06-01")
    for wheel in (CORE, BASE):
        wheel.write(scratch / "wheels")
    where = scratch / "wheels" if place == "folder" else internal.url
    internal.offer = Offer(upload_times=False)
    with uv.over(locations(index.url, own=(where, "acme-*"))) as indexes:
        assert uv.resolve(indexes, "acme-core", more=before).code == 1
        assert indexes.timeless == ("acme-core",)
    internal.offer = Offer()
    with uv.over(locations(index.url, own=(internal.url, "acme-*"))) as indexes:
        assert len(uv.versions(indexes, "acme-core", more=before)) == 2


def test_a_changed_wheel_is_not_installed(uv: Uv, internal: IndexServer, scratch: Path) -> None:
    """Through the router as without it, another content than the one that is pinned ends it."""
    with FaultProxy(internal.url) as proxy:
        proxy.inject(r"\.whl$", Change())
        with uv.over(locations("http://127.0.0.1:9/", internal=(proxy.url, "acme-*"))) as indexes:
            assert uv.install(indexes, CORE).code != 0
    assert not (uv.folder / "out/acme_core").exists()


def test_a_wheel_that_breaks_off_is_not_installed(uv: Uv, internal: IndexServer) -> None:
    """What breaks off behind the router breaks off before it too, and is kept for the diagnosis."""
    with FaultProxy(internal.url) as proxy:
        proxy.inject(r"\.whl$", Truncate(after=1 << 20))
        with uv.over(locations("http://127.0.0.1:9/", internal=(proxy.url, "acme-*"))) as indexes:
            assert uv.install(indexes, BASE).code != 0
            assert {answer.fault for answer in indexes.bad_answers} == {Fault.TRUNCATED}


def test_credentials_do_not_reach_uv(uv: Uv, index: IndexServer, internal: IndexServer) -> None:
    """The router signs in to the bound index itself; uv knows neither its address nor a password."""
    internal.offer = Offer(login=("me", "s3cret"))
    with uv.over(locations(index.url, internal=(internal.url_with_login, "acme-*"))) as indexes:
        assert len(uv.versions(indexes, "acme-core")) == 2
        assert uv.install(indexes, CORE, BASE).code == 0
        told = " ".join(indexes.environment().values())
        shown = indexes.without_secret(told)
        url = indexes.environment()["UV_DEFAULT_INDEX"]
        words = f"`{url}` lacks `{url}/lib/` and `{indexes.files_url()}/lib/lib-1.0.tar.gz?ab`"
        named = indexes.without_secret(words)
    assert named == "`the index` lacks `the page of lib` and `lib-1.0.tar.gz?ab`"
    assert "s3cret" not in told
    assert (uv.folder / "router").read_text() in told
    assert (uv.folder / "router").read_text() not in shown
    assert str(internal.server_address[1]) not in told


def test_credentials_of_the_default_index_stay_out_of_its_address(
    uv: Uv, index: IndexServer
) -> None:
    """uv repeats addresses in its words, so user and password are told apart from them."""
    index.add(LIB)
    index.offer = Offer(login=("m3", "s3cret"))
    with uv.over(locations(index.url_with_login)) as indexes:
        assert uv.versions(indexes, "lib") == ["lib 1.0"]
        assert uv.install(indexes, LIB).code == 0
        done = uv.resolve(indexes, "nothing")
        assert "s3cret" not in str(indexes.environment())
    assert "s3cret" not in done.stderr
    assert "m3" not in done.stderr


def test_uv_asks_for_each_page_once_a_command(
    uv: Uv, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every uv of a command sees the same index, and asks for nothing twice; the next command sees the new one."""
    asked: list[str] = []
    page, metadata = IndexRouter.page, IndexRouter.metadata

    def counted_page(router: IndexRouter, package: str) -> Served:
        asked.append(package)
        return page(router, package)

    def counted_metadata(router: IndexRouter, package: str, file: str, known: str | None) -> Served:
        asked.append(file)
        return metadata(router, package, file, known)

    monkeypatch.setattr(IndexRouter, "page", counted_page)
    monkeypatch.setattr(IndexRouter, "metadata", counted_metadata)
    index.offer = Offer(metadata_hashes=False, ranges=False)  # nothing vouches for METADATA
    index.add(Wheel(name="lib", version="1.0"))
    for version, newer in (("1.0", "1.1"), ("1.1", "1.2")):
        with uv.over(locations(index.url)) as indexes:
            assert uv.versions(indexes, "lib") == [f"lib {version}"]
            index.add(Wheel(name="lib", version=newer))
            assert uv.versions(indexes, "lib") == [f"lib {version}"]
            assert uv.versions(indexes, "lib<9") == [f"lib {version}"]
        assert asked == ["lib", f"lib-{version}-py3-none-any.whl"]
        asked.clear()


def test_files_are_known_again_in_the_next_run(
    uv: Uv, internal: IndexServer, bound: IndexLocations
) -> None:
    """The router keeps its address, by which uv's cache goes: a wheel is downloaded once."""
    for _ in range(2):
        with uv.over(bound) as indexes:
            assert uv.install(indexes, CORE).code == 0
    assert len(internal.asked(r"\.whl$")) == 1
    assert (uv.folder / "router").stat().st_mode & 0o777 == 0o600


def test_two_routers_at_once(uv: Uv, bound: IndexLocations) -> None:
    """Where the remembered port is taken, another one serves."""
    with uv.over(bound) as first, uv.over(bound) as second:
        assert first.files_url() != second.files_url()
        assert uv.versions(second, "acme-base") == ["acme-base 1.5"]


def test_a_proxy_of_the_user_is_not_between(
    uv: Uv, bound: IndexLocations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host whose way out is a proxy still reaches its own loopback."""
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "somewhere.example")
    with (
        IndexClient({}) as client,
        UvIndexes(
            bound,
            client,
            InnerMetadataReader(client),
            os.environ,
            secret_file=uv.folder / "router",
        ) as indexes,
    ):
        assert indexes.environment()["NO_PROXY"] == "somewhere.example,127.0.0.1"
        assert uv.versions(indexes, "acme-base") == ["acme-base 1.5"]


def test_strangers_get_nothing(uv: Uv, internal: IndexServer, bound: IndexLocations) -> None:
    """Without the secret in the path there is nothing to see."""
    with uv.over(bound) as indexes, urllib3.PoolManager() as pool:
        url = indexes.environment()["UV_DEFAULT_INDEX"]
        origin = "/".join(url.split("/")[:3])
        asked = len(internal.requests)
        strange = [f"{origin}/simple/acme-core/", f"{origin}/{'0' * 32}/simple/acme-core/"]
        strange += [origin, f"{origin}/", f"{url}/", f"{url}/../what/acme-core/x"]
        strange += [f"{url}/../files/acme-core/..%2f..%2fsecret"]
        assert {pool.request("GET", where).status for where in strange} == {404}
        assert len(internal.requests) - asked <= 1
        assert pool.request("GET", f"{url}/acme-core/").status == 200
        assert pool.request("HEAD", f"{url}/acme-core/").data == b""


def test_the_router_ends_with_its_block(uv: Uv, bound: IndexLocations) -> None:
    """Nothing listens any more once the block is left."""
    with uv.over(bound) as indexes:
        url = indexes.environment()["UV_DEFAULT_INDEX"]
    with urllib3.PoolManager(retries=False) as pool, pytest.raises(urllib3.exceptions.HTTPError):
        pool.request("GET", f"{url}/acme-core/")


def test_a_package_that_is_bound_nowhere_comes_through_the_router_too(
    uv: Uv, index: IndexServer
) -> None:
    """What the default index answered to every name is known, and it is asked once for each."""
    index.add(Wheel(name="top", requires=("deep",)))
    with FaultProxy(index.url) as proxy, uv.over(locations(proxy.url)) as indexes:
        proxy.inject("/deep/", Status(code=403))
        assert uv.resolve(indexes, "top").code != 0
        assert uv.resolve(indexes, "top").code != 0
        assert [(a.package, a.fault) for a in indexes.bad_answers] == [("deep", Fault.FORBIDDEN)]
    assert len(index.asked("/simple/top/")) == 1


def test_the_router_starts_with_the_first_that_needs_it(uv: Uv, index: IndexServer) -> None:
    """A command that asks uv for nothing opens no port."""
    with uv.over(locations(index.url)) as indexes:
        assert not (uv.folder / "router").exists()
        assert indexes.bad_answers == ()
        assert indexes.files_url()
        assert (uv.folder / "router").exists()
