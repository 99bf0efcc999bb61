"""`[sources]`: wheels by their URLs, locked without an address, fetched from wherever a host says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers, host_platform
from tests.support.index_server import IndexServer, Offer
from tests.support.wheels import Sdist, Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine

FLASH = Wheel(
    name="flash-attn", version="2.8", requires=("helper",), files={"flash.py": "by = 'url'\n"}
)


@pytest.fixture
def elsewhere(index: IndexServer) -> Iterator[IndexServer]:
    """A web server with wheels that no index of the declaration lists; what they require is in the index."""
    index.add(Wheel(name="helper"))
    with IndexServer([FLASH]) as server:
        yield server


def address(server: IndexServer, wheel: Wheel = FLASH) -> str:
    """Where a server has a wheel."""
    return f"{server.origin}/files/{wheel.filename}"


def declare(url: str, python: str, requires: str = "flash-attn", more: str = "") -> str:
    """One driver with a source."""
    source = f'[sources]\nflash-attn = {{ url = "{url}" }}\n{more}'
    return declare_drivers({"app": [requires]}, python=python, more=source)


def test_a_wheel_by_its_url_is_locked_and_built(
    run_envbuild: CommandLine,
    index: IndexServer,
    elsewhere: IndexServer,
    project: Path,
    python_version: str,
) -> None:
    """No index is asked for it; the lockfile has no address; what it requires comes from the index."""
    index.add(Wheel(name="flash-attn", version="9.0"))
    run_envbuild.declare(declare(address(elsewhere), python_version, "Flash_Attn>=2"))
    run_envbuild("lock", check=True)
    text = (project / "locks/app.toml").read_text()
    assert re.search(r'^sources = \["flash-attn=url:[0-9a-f]{64}"\]$', text, re.MULTILINE)
    assert 'name = "flash-attn"\nversion = "2.8"\nsource = "url"\n' in text
    assert FLASH.sha256 in text
    assert "://" not in text
    run_envbuild("lock", "--check", check=True)
    run_envbuild("sync", check=True)
    site = next((project.parent / "s/current/app").glob("lib/python*/site-packages"))
    assert (site / "flash.py").read_text() == "by = 'url'\n"
    assert not index.asked("flash-attn")
    assert run_envbuild("verify", "--quick").code == 0


def test_a_host_says_where_a_source_is(
    run_envbuild: CommandLine,
    elsewhere: IndexServer,
    project: Path,
    scratch: Path,
    python_version: str,
) -> None:
    """`$ENVBUILD_SOURCE_<NAME>` names a mirror, with a password too, or a folder; the lockfile stays byte for byte."""
    run_envbuild.declare(declare("https://nowhere.invalid/" + FLASH.filename, python_version))
    variable = "ENVBUILD_SOURCE_FLASH_ATTN"
    elsewhere.offer = Offer(login=("me", "secret"))
    mirror = address(elsewhere).replace("://", "://me:secret@").rpartition("/")[0]
    run_envbuild("lock", env={variable: mirror}, check=True)
    first = (project / "locks/app.toml").read_bytes()
    assert b"secret" not in first
    folder = FLASH.write(scratch / "wheels").parent
    for place in (str(folder), str(folder / FLASH.filename), folder.as_uri()):
        (project / "locks/app.toml").unlink()
        run_envbuild("lock", env={variable: place}, check=True)
        assert (project / "locks/app.toml").read_bytes() == first
    run_envbuild("sync", env={variable: str(folder)}, check=True)
    wrong = run_envbuild("lock", "--upgrade", env={variable: "wheels"})
    assert (wrong.code, wrong.stderr.count("error:")) == (2, 1), wrong
    assert (
        f"${variable}: the place of the source of flash-attn is neither a URL nor" in wrong.stderr
    )


def test_a_changed_declaration_is_stale(
    run_envbuild: CommandLine, index: IndexServer, elsewhere: IndexServer, python_version: str
) -> None:
    """Another address, none, or one for another platform: each is a reason in words."""
    index.add(Wheel(name="flash-attn", version="9.0"))
    run_envbuild.declare(declare(address(elsewhere), python_version))
    run_envbuild("lock", check=True)
    other = Wheel(name="flash-attn", version="3.0", requires=("helper",))
    elsewhere.add(other)
    run_envbuild.declare(declare(address(elsewhere, other), python_version))
    stale = run_envbuild("lock", "--check")
    assert (stale.code, "flash-attn is declared differently" in str(stale)) == (1, True), stale
    run_envbuild("lock", check=True)
    run_envbuild.declare(declare_drivers({"app": ["flash-attn"]}, python=python_version))
    gone = run_envbuild("lock", "--check")
    assert (gone.code, "sources: flash-attn is gone" in str(gone)) == (1, True), gone
    run_envbuild("lock", check=True)
    run_envbuild("lock", "--check", check=True)


def test_each_variant_and_platform_has_its_own_wheel(
    run_envbuild: CommandLine,
    index: IndexServer,
    elsewhere: IndexServer,
    project: Path,
    python_version: str,
) -> None:
    """Two wheels of one name for two variants; what has no source comes from the index."""
    index.add(Wheel(name="flash-attn", version="1.5", requires=("helper",)))
    platform = host_platform()
    sources = (
        f'[sources]\nflash-attn = [{{ url = "{address(elsewhere)}", variant = "fast", '
        f'platform = "{platform}" }}]\n'
        '[drivers.app.variants.fast]\naccelerator = { cuda = ">=12" }\n[drivers.app.variants.slow]\n'
    )
    text = declare_drivers({"app": ["flash-attn"]}, python=python_version, more=sources)
    run_envbuild.declare(text)
    run_envbuild("lock", check=True)
    locked = (project / "locks/app.toml").read_text()
    assert f'sources = ["flash-attn/{platform}@fast=url:' in locked
    assert 'version = "2.8"\nsource = "url"' in locked
    assert 'version = "1.5"\nindex = "default"' in locked
    run_envbuild("lock", "--check", check=True)
    run_envbuild("sync", check=True)
    wrong = text.replace('variant = "fast"', 'variant = "quick"')
    run_envbuild.declare(wrong)
    refused = run_envbuild("lock")
    assert refused.code == 2
    assert "'quick' is not a variant of the driver 'app'" in refused.stderr, refused


def test_what_a_source_does_wrong_is_one_message(
    run_envbuild: CommandLine,
    elsewhere: IndexServer,
    project: Path,
    python_version: str,
) -> None:
    """404, a password, and a wheel of another package: exit 4, where it is, and what to do; no lockfile."""
    liar = Wheel(name="flash-attn", version="6.0", files={"x.py": ""})
    elsewhere.add(liar)
    elsewhere.replace(liar.filename, Wheel(name="other", version="6.0").to_bytes())
    missing = address(elsewhere).replace("2.8", "7.0")
    cases = (
        (
            missing,
            Offer(),
            r"the source of flash-attn \(.*\) does not have flash_attn-7.0.* \(404\)",
        ),
        (
            address(elsewhere),
            Offer(login=("me", "secret")),
            r"flash-attn \(.*\) requires a user and a password",
        ),
        (
            address(elsewhere, liar),
            Offer(),
            r"flash_attn-6.0-.* whose content does not match its name",
        ),
        (f"{address(elsewhere)}#sha256={'0' * 64}", Offer(), r"URL says sha256 000000000000"),
    )
    for url, offer, words in cases:
        elsewhere.offer = offer
        run_envbuild.declare(declare(url, python_version))
        failed = run_envbuild("lock")
        assert (failed.code, failed.stderr.count("error:")) == (4, 1), failed
        assert re.search(words, failed.stderr), failed
        assert not (project / "locks/app.toml").exists()


def test_changed_bytes_are_refused(
    run_envbuild: CommandLine,
    elsewhere: IndexServer,
    project: Path,
    python_version: str,
) -> None:
    """At `lock` and at `sync` alike: nothing of it is used until somebody accepts it by name."""
    run_envbuild.declare(declare(address(elsewhere), python_version))
    run_envbuild("lock", check=True)
    before = (project / "locks/app.toml").read_bytes()
    changed = Wheel(name="flash-attn", version="2.8", requires=("helper",), files={"evil.py": ""})
    elsewhere.replace(FLASH.filename, changed.to_bytes())
    failed = run_envbuild("sync")
    assert (failed.code, failed.stderr.count("error:")) == (4, 1), failed
    assert "the source of flash-attn" in failed.stderr, failed
    assert not (project.parent / "s/current").exists()
    run_envbuild.declare(declare(address(elsewhere), python_version, "flash-attn>=2"))
    relock = run_envbuild("lock")
    assert relock.code == 4, relock
    assert "the source of flash-attn has a file flash_attn-2.8" in relock.stderr, relock
    assert (project / "locks/app.toml").read_bytes() == before
    run_envbuild("lock", "--upgrade-package", "flash-attn", check=True)
    assert changed.sha256 in (project / "locks/app.toml").read_text()


def test_netrc_has_the_password_of_a_source(
    run_envbuild: CommandLine,
    elsewhere: IndexServer,
    project: Path,
    isolation: Path,
    python_version: str,
) -> None:
    """Credentials are the host's own: they are in no lockfile and no message."""
    elsewhere.offer = Offer(login=("me", "secret"))
    netrc = isolation / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    run_envbuild.declare(declare(address(elsewhere), python_version))
    done = run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    assert "secret" not in f"{done}{(project / 'locks/app.toml').read_text()}"


def test_a_limit_on_age_does_not_hide_a_source(
    run_envbuild: CommandLine, index: IndexServer, elsewhere: IndexServer, python_version: str
) -> None:
    """Nobody says when a file at a URL was uploaded; who names it, wants it."""
    index.add(Wheel(name="helper"), uploaded="2025-01-01T00:00:00Z")
    text = declare(address(elsewhere), python_version)
    run_envbuild.declare(text.replace("[defaults]", '[defaults]\nexclude-newer = "2025-06-01"'))
    run_envbuild("lock", check=True)


def test_what_is_shown_and_exported_names_the_source(
    run_envbuild: CommandLine,
    elsewhere: IndexServer,
    python_version: str,
) -> None:
    """`show` has the address and its line; exports have the address or say that they cannot; an SBOM has the kind."""
    url = address(elsewhere)
    run_envbuild.declare(declare(url, python_version))
    run_envbuild("lock", check=True)
    assert f'sources.flash-attn = "{url}"' in run_envbuild("show", check=True).stdout
    lines = run_envbuild("export", "requirements", "app", check=True).stdout
    assert f"flash-attn @ {url} \\\n    --hash=sha256:{FLASH.sha256}" in lines
    assert f'url = "{url}"' in run_envbuild("export", "pylock", "app", check=True).stdout
    bill = run_envbuild("export", "cyclonedx", "app", check=True).json
    properties = [one["properties"][0] for one in bill["components"]]
    assert {"name": "envbuild:source", "value": "url"} in properties
    run_envbuild("sync", check=True)
    refused = run_envbuild("export", "llmhop", "app", "--image", "image:1", "--port", "1")
    assert (refused.code, "flash-attn comes from a source" in refused.stderr) == (2, True), refused


def test_a_source_that_nothing_requires_is_a_warning(
    run_envbuild: CommandLine, elsewhere: IndexServer, python_version: str
) -> None:
    """It may be left from before, or misspelt: the lock succeeds and says its line, once for all drivers."""
    text = declare_drivers({"app": ["helper"], "other": ["helper"]}, python=python_version)
    run_envbuild.declare(f'{text}[sources]\nflash-attn = {{ url = "{address(elsewhere)}" }}\n')
    done = run_envbuild("lock", check=True)
    words = "nothing requires flash-attn, whose source is declared on line"
    assert str(done).count(words) == 1, done


def test_an_archive_by_its_url_is_built_once(
    run_envbuild: CommandLine,
    elsewhere: IndexServer,
    project: Path,
    python_version: str,
) -> None:
    """To name it is to allow it: no `allow-sdist` is needed, and its sha256 is locked."""
    archive = Sdist(wheel=Wheel(name="flash-attn", version="3.1", requires=("helper",)))
    elsewhere.add(archive)
    url = f"{elsewhere.origin}/files/{archive.filename}"
    text = declare(url, python_version).replace("[drivers.app]", '[drivers.app]\nbinary = "helper"')
    run_envbuild.declare(text)
    run_envbuild("lock", check=True)
    locked = (project / "locks/app.toml").read_text()
    assert f'name = "{archive.filename}"' in locked
    assert archive.sha256 in locked
    assert 'version = "3.1"\nsource = "url"' in locked
    run_envbuild("sync", check=True)
    assert run_envbuild("verify").code == 0
    run_envbuild("lock", "--check", check=True)
