"""Where indexes live: the environment's word before the declaration's, and no password shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.declaration.declaration import Declaration
from envbuild.declaration.index import Index, index_variable
from envbuild.errors import IndexFailureError, UsageError
from envbuild.index.locations import Credentials
from envbuild.index.places import locate_indexes
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.index.locations import IndexLocations

INTERNAL = Index(
    name="in-ternal",
    url="https://declared.example/simple/",
    path=None,
    packages=("acme-*",),
    line=7,
)
FILES = Index(name="files", url=None, path="/srv/wheels", packages=("local",), line=9)
DEFAULT = Index(name="default", url="https://mirror.example/simple", path=None, packages=(), line=3)
UV_DEFAULT = "https://uv.example/simple"


def locate(*indexes: Index, environ: Mapping[str, str] | None = None) -> IndexLocations:
    """The locations of indexes, with an address that only uv would know."""
    declaration = Declaration(file="drivers.toml", digest="", drivers=(), indexes=indexes)
    return locate_indexes(declaration, environ or {}, lambda _: UV_DEFAULT)


def test_declared_places() -> None:
    """An index lives where the declaration says, and serves the packages bound to it."""
    locations = locate(INTERNAL, FILES)
    assert locations.of("acme-core").url == "https://declared.example/simple"
    assert locations.of("local").folder == Path("/srv/wheels")
    assert locations.named("files").packages == ("local",)
    assert [location.name for location in locations.bound] == ["in-ternal", "files"]
    assert locations.of("torch").name == "default"


@pytest.mark.parametrize(
    ("value", "url", "folder"),
    [
        ("http://mirror.example:8080/a/b/", "http://mirror.example:8080/a/b", None),
        ("http://[::1]:8080/simple", "http://[::1]:8080/simple", None),
        ("/srv/air gap", None, "/srv/air gap"),
        ("file:///srv/air%20gap", None, "/srv/air gap"),
        ("file://localhost/srv", None, "/srv"),
    ],
)
def test_the_environment_goes_first(value: str, url: str | None, folder: str | None) -> None:
    """`$ENVBUILD_INDEX_<NAME>_URL` re-points an index to a URL or a folder; its packages stay."""
    located = locate(INTERNAL, environ={"ENVBUILD_INDEX_IN_TERNAL_URL": value}).of("acme-core")
    assert located.url == url
    assert located.folder == (Path(folder) if folder else None)
    assert located.packages == ("acme-*",)


def test_several_places_are_mirrors() -> None:
    """Blanks stand between them; each has its own user, and they serve the same packages."""
    text = " https://a:one@a.example/simple/  http://b.example:81/x\nhttps://c:two@c.example "
    located = locate(INTERNAL, environ={"ENVBUILD_INDEX_IN_TERNAL_URL": text}).of("acme-core")
    places = located.places
    assert [place.url for place in places] == [
        "https://a.example/simple",
        "http://b.example:81/x",
        "https://c.example",
    ]
    known = [place.credentials for place in places]
    assert [who and who.password for who in known] == ["one", None, "two"]
    assert places[2].authorization("https://a.example/simple/x") is None
    assert {place.packages for place in places} == {("acme-*",)}
    assert not located.has_pages
    assert all(place.has_pages for place in places)


def test_netrc_knows_each_mirror(tmp_path: Path) -> None:
    """The user of one host is not that of another."""
    netrc = tmp_path / "netrc"
    netrc.write_text(
        "machine a.example login me password one\nmachine b.example login you password two\n"
    )
    environ = {
        "NETRC": str(netrc),
        "ENVBUILD_INDEX_DEFAULT_URL": "https://a.example/simple https://b.example/simple",
    }
    found = [place.credentials for place in locate(environ=environ).default.places]
    assert found == [
        Credentials(user="me", password="one"),
        Credentials(user="you", password="two"),
    ]


def test_the_form_of_an_index() -> None:
    """The declaration says it, a host's variable goes first; a flat page keeps its last slash."""
    links = replace(INTERNAL, url="https://declared.example/wheels/", format="flat")
    declared = locate(links).of("acme-core")
    assert (declared.url, declared.is_flat) == ("https://declared.example/wheels/", True)
    environ = {"ENVBUILD_INDEX_IN_TERNAL_FORMAT": "simple"}
    here = locate(links, environ=environ).of("acme-core")
    assert (here.url, here.is_flat) == ("https://declared.example/wheels", False)
    assert locate(FILES).of("local").is_flat
    assert not locate(replace(FILES, format="simple")).of("local").is_flat
    with pytest.raises(UsageError, match=r"\$ENVBUILD_INDEX_FILES_FORMAT: 'html' is not a format"):
        locate(FILES, environ={"ENVBUILD_INDEX_FILES_FORMAT": "html"})


def test_default_is_left_to_uv_until_it_is_needed() -> None:
    """uv is asked for its own default index once, and only when somebody needs the address."""
    asked: list[str] = []

    def learn(_: str | None) -> str:
        asked.append("")
        return f"{UV_DEFAULT}/"

    declaration = Declaration(file="d", digest="", drivers=(), indexes=())
    locations = locate_indexes(declaration, {}, learn)
    assert locations.declared_default is None
    assert not asked
    assert {locations.default.url, locations.of("six").url} == {UV_DEFAULT}
    assert len(asked) == 1


def test_default_that_is_declared_or_set() -> None:
    """The default index can be declared, and re-pointed like any other."""
    assert locate(DEFAULT).default.url == "https://mirror.example/simple"
    environ = {"ENVBUILD_INDEX_DEFAULT_URL": "/srv/wheels"}
    for indexes in ((DEFAULT,), ()):
        declared = locate(*indexes, environ=environ).declared_default
        assert declared is not None
        assert declared.folder == Path("/srv/wheels")
        assert declared.url is None


def test_an_empty_variable_says_nothing() -> None:
    """An empty override is as good as none."""
    locations = locate(INTERNAL, environ={index_variable("in-ternal"): ""})
    assert locations.of("acme-a").url == "https://declared.example/simple"


def test_credentials_are_taken_out_and_never_shown() -> None:
    """User and password leave the URL, decoded; neither `repr` nor `place` has them."""
    environ = {"ENVBUILD_INDEX_DEFAULT_URL": "https://us%40er:s3%3Acret@host.example/simple"}
    located = locate(environ=environ).default
    assert located.url == "https://host.example/simple"
    assert located.place == "host.example"
    assert located.credentials == Credentials(user="us@er", password="s3:cret")
    assert "s3" not in repr(located)
    assert "us@er" not in repr(located)


def test_credentials_go_to_their_own_origin_only() -> None:
    """Another host, another port and plain HTTP get no `Authorization`."""
    environ = {"ENVBUILD_INDEX_DEFAULT_URL": "https://me:pw@host.example/simple"}
    located = locate(environ=environ).default
    assert located.authorization("https://host.example/files/x.whl") == "Basic bWU6cHc="
    assert located.authorization("https://host.example:443/x") == "Basic bWU6cHc="
    for other in ("http://host.example/x", "https://host.example:444/x", "https://h.example/x"):
        assert located.authorization(other) is None


@pytest.mark.parametrize(
    "value",
    [
        "wheels",
        "./wheels",
        "ftp://host.example/simple",
        "s3://bucket",
        "http://",
        "https:///simple",
        "http://host:port/simple",
        "http://me:s3cret@host:99999/simple",
        "http://me:s3cret@ho st/simple",
        "https://host/simple?token=s3cret",
        "https://host/simple#s3cret",
        "file://host/srv",
        "http://[::1/simple",
        "http://host/simple /srv/wheels",
        "http://host/simple http://me:s3cret@host:port/simple",
    ],
)
def test_a_bad_override_names_its_variable(value: str) -> None:
    """What is no place is exit 2, names the variable and does not repeat a possible password."""
    with pytest.raises(UsageError) as caught:
        locate(environ={"ENVBUILD_INDEX_DEFAULT_URL": value})
    said = str(caught.value)
    assert caught.value.exit_code == 2
    assert said.startswith("$ENVBUILD_INDEX_DEFAULT_URL: the place of index 'default' ")
    assert "hint: give an http(s) URL" in said
    assert "s3cret" not in said


def test_every_bad_place_is_said_at_once() -> None:
    """A declared place that is none is named by its line, beside bad overrides."""
    bad = Index(name="bad", url="gopher://x/", path=None, packages=("x",), line=12)
    with pytest.raises(UsageError) as caught:
        locate(bad, environ={"ENVBUILD_INDEX_DEFAULT_URL": "nowhere"})
    assert [problem.key for problem in caught.value.problems] == [
        "index.bad",
        "$ENVBUILD_INDEX_DEFAULT_URL",
    ]
    assert str(caught.value).startswith("drivers.toml:12: index.bad: ")


@pytest.mark.parametrize("variable", ["NETRC", "HOME"])
def test_netrc_fills_in(tmp_path: Path, variable: str) -> None:
    """Credentials for a host come from the netrc file where the URL has none."""
    path = tmp_path / ".netrc"
    path.write_text("machine declared.example login me password s3cret\n")
    environ = {variable: str(path if variable == "NETRC" else tmp_path)}
    locations = locate(INTERNAL, environ=environ)
    assert locations.of("acme-a").credentials == Credentials(user="me", password="s3cret")
    assert locations.default.credentials is None


def test_a_url_knows_better_than_netrc(tmp_path: Path) -> None:
    """Credentials in the URL go before those of the netrc file."""
    path = tmp_path / "netrc"
    path.write_text("default login other password other\n")
    environ = {"NETRC": str(path), "ENVBUILD_INDEX_DEFAULT_URL": "https://me:pw@h.example/s"}
    locations = locate(INTERNAL, environ=environ)
    assert locations.default.credentials == Credentials(user="me", password="pw")
    assert locations.of("acme-a").credentials == Credentials(user="other", password="other")


def test_netrc_of_another_host_goes_nowhere_else_and_not_in_clear(tmp_path: Path) -> None:
    """Who we are at a host of files is told to that host alone, and not over http where the index is on https."""
    path = tmp_path / "netrc"
    path.write_text("machine files.example login me password s3cret\n")
    index = locate(INTERNAL, environ={"NETRC": str(path)}).of("acme-core")
    assert index.authorization("https://files.example/a.whl")
    assert index.authorization("https://other.example/a.whl") is None
    assert index.authorization("http://files.example/a.whl") is None


def test_a_user_in_the_url_gets_his_password_from_netrc(tmp_path: Path) -> None:
    """Nobody else's."""
    path = tmp_path / "netrc"
    path.write_text("machine mirror.example login kim password s3cret\n")
    for user, known in (("kim", "s3cret"), ("eve", None)):
        place = f"https://{user}@mirror.example/simple"
        environ = {"NETRC": str(path), "ENVBUILD_INDEX_DEFAULT_URL": place}
        found = locate(environ=environ).default.credentials
        assert found is not None
        assert (found.user, found.password) == (user, known)


def test_a_broken_netrc_is_named_by_line_without_its_secrets(tmp_path: Path) -> None:
    """A netrc file that cannot be parsed is exit 4 with file, line, index and host, and repeats nothing of it."""
    path = tmp_path / "netrc"
    path.write_text("machine a login b password c\ns3cret whatever\n")
    with pytest.raises(IndexFailureError, match="cannot be parsed") as caught:
        locate(INTERNAL, environ={"NETRC": str(path)})
    said = str(caught.value)
    assert said.startswith(f"{path}:2: the netrc file, which index 'in-ternal' (declared.example)")
    assert "s3cret" not in said


@pytest.mark.parametrize("place", ["https://h.example/s", "https://me:pw@h.example/s"])
def test_an_unreadable_netrc_is_named(tmp_path: Path, place: str) -> None:
    """A `~/.netrc` that is there counts, or it is said why not: before anything is asked, whatever the URL holds."""
    (tmp_path / ".netrc").mkdir()
    environ = {"HOME": str(tmp_path), "ENVBUILD_INDEX_DEFAULT_URL": place}
    with pytest.raises(IndexFailureError, match=r"index 'default' \(h\.example\) needs: Is a dir"):
        locate(environ=environ)
    (tmp_path / ".netrc").rmdir()
    (tmp_path / ".netrc").write_bytes(b"machine \xff\xfe login x")
    with pytest.raises(IndexFailureError, match=r"\.netrc: cannot read .*: it is not text"):
        locate(environ=environ)


def test_a_missing_netrc_counts_only_where_it_was_asked_for(tmp_path: Path) -> None:
    """No `~/.netrc` is the usual case; a `$NETRC` that is not there is a mistake."""
    assert locate(INTERNAL, environ={"HOME": str(tmp_path)}).of("acme-a").credentials is None
    with pytest.raises(UsageError, match=r"that \$NETRC names: No such file"):
        locate(INTERNAL, environ={"NETRC": str(tmp_path / "none")})


def test_a_keyring_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    """As is a kind of keyring that envbuild does not know."""
    environ = {"ENVBUILD_INDEX_DEFAULT_URL": "https://kim@mirror.example/simple"}
    environ |= {"ENVBUILD_KEYRING": "subprocess", "PATH": str(tmp_path)}
    with pytest.raises(UsageError, match="needs the program keyring, which is not on PATH"):
        locate(environ=environ)
    with pytest.raises(UsageError, match="KEYRING: is 'import', but must be 'subprocess'"):
        locate(environ=environ | {"ENVBUILD_KEYRING": "import"})
    assert locate(environ=environ | {"ENVBUILD_KEYRING": "disabled"}).default.url
