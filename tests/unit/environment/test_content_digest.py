"""The digest of an environment's content: what changes it, and that any tool can compute it."""

from __future__ import annotations

import hashlib
import json

import pytest

from envbuild.environment.content_digest import (
    Contents,
    FolderEntry,
    LinkEntry,
    content_digest,
    read_content_digest,
)
from envbuild.environment.receipt import render_receipt
from envbuild.value import replace
from tests.support.values import digest
from tests.unit.environment.test_receipt import CONTENTS, RECEIPT

TEXT = render_receipt(RECEIPT)


def test_a_receipt_names_the_digest_of_its_last_part() -> None:
    """`sed` and `sha256sum` compute it, without envbuild."""
    last = TEXT[TEXT.index('"files": [\n') :]
    expected = f"sha256:{hashlib.sha256(last.encode()).hexdigest()}"
    assert json.loads(TEXT)["content"] == expected
    assert content_digest(CONTENTS) == expected
    assert read_content_digest(TEXT.encode()) == expected


def test_times_and_what_it_was_built_from_do_not_change_it() -> None:
    """It speaks of the files alone: who built them, and when, is no difference between hosts."""
    other = replace(RECEIPT, created="2027-01-01T00:00:00Z", environment="x-1-0", key="0" * 64)
    assert read_content_digest(render_receipt(other).encode()) == content_digest(CONTENTS)


@pytest.mark.parametrize(
    "changed",
    [
        replace(CONTENTS, files=CONTENTS.files[:1]),
        replace(CONTENTS, files=(CONTENTS.files[0]._replace(mode=0o444), CONTENTS.files[1])),
        replace(
            CONTENTS, files=(CONTENTS.files[0]._replace(sha256=digest("c")), CONTENTS.files[1])
        ),
        replace(CONTENTS, files=(CONTENTS.files[0]._replace(path="bin/other"), CONTENTS.files[1])),
        replace(CONTENTS, links=(LinkEntry(path="bin/python", target="/usr/bin/python3.11"),)),
        replace(CONTENTS, folders=(FolderEntry(path=".", mode=0o755), CONTENTS.folders[1])),
        Contents(files=(), links=(), folders=()),
    ],
)
def test_every_part_of_the_content_counts(changed: Contents) -> None:
    """A path, a mode, a byte or a link's target that differs makes another digest."""
    assert content_digest(changed) != content_digest(CONTENTS)


def test_what_is_no_receipt_has_none() -> None:
    """A file that was cut off before its list of files is refused."""
    with pytest.raises(ValueError, match="not a receipt"):
        read_content_digest(TEXT.split('"files"')[0].encode())
