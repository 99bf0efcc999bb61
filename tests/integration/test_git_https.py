"""A git source over https: whom it trusts, who asks, where it is led, and what a message says of each."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.git_server import GitServer, git_variables, need_http_backend
from tests.support.git_sources import declare, locked, refused, repository
from tests.support.https import certify
from tests.support.repository import commit, git
from tests.support.svc_project import write_project
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

__all__ = ["repository"]


@pytest.fixture
def server(repository: Path, scratch: Path) -> Iterator[GitServer]:
    """git over TLS, with a certificate of an authority of its own."""
    need_http_backend()
    (scratch / "ca").mkdir()
    certify(scratch / "ca")
    with GitServer(repository.parent, scratch / "ca") as found:
        yield found


@pytest.fixture
def lock(
    run_envbuild: CommandLine, index: IndexServer, server: GitServer, python_version: str
) -> CommandLine:
    """The command line whose driver has the repository as a source."""
    index.add(Wheel(name="helper"))
    declare(run_envbuild, python_version, f"{server.origin}/svc/.git")
    return run_envbuild


def test_the_authority_is_the_one_that_envbuild_trusts(
    lock: CommandLine, repository: Path, scratch: Path, project: Path
) -> None:
    """`$SSL_CERT_FILE`, or a folder with any file name in `$SSL_CERT_DIR`; another one is refused, git's own counts."""
    words = "this host does not trust its server's certificate, or it belongs to another server"
    (scratch / "other").mkdir()
    wrong = certify(scratch / "other")
    refused(lock("lock", env=git_variables(SSL_CERT_FILE=str(wrong))), 4, words, project)
    empty = scratch / "empty.pem"
    empty.write_text("no certificate")
    none = lock("lock", env=git_variables(SSL_CERT_FILE=str(empty)))
    refused(none, 4, "no certificate can be read in $SSL_CERT_FILE", project)
    right = scratch / "ca/ca.pem"
    lock("lock", env=git_variables(SSL_CERT_FILE=str(right)), check=True)
    assert locked(project)[0] == git(repository, "rev-parse", "HEAD")
    folder = scratch / "folder"
    folder.mkdir()
    right.rename(folder / "any-name")
    env = git_variables(SSL_CERT_DIR=str(folder))
    write_project(repository, svc__py="x = 2\n")
    second = commit(repository, "two")
    lock("lock", "--upgrade", env=env, check=True)
    assert locked(project)[0] == second
    before = git_variables(SSL_CERT_FILE=str(wrong), GIT_SSL_CAINFO=str(folder / "any-name"))
    offline = lock("sync", "--offline", env=before)
    assert (offline.code, offline.stderr.count("error:")) == (4, 1), offline
    assert "is not here at the locked commit, and nothing is downloaded offline" in offline.stderr
    lock("sync", env=before, check=True)


def test_a_password_is_for_one_server_alone(
    lock: CommandLine,
    server: GitServer,
    isolation: Path,
    repository: Path,
    scratch: Path,
    project: Path,
) -> None:
    """From netrc, or in the host's variable; in no lockfile, no message, no log, and no command line that is shown."""
    env = git_variables(SSL_CERT_FILE=str(scratch / "ca/ca.pem"))
    server.lets_in("me", "s3cret")
    asks = "its server requires a login, or refuses the given one"
    refused(lock("lock", env=env), 4, asks, project)
    netrc = scratch / "passwords"
    netrc.write_text("machine 127.0.0.1 login me password s3cret\n")
    netrc.chmod(0o600)
    done = lock("lock", "-vv", env={**env, "NETRC": str(netrc)}, check=True)
    text = (project / "locks/app.toml").read_text()
    assert "s3cret" not in f"{done}{text}"
    place = server.origin.removeprefix("https://")
    own = {**env, "ENVBUILD_SOURCE_SVC": f"https://me:s3cret@{place}/svc/.git"}
    said = lock("lock", "--upgrade", "-vv", env=own, check=True)
    assert "s3cret" not in str(said)
    assert (project / "locks/app.toml").read_text() == text
    wrong = {**env, "ENVBUILD_SOURCE_SVC": f"https://me:wr0ng@{place}/svc/.git"}
    failed = lock("lock", "--upgrade", env=wrong)
    assert (failed.code, failed.stderr.count("error:")) == (4, 1), failed
    assert asks in failed.stderr
    assert "$ENVBUILD_SOURCE_SVC" in failed.stderr
    assert "wr0ng" not in str(failed)
    left = subprocess.run(
        ("grep", "-rlE", "s3cret|wr0ng", isolation, project, scratch / "s"), capture_output=True
    )
    assert not left.stdout, left


@pytest.mark.slow
def test_a_redirect_takes_no_password_along(
    lock: CommandLine, server: GitServer, repository: Path, scratch: Path, project: Path
) -> None:
    """To another host; to this host's files it leads nobody."""
    env = git_variables(SSL_CERT_FILE=str(scratch / "ca/ca.pem"))
    place = server.origin.removeprefix("https://")
    env |= {"ENVBUILD_SOURCE_SVC": f"https://me:s3cret@{place}/svc/.git"}
    words = "its server redirects to an address that is neither https: nor ssh:"
    for elsewhere in ("file://", "http://127.0.0.1:9", "ext::sh -c touch% x"):
        server.leads_to = elsewhere if elsewhere != "file://" else f"file://{repository.parent}"
        result = lock("lock", env=env)
        refused(result, 4, words, project)
    with GitServer(repository.parent, scratch / "ca") as other:
        other.lets_in("me", "s3cret")
        server.leads_to = other.origin
        refused(lock("lock", env=env), 4, "its server requires a login", project)
        assert other.requests
        assert not any("authorization" in one.headers for one in other.requests)


@pytest.mark.slow
def test_what_a_server_does_not_have_is_one_message(
    lock: CommandLine, server: GitServer, scratch: Path, project: Path, python_version: str
) -> None:
    """404, a revision that is not there, nobody at the port, and a server that says nothing."""
    env = git_variables(SSL_CERT_FILE=str(scratch / "ca/ca.pem"))
    declare(lock, python_version, f"{server.origin}/other/.git")
    refused(
        lock("lock", env=env), 4, "there is no such repository, or you may not read it", project
    )
    for kind, words in (("tag", "has no tag 'v9'"), ("branch", "has no branch 'v9'")):
        declare(lock, python_version, f"{server.origin}/svc/.git", f', {kind} = "v9"')
        refused(lock("lock", env=env), 4, words, project)
    server.silent = True
    quick = {**env, "GIT_HTTP_LOW_SPEED_TIME": "1", "GIT_HTTP_LOW_SPEED_LIMIT": "1"}
    refused(lock("lock", env=quick), 4, "its server does not answer", project)
    server.stop()
    refused(lock("lock", env=env), 4, "cannot be fetched", project)
