"""What an environment is built from again: which receipt is believed, and where files come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from envbuild.build.builder import new_receipt
from envbuild.declaration.index import Index, bound_index
from envbuild.environment.content_digest import Contents
from envbuild.errors import UsageError
from envbuild.store.rebuild import bind_indexes, wanted_again
from envbuild.value import replace
from tests.support.values import PYTHON, make_declaration, make_driver, make_package, make_wanted

if TYPE_CHECKING:
    from envbuild.environment.receipt import Receipt
    from envbuild.store.plan import Wanted

NOTHING = Contents(files=(), links=(), folders=())
WANTED = make_wanted(
    make_driver("asr", env=(("A", "1"),)),
    make_package("asr"),
    make_package("base-lib", "1!2.0+cu1"),
)
RECEIPT = new_receipt(WANTED, NOTHING)


def again(receipt: Receipt) -> Wanted | None:
    """What the receipt comes to."""
    return wanted_again(receipt, name=WANTED.environment, key=WANTED.key)


def test_what_was_wanted_is_wanted_again() -> None:
    """All that decides an environment's content comes back out of its receipt."""
    found = again(RECEIPT)
    assert found is not None
    assert (found.environment, found.key, found.target) == (
        WANTED.environment,
        WANTED.key,
        WANTED.target,
    )
    assert found.files == WANTED.files
    assert (found.driver.name, found.driver.env, found.driver.bytecode) == (
        "asr",
        (("A", "1"),),
        True,
    )
    assert replace(found.interpreter, size=PYTHON.size, mtime_ns=PYTHON.mtime_ns) == PYTHON
    assert new_receipt(found, NOTHING).derivation == RECEIPT.derivation


def changed(**changes: Any) -> Receipt:
    """The receipt with a derivation that says something else."""
    return replace(RECEIPT, derivation=replace(RECEIPT.derivation, **changes))


@pytest.mark.parametrize(
    "receipt",
    [
        changed(python="/evil/python"),
        changed(python_version="3.12.2"),
        changed(driver="ast"),
        changed(version="1.1"),
        changed(target="nowhere"),
        changed(cache_tag="cpython-313"),
        changed(env=(("LD_PRELOAD", "/evil.so"),)),
        changed(bytecode=False),
        changed(files=WANTED.files[1:]),
        changed(files=(replace(WANTED.files[0], sha256="0" * 64), *WANTED.files[1:])),
        changed(files=(replace(WANTED.files[0], package="evil"), *WANTED.files[1:])),
        changed(files=(replace(WANTED.files[0], version="1.1"), *WANTED.files[1:])),
        changed(files=(replace(WANTED.files[0], version="no version"), *WANTED.files[1:])),
        changed(files=(replace(WANTED.files[0], file="asr.exe"), *WANTED.files[1:])),
    ],
)
def test_what_does_not_come_to_the_key_is_not_believed(receipt: Receipt) -> None:
    """Whoever can write a receipt cannot have something else built, nor another program started."""
    assert again(receipt) is None


def make_index(name: str, *packages: str) -> Index:
    """An index at a place that nobody asks."""
    return Index(name=name, url=f"https://{name}.example.com", path=None, packages=packages, line=1)


def test_files_are_looked_for_where_they_came_from() -> None:
    """Each package is bound to its own index alone, whatever the patterns are by now."""
    declaration = make_declaration(
        indexes=(make_index("default"), make_index("corp", "asr"), make_index("unused", "*"))
    )
    files = (replace(WANTED.files[1], index="corp"), WANTED.files[0])
    bound = bind_indexes(declaration, files)
    assert [(index.name, index.packages) for index in bound.indexes] == [
        ("default", ()),
        ("corp", ("base-lib",)),
    ]
    assert bound_index(bound.bindings(), "asr") == "default"
    assert bound_index(bound.bindings(), "base-lib") == "corp"


def test_an_index_that_is_gone_is_named() -> None:
    """A package that came from it is not looked for elsewhere."""
    files = (replace(WANTED.files[0], index="corp"), WANTED.files[1])
    with pytest.raises(
        UsageError, match="asr came from the index 'corp', which is no longer declared"
    ):
        bind_indexes(make_declaration(), files)
