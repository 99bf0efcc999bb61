"""Receipts as text, for whatever names a file system allows."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from envbuild.environment.content_digest import Contents, FileEntry, FolderEntry, LinkEntry
from envbuild.environment.derivation import Derivation
from envbuild.environment.receipt import Receipt, parse_receipt, parse_receipt_head, render_receipt
from envbuild.lockfile.lockfile import ChosenFile
from tests.property.strategies import sha256s
from tests.support.values import CREATED

NAMES = st.binary(min_size=1, max_size=12).map(lambda name: name.decode("utf-8", "surrogateescape"))
"""Whatever bytes a name has, as the file system's reader spells them."""

MODES = st.integers(0, 0o7777)
FILES = st.builds(FileEntry, path=NAMES, mode=MODES, size=st.integers(0, 2**50), sha256=sha256s)
CONTENTS = st.builds(
    Contents,
    files=st.lists(FILES, max_size=4).map(tuple),
    links=st.lists(st.builds(LinkEntry, path=NAMES, target=NAMES), max_size=3).map(tuple),
    folders=st.lists(st.builds(FolderEntry, path=NAMES, mode=MODES), max_size=3).map(tuple),
)
WHEELS = st.builds(
    ChosenFile,
    package=NAMES,
    version=NAMES,
    index=NAMES,
    file=NAMES,
    sha256=sha256s,
    size=st.integers(0, 2**50),
)
DERIVATIONS = st.builds(
    Derivation,
    driver=NAMES,
    version=NAMES,
    target=NAMES,
    python=NAMES,
    python_version=NAMES,
    cache_tag=NAMES,
    env=st.dictionaries(NAMES, NAMES, max_size=2).map(lambda env: tuple(sorted(env.items()))),
    bytecode=st.booleans(),
    files=st.lists(WHEELS, max_size=3).map(tuple),
)


@settings(deadline=None)
@given(CONTENTS, DERIVATIONS)
def test_every_name_survives(contents: Contents, derivation: Derivation) -> None:
    """What was built is what is compared with, byte for byte, in any name."""
    receipt = Receipt(
        environment="x-1.0-3f9a2c1b7d4e",
        key="0" * 64,
        created=CREATED,
        contents=contents,
        derivation=derivation,
    )
    text = render_receipt(receipt)
    assert parse_receipt(text, file="x") == receipt
    assert parse_receipt_head(text.partition("\n")[0]).size == contents.size
