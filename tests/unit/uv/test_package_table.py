"""The packages in an answer of uv: the same however its tables are written, each parsed once."""

from __future__ import annotations

import pytest

from envbuild.resolution.resolution import ListedFile
from envbuild.resolution.tools import ListedPackage
from envbuild.uv.package_table import listed_packages

URL = "http://127.0.0.1:9/files/idna/idna-3.10-py3-none-any.whl"
HEAD = 'lock-version = "1.0"\ncreated-by = "uv"\nrequires-python = ">=3.12"\n'
IDNA = f"""name = "idna"
version = "3.10"
sdist = {{ url = "http://127.0.0.1:9/files/idna/idna-3.10.tar.gz", hashes = {{ sha256 = "ab" }} }}
wheels = [
    {{ url = "{URL}", hashes = {{ sha256 = "cd" }} }},
    {{ name = "idna-3.10-py3-none-any.whl", url = "{URL}", hashes = {{ md5 = "ef" }} }},
]
"""
PACKAGES = (
    ListedPackage(
        name="idna",
        version="3.10",
        files=(
            ListedFile(
                package="idna",
                name="idna-3.10-py3-none-any.whl",
                url=URL,
                hashes=((("sha256", "cd"),), (("md5", "ef"),)),
            ),
            ListedFile(
                package="idna",
                name="idna-3.10.tar.gz",
                url="http://127.0.0.1:9/files/idna/idna-3.10.tar.gz",
                hashes=((("sha256", "ab"),),),
            ),
        ),
    ),
    ListedPackage(name="pip", version="", files=()),
)


@pytest.mark.parametrize(
    "answer",
    [
        f'{HEAD}\n[[packages]]\n{IDNA}\n[[packages]]\nname = "pip"\n',
        f'{HEAD}\n[[ packages ]]\n{IDNA}\n[[ packages ]]\nname = "pip"\n',
        f'[[packages]]\n{IDNA}\n[[packages]]\nname = "pip"\n',
    ],
    ids=["as uv writes it", "with spaces", "without a head"],
)
def test_every_package_is_found(answer: str) -> None:
    """Each has its files once, a file that is listed twice with all its digests."""
    assert listed_packages(answer) == PACKAGES


def test_an_answer_without_packages() -> None:
    """A driver may require nothing."""
    assert listed_packages(HEAD) == ()
