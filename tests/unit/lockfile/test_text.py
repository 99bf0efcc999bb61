"""Lockfiles as text: what stands in them."""

from __future__ import annotations

import re

import pytest

from envbuild.lockfile.parse import parse_lockfile
from envbuild.lockfile.text import render_lockfile
from envbuild.value import replace
from tests.support.values import LINUX, MAC, digest, make_driver, make_lockfile
from tests.unit.lockfile.gateway import LOCKFILE, TEXT


def test_the_text_reads_as_documented() -> None:
    """A reviewer finds every decision in the lockfile: inputs, versions, files, who asks."""
    assert TEXT.replace(re.search(r"sha256:[0-9a-f]{64}", TEXT)[0], "sha256:…") == GOLDEN  # type: ignore[index]


GOLDEN = f"""\
# Written by `envbuild lock`; a change by hand is noticed and refused.
format = 1
digest = "sha256:…"
driver = "gateway"
version = "1.80.0"
targets = [
  "3.12-x86_64-manylinux_2_28",
  "3.12-aarch64-manylinux_2_28",
]

[inputs]
requires = ["litellm[proxy]>=1,<2"]
constraints = [
  "urllib3>=2.6.3",
  "idna<4",
]
overrides = []
python = ["3.12"]
platforms = [
  "x86_64-manylinux_2_28",
  "aarch64-manylinux_2_28",
]
exclude-newer = "2026-11-01"
exclude-newer-packages = [
  "acme=false",
  "beta=7 days",
]
allow-sdist = []
version-of = "litellm"

[[package]]
name = "acme-native"
version = "2.1"
index = "internal"
requires = ["idna>=3; sys_platform == \\"linux\\""]
required-by = ["litellm"]
files = [
  {{ name = "acme_native-2.1-cp312-cp312-manylinux_2_17_aarch64.whl", size = 1000, \
sha256 = "{digest("acme_native-2.1-cp312-cp312-manylinux_2_17_aarch64.whl")}", \
targets = ["3.12-aarch64-manylinux_2_28"] }},
  {{ name = "acme_native-2.1-cp312-cp312-manylinux_2_17_x86_64.whl", size = 1000, \
sha256 = "{digest("acme_native-2.1-cp312-cp312-manylinux_2_17_x86_64.whl")}", \
targets = ["3.12-x86_64-manylinux_2_28"] }},
]

[[package]]
name = "idna"
version = "3.10"
index = "default"
targets = ["3.12-aarch64-manylinux_2_28"]
requires = []
required-by = ["acme-native"]
files = [
  {{ name = "idna-3.10-py3-none-any.whl", size = 1000, \
sha256 = "{digest("idna-3.10-py3-none-any.whl")}" }},
]

[[package]]
name = "idna"
version = "3.11"
index = "default"
targets = ["3.12-x86_64-manylinux_2_28"]
requires = []
required-by = ["acme-native"]
files = [
  {{ name = "idna-3.11-py3-none-any.whl", size = 1000, \
sha256 = "{digest("idna-3.11-py3-none-any.whl")}" }},
]

[[package]]
name = "litellm"
version = "1.80.0"
index = "default"
requires = [
  "acme-native",
  "rich; extra == \\"x\\"",
]
required-by = ["."]
files = [
  {{ name = "litellm-1.80.0-py3-none-any.whl", size = 1000, \
sha256 = "{digest("litellm-1.80.0-py3-none-any.whl")}" }},
]
"""


def test_bound_indexes_are_kept_by_name_alone() -> None:
    """Which index a package is bound to is an input; where the index lives is the host's affair."""
    inputs = replace(
        LOCKFILE.inputs, indexes=(("internal", ("acme-*", "other")), ("torch_cpu", ("torch",)))
    )
    text = render_lockfile(replace(LOCKFILE, inputs=inputs))
    assert parse_lockfile(text, file="x").inputs.indexes == inputs.indexes
    assert '"internal" = [' in text.replace("indexes.", "")


@pytest.mark.parametrize(
    "requirement",
    ["foo @ https://packages.example.com/foo-1.0-py3-none-any.whl", "foo===http://x"],
)
def test_an_address_is_never_written(requirement: str) -> None:
    """No `://` in a lockfile ever: a value that holds one is a bug, said before anything is written."""
    packages = (replace(LOCKFILE.packages[-1], requires=(requirement,)),)
    with pytest.raises(ValueError, match="there is an address in"):
        render_lockfile(replace(LOCKFILE, packages=packages))


def test_a_package_for_all_targets_names_none() -> None:
    """Targets stand only where they say something, so that lockfiles stay readable."""
    driver = make_driver("asr", platforms=(str(LINUX.platform), str(MAC.platform)))
    text = render_lockfile(make_lockfile(driver))
    assert text.count("targets") == 1
