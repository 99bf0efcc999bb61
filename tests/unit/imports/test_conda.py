"""The pip part of conda's environment.yml."""

from __future__ import annotations

import pytest

from envbuild.imports.conda import is_environment, read_environment
from envbuild.yaml_text import parse_yaml

TEXT = """
name: asr
channels: [conda-forge]
dependencies:
  - python=3.11.4
  - pip
  - ffmpeg=6
  - pip:
    - -r more.txt
    - faster-whisper>=1
"""


def test_the_pip_part_is_a_requirements_file() -> None:
    """Python comes over, packages of conda cannot, and tools that fill environments need not."""
    document = parse_yaml(TEXT, file="environment.yml")
    assert isinstance(document, dict)
    assert is_environment(document)
    text, python, left_out = read_environment(document)
    assert (text, python) == ("-r more.txt\nfaster-whisper>=1", "3.11")
    assert [line.partition(":")[0] for line in left_out] == ["ffmpeg=6"]


@pytest.mark.parametrize("document", [None, [], {}, {"dependencies": "a"}, {"id": 1, "driver": 2}])
def test_another_document_is_none(document: object) -> None:
    """A preset of gpumod, for example."""
    assert not is_environment(document)


def test_a_line_break_makes_no_second_line() -> None:
    """An entry is one requirement or option, whatever is in it."""
    text, _, _ = read_environment({"dependencies": [{"pip": ["a\n-r /etc/passwd", 3]}]})
    assert text == "a -r /etc/passwd\n3"
