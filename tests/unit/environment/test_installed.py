"""Whether what is installed fits together."""

from __future__ import annotations

from envbuild.environment.installed import Distribution, outside_range, unmet_requirements
from envbuild.target.target import parse_target

HERE = parse_target("3.12.1-x86_64-manylinux_2_28")

_INSTALLED = (
    Distribution(
        name="app",
        version="1.0",
        requires=(
            "lib>=2",
            "gone",
            "other<1; python_version < '3'",
            "fast; extra == 'fast'",
            "Lib_Two==1.*",
        ),
    ),
    Distribution(name="lib", version="1.5", requires=()),
    Distribution(name="lib-two", version="1.9rc1", requires=()),
)


def test_what_is_missing_or_of_another_version() -> None:
    """Markers that do not hold and extras do not count; names are compared normalised."""
    found = [f.message for f in unmet_requirements("web", _INSTALLED, HERE)]
    assert found == [
        "app 1.0 requires lib >=2, and 1.5 is there",
        "app 1.0 requires gone, which is missing",
    ]


def test_an_override_is_a_decision() -> None:
    """What the declaration overrides is not complained about."""
    assert not list(
        unmet_requirements("web", _INSTALLED, HERE, overrides=("lib", 'gone; python_version < "3"'))
    )


def test_the_ranges_of_the_declaration() -> None:
    """A range that moved since the last sync is seen."""
    found = list(outside_range("web", ("app<1", "lib", "nobody"), {"app": "1.0", "lib": "1.5"}))
    assert [f.message for f in found] == ["app 1.0 is installed, but drivers.toml requires app<1"]
