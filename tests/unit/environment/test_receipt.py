"""The record of every file: what it holds, and what is refused."""

from __future__ import annotations

import json

import pytest

from envbuild.environment.content_digest import Contents, FileEntry, FolderEntry, LinkEntry
from envbuild.environment.derivation import Derivation
from envbuild.environment.receipt import Receipt, parse_receipt, parse_receipt_head, render_receipt
from envbuild.errors import HostError
from envbuild.lockfile.lockfile import ChosenFile
from envbuild.value import replace
from tests.support.values import CREATED, digest

CONTENTS = Contents(
    files=(
        FileEntry(path="bin/vllm", mode=0o555, size=300, sha256=digest("a")),
        FileEntry(path="lib/ü\udcff\n\"'.py", mode=0o444, size=700, sha256=digest("b")),
    ),
    links=(LinkEntry(path="bin/python", target="/usr/bin/python3.12"),),
    folders=(FolderEntry(path=".", mode=0o555), FolderEntry(path="bin", mode=0o555)),
)
DERIVATION = Derivation(
    driver="vllm",
    version="0.11.0",
    target="3.12-x86_64-manylinux_2_28",
    python="/usr/bin/python3.12",
    python_version="3.12.1",
    cache_tag="cpython-312",
    env=(("VLLM_NO_USAGE_STATS", "1"),),
    bytecode=True,
    files=(
        ChosenFile(
            package="vllm",
            version="0.11.0",
            index="default",
            file="vllm-0.11.0-py3-none-any.whl",
            sha256=digest("wheel"),
            size=400,
        ),
    ),
)
RECEIPT = Receipt(
    environment="vllm-0.11.0-3f9a2c1b7d4e",
    key="3f9a2c1b7d4e" + "0" * 52,
    created=CREATED,
    contents=CONTENTS,
    derivation=DERIVATION,
)
TEXT = render_receipt(RECEIPT)


def test_the_text_gives_the_value_back() -> None:
    """Verifying compares with the very names, modes and links that were built, odd ones included."""
    assert parse_receipt(TEXT, file="x") == RECEIPT


def test_what_older_receipts_do_not_say_is_as_it_was_then() -> None:
    """One from before drivers had commands of their own has none; what is not declared is not in its text."""
    assert not [word for word in ("command", "library_path", "prepare") if f'"{word}"' in TEXT]
    newer = replace(DERIVATION, command=("vllm", "serve"), library_path=("a/lib",))
    newer = replace(newer, prepare=(("prisma", "generate"), ("python", "")), prepare_network=True)
    found = parse_receipt(render_receipt(replace(RECEIPT, derivation=newer)), file="x")
    assert found.derivation == newer


def test_the_text_is_ascii() -> None:
    """Names that are no UTF-8 can be written, and read in whatever locale."""
    assert TEXT.isascii()
    assert "\\udcff" in TEXT


def test_an_entry_stands_on_a_line() -> None:
    """Two receipts can be compared with any tool: a file that differs is a line, and the head has the digest of all."""
    entries = len(CONTENTS.files) + len(CONTENTS.links) + len(CONTENTS.folders)
    entries += len(DERIVATION.files)
    assert len(TEXT.splitlines()) == 2 + entries + 2 * 4
    other = CONTENTS.files[0]._replace(sha256=digest("changed"))
    changed = replace(CONTENTS, files=(other, CONTENTS.files[1]))
    lines = render_receipt(replace(RECEIPT, contents=changed)).splitlines()
    assert sum(one != two for one, two in zip(lines, TEXT.splitlines(), strict=True)) == 2


def test_it_is_one_json_object() -> None:
    """Any reader of JSON can read a receipt."""
    table = json.loads(TEXT)
    assert list(table)[:2] == ["version", "environment"]
    assert table["size"] == 1000


def test_the_size_is_on_the_first_line() -> None:
    """`list` tells sizes without reading 35,000 entries."""
    assert parse_receipt_head(TEXT.partition("\n")[0] + "\n").size == 1000


@pytest.mark.parametrize("line", ["", "{", "{}", '{"size": "1"}', "[1]", "null", '{"size": true,'])
def test_a_first_line_of_something_else_has_no_size(line: str) -> None:
    """A receipt that was cut off is not taken for an empty environment."""
    with pytest.raises(ValueError):  # noqa: PT011  (whatever json says)
        parse_receipt_head(line)


def test_an_empty_environment_has_a_receipt() -> None:
    """Each list may be empty."""
    empty = replace(RECEIPT, contents=Contents(files=(), links=(), folders=()))
    assert parse_receipt(render_receipt(empty), file="x") == empty


def test_sizes_are_summed_over_files() -> None:
    """Links and folders count nothing."""
    assert CONTENTS.size == 1000


def broken(key: str, value: object) -> str:
    """The receipt with one field of another value."""
    return json.dumps({**json.loads(TEXT), key: value})


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT[:-5],
        TEXT[: len(TEXT) // 2],
        "[]",
        "null",
        broken("files", None),
        broken("files", [["bin/vllm", 0o555, 300]]),
        broken("files", [["bin/vllm", "555", 300, digest("a")]]),
        broken("files", [{"path": "bin/vllm"}]),
        broken("links", [["bin/python", None]]),
        broken("folders", [[".", True]]),
        broken("wheels", [["vllm", "0.11.0"]]),
        broken("recipe", None),
        broken("recipe", {**json.loads(TEXT)["recipe"], "bytecode": 1}),
        broken("recipe", {**json.loads(TEXT)["recipe"], "env": []}),
        broken("recipe", {**json.loads(TEXT)["recipe"], "env": {"A": 1}}),
        broken("key", 5),
        broken("python", None),
    ],
)
def test_a_damaged_receipt_says_so(text: str) -> None:
    """A receipt that is not what was written is named, with exit code 5 and without a traceback."""
    with pytest.raises(HostError, match="the receipt is damaged") as caught:
        parse_receipt(text, file="/s/receipts/x.json")
    assert caught.value.problems[0].file == "/s/receipts/x.json"


@pytest.mark.parametrize("field", list(json.loads(TEXT)))
def test_a_missing_field_is_damage(field: str) -> None:
    """Nothing is guessed; the size and the digest of the contents can be worked out anew."""
    text = json.dumps({key: value for key, value in json.loads(TEXT).items() if key != field})
    if field in ("size", "content"):
        assert parse_receipt(text, file="x") == RECEIPT
        return
    with pytest.raises(HostError, match="the receipt is damaged"):
        parse_receipt(text, file="x")


def test_a_newer_format_is_not_known() -> None:
    """A receipt of a newer envbuild is not read as something else."""
    with pytest.raises(HostError, match="receipt format 3 is not known") as caught:
        parse_receipt(broken("version", 3), file="x")
    assert caught.value.problems[0].hint == "use the envbuild that wrote it, or a newer one"
