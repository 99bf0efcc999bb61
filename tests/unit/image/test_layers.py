"""Which packages share a layer."""

from __future__ import annotations

from envbuild.image.layers import BUCKETS, LARGE, MOST_LAYERS, ImageLayer, plan_layers
from envbuild.image.members import REST, Member


def packages(**sizes: int) -> dict[str, list[Member]]:
    """Packages of one file each."""
    return {
        name: [Member(path=f"env/{name}", mode=0o444, source="/x", size=size)]
        for name, size in sizes.items()
    }


def by_package(layers: tuple[ImageLayer, ...]) -> dict[str, str]:
    """The title of each package's layer."""
    return {member.path: layer.title for layer in layers for member in layer.members}


def test_a_large_package_is_alone_and_small_ones_share() -> None:
    """A wheel of many megabytes is sent again only if it has moved."""
    layers = plan_layers(packages(torch=LARGE, a=1, b=LARGE - 1), most=MOST_LAYERS)
    titles = by_package(layers)
    assert titles["env/torch"] == "torch"
    assert titles["env/a"].startswith("packages ")
    assert titles["env/b"].startswith("packages ")


def test_a_package_that_comes_moves_no_other() -> None:
    """The bucket depends on the name alone."""
    names = {f"p{number}": 10 for number in range(200)}
    before = by_package(plan_layers(packages(**names), most=MOST_LAYERS))
    after = by_package(plan_layers(packages(**names, new=10, big=LARGE), most=MOST_LAYERS))
    assert {path: after[path] for path in before} == before
    assert len(set(before.values())) == BUCKETS


def test_there_are_never_more_layers_than_may_be() -> None:
    """Where there are too many large packages, the largest have layers of their own."""
    sizes = {f"p{number}": LARGE + number for number in range(200)}
    for most in (100, 50, 17, 3, 2):
        rest = {REST: [Member(path="env/pyvenv.cfg", mode=0o444, source="/x")]}
        layers = plan_layers({**packages(**sizes), **rest}, most=most)
        assert len(layers) <= most
        assert layers[-1].title == "environment"
        assert len(by_package(layers)) == 201
    titles = by_package(plan_layers(packages(**sizes), most=50))
    assert titles["env/p199"] == "p199"
    assert titles["env/p0"] != "p0"
