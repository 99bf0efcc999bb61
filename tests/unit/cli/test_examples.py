"""The examples in every help."""

from __future__ import annotations

import shlex

import pytest

from envbuild.cli.arguments import parse_arguments
from envbuild.cli.examples import EXAMPLES
from envbuild.cli.verbs import VERB_NAMES


@pytest.mark.parametrize("name", VERB_NAMES)
def test_each_verb_has_examples_that_its_parser_takes(name: str) -> None:
    """Whoever pastes an example gets no usage error."""
    assert EXAMPLES.get(name), "add an example to envbuild/cli/examples.py"
    for command, about in EXAMPLES[name]:
        program, *argv = shlex.split(command)
        verb, _ = parse_arguments(argv)
        assert (program, verb.name) == ("envbuild", name)
        assert about


def test_no_example_is_of_a_verb_that_is_gone() -> None:
    """The table is of the verbs that there are."""
    assert set(EXAMPLES) <= set(VERB_NAMES)
