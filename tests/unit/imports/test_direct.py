"""Requirements by URL and path become a name and a source."""

from __future__ import annotations

import pytest

from envbuild.declaration.toml.table import TextError
from envbuild.imports.direct import is_direct, read_direct

DIGEST = "a" * 64
HOST = "https://git.example.com/team"


def locate(path: str) -> tuple[str, str | None]:
    """Every path is that of the project `svc` below `services`."""
    return f"services/{path.removeprefix('./')}", "svc"


@pytest.mark.parametrize(
    ("text", "requirement", "source"),
    [
        (f"svc @ git+{HOST}/svc.git@v1.4", "svc", {"git": f"{HOST}/svc.git", "rev": "v1.4"}),
        (
            f"Svc_Core[fast]@git+{HOST}/mono#subdirectory=packages/core",
            "svc-core[fast]",
            {"git": f"{HOST}/mono", "subdirectory": "packages/core"},
        ),
        (f"git+{HOST}/svc.git#egg=svc[fast]", "svc[fast]", {"git": f"{HOST}/svc.git"}),
        (
            "git+ssh://git@git.example.com/team/svc.git@feature/x",
            "svc",
            {"git": "ssh://git@git.example.com/team/svc.git", "rev": "feature/x"},
        ),
        (
            f"https://e.example/acme_core-1.0-py3-none-any.whl#sha256={DIGEST}",
            "acme-core",
            {"url": f"https://e.example/acme_core-1.0-py3-none-any.whl#sha256={DIGEST}"},
        ),
        (
            "acme @ https://e.example/acme-1.0.tar.gz ; python_version < '3.13'",
            'acme; python_version < "3.13"',
            {"url": "https://e.example/acme-1.0.tar.gz"},
        ),
        ("./svc[fast]", "svc[fast]", {"path": "services/svc"}),
        (".", "svc", {"path": "services"}),
        ("svc @ file:///srv/a%20b", "svc", {"path": "services//srv/a b"}),
    ],
)
def test_a_place_becomes_a_source(text: str, requirement: str, source: dict[str, str]) -> None:
    """Extras, markers, revisions, folders and digests are kept."""
    assert is_direct(text)
    found = read_direct(text, lambda path: (locate(path)[0].rstrip("/.") or ".", "svc"))
    assert (found.requirement, dict(found.source)) == (requirement, source)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("svc @ https://me:word@e.example/svc-1.0-py3-none-any.whl", "holds no secrets"),
        ("svc @ git+https://me:word@e.example/svc.git", "holds no secrets"),
        ("other @ https://e.example/svc-1.0-py3-none-any.whl", "the file is one of 'svc'"),
        ("svc @ hg+https://e.example/svc", "only git repositories"),
        ("svc @ git+http://e.example/svc.git", "must begin with https://"),
        ("https://e.example/page", "its name cannot be read"),
        ("svc @ ftp://e.example/svc-1.0-py3-none-any.whl", "must begin with https://"),
        ("svc @ git+https://e.example/svc@--upload-pack=x", "is not the name of a revision"),
        ("./svc", "a path cannot be used here"),
    ],
)
def test_what_cannot_be_a_source_is_said(text: str, words: str) -> None:
    """Never with the address, which may have a password."""
    with pytest.raises(TextError, match=words) as raised:
        read_direct(text, None)
    assert "word@" not in str(raised.value)


@pytest.mark.parametrize("text", ["flask", "flask>=1,<2", "a[b]; os_name == 'x/y'", "a.b-c==1.0"])
def test_a_range_is_no_place(text: str) -> None:
    """Markers may have any character."""
    assert not is_direct(text)
