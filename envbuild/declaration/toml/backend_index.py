"""`torch-backend` → an explicit index that is not declared; uv knows its address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.declaration.index import Index, index_variable
from envbuild.declaration.toml.keys import TORCH_BACKEND
from envbuild.declaration.torch_backend import PACKAGES, backend_index_name, backend_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.declaration.driver import Driver
    from envbuild.declaration.toml.table import Place


def backend_indexes(
    drivers: Iterable[Driver], declared: tuple[Index, ...], place: Place
) -> tuple[Index, ...]:
    """An index for each backend that a driver or a variant uses, in the order of their first use.

    `declared` are those of the file; `place` is that of the whole document.
    """
    found: dict[str, Index] = {}
    for driver in drivers:
        for backend, line in _used(driver, place):
            found.setdefault(backend, _index(backend, line))
    variables = {index_variable(index.name): index for index in found.values()}
    for number, index in enumerate(declared):
        same = variables.get(index_variable(index.name))
        if same is not None:
            place.at("index", number, "name").wrong(
                f"'{same.name}' is the name of the index of the torch backend '{same.backend}' (line {same.line})",
                hint=f"give this index another name, or name it in `indexes` in place of `{TORCH_BACKEND.name}`",
            )
    return tuple(found.values())


def _index(backend: str, line: int) -> Index:
    return Index(
        name=backend_index_name(backend),
        url=None,
        path=None,
        packages=PACKAGES,
        line=line,
        explicit=True,
        backend=backend,
    )


def _used(driver: Driver, place: Place) -> Iterator[tuple[str, int]]:
    """Each backend of a driver with its line; an `auto` without an answer is noted."""
    at = place.at("drivers", driver.name)
    line = dict(driver.origins).get(TORCH_BACKEND.name, driver.line)
    for variant in driver.variants or (None,):
        own = at if variant is None else at.at("variants", variant.name)
        try:
            backend = backend_of(driver, variant)
        except ValueError as error:
            own.at(TORCH_BACKEND.name).wrong(
                f"`auto` takes the backend from the accelerator, but {error}",
                hint='give the range a lowest version, such as ">=12.8", or write the backend, such as "cu128"',
            )
            return
        if backend is not None:
            named = variant is not None and variant.torch_backend is not None
            yield backend, own.at(TORCH_BACKEND.name).line if named else line
