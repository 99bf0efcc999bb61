"""The paths of an image, and what each is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    _Node: TypeAlias = "dict[str, _Node] | str"

_MOST_LINKS = 40
"""As Linux follows them."""

_LINK = "link "
FOLDER = "folder"
FILE = "file"
PROGRAM = "program"
SPECIAL = "special file"


class ImagePaths:
    """A tree of `folder`, `file`, `program`, `special file` and `link TARGET`."""

    def __init__(self) -> None:
        self._root: dict[str, _Node] = {}

    def add(self, path: str, kind: str) -> None:
        """Put something at a path, in place of what was there; folders above it come by themselves."""
        words = _words(path)
        if not words:
            return
        folder = self._root
        for word in words[:-1]:
            below = folder.get(word)
            if not isinstance(below, dict):
                below = folder[word] = {}
            folder = below
        if kind != FOLDER:
            folder[words[-1]] = kind
        elif not isinstance(folder.get(words[-1]), dict):
            folder[words[-1]] = {}

    def remove(self, path: str) -> None:
        """Remove what is at a path, and everything below."""
        words = _words(path)
        folder = self._folder(words[:-1])
        if folder is not None and words:
            folder.pop(words[-1], None)

    def empty(self, path: str) -> None:
        """Remove everything below a folder."""
        folder = self._folder(_words(path))
        if folder is not None:
            folder.clear()

    def kind(self, path: str) -> str | None:
        """What is at a path, no link being followed; None if nothing is."""
        words = _words(path)
        folder = self._folder(words[:-1])
        if folder is None:
            return None
        return _kind(folder.get(words[-1]) if words else self._root)

    def resolve(self, path: str) -> str | None:
        """What is at a path when every link in it is followed; None if nothing is."""
        waiting, links = list(reversed(_words(path))), 0
        here: list[dict[str, _Node]] = [self._root]
        found: _Node | None = self._root
        while waiting:
            word = waiting.pop()
            if word == "..":
                here = here[:-1] or here
                found = here[-1]
                continue
            found = here[-1].get(word)
            if isinstance(found, dict):
                here.append(found)
            elif found is not None and found.startswith(_LINK):
                links += 1
                target = found.removeprefix(_LINK)
                here = [self._root] if target.startswith("/") else here
                waiting += reversed(_words(target))
                found = here[-1]
            elif waiting or found is None:
                return None
            if links > _MOST_LINKS:
                return None
        return _kind(found)

    def first_odd_folder(self, path: str) -> str | None:
        """The first of the folders above a path that is something else there; None if there is none."""
        words = _words(path)
        above = ("/".join(words[:number]) for number in range(1, len(words)))
        return next((one for one in above if self.kind(one) not in (FOLDER, None)), None)

    def _folder(self, words: list[str]) -> dict[str, _Node] | None:
        found: _Node | None = self._root
        for word in words:
            found = found.get(word) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else None


def above(path: str) -> Iterator[str]:
    """The folders above a path, the nearest first."""
    while path := path.rpartition("/")[0]:
        yield path


def link_to(target: str) -> str:
    """The kind of a link."""
    return f"{_LINK}{target}"


def _kind(found: _Node | None) -> str | None:
    return FOLDER if isinstance(found, dict) else found


def _words(path: str) -> list[str]:
    return [word for word in path.split("/") if word not in ("", ".")]
