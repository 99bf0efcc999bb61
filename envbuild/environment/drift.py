"""The differences between an environment's receipt and its folder, as findings."""

from __future__ import annotations

from envbuild.finding import Code, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.environment.content_digest import Contents
    from envbuild.environment.receipt import Receipt
    from envbuild.posix.tree import Tree


CACHE_WRITTEN = "is a cache that a process wrote"


def is_cache(path: str) -> bool:
    """Whether something has the name of bytecode, its folder, or what Numba compiled."""
    return path.endswith((".nbi", ".nbc")) or "__pycache__" in path.split("/")


def compare_tree(environment: str, contents: Contents, tree: Tree) -> Iterator[Finding]:
    """Every difference that shows without opening a file; each kind in path order."""
    yield from _files(environment, contents, tree)
    yield from _links(environment, contents, tree)
    yield from _folders(environment, contents, tree)
    yield from _extras(environment, contents, tree)


def compare_receipt(environment: str, receipt: Receipt, key: str | None) -> Iterator[Finding]:
    """Whether a receipt belongs to the environment; `key` is the manifest's, if there is one."""
    if receipt.environment != environment:
        message = f"names {receipt.environment}"
        yield Finding(code=Code.RECEIPT, subject=environment, message=f"its receipt {message}")
    short = environment.rpartition("-")[2]
    if not receipt.key.startswith(short) or key not in (None, receipt.key):
        yield Finding(code=Code.RECEIPT, subject=environment, message="its receipt has another key")


def content_changed(environment: str, path: str, unread: str | None) -> Finding:
    """The finding of a file with the right size and other content.

    `unread` says why it cannot be read, in the operating system's words.
    """
    changed = "has other content than it was built with"
    message = changed if unread is None else f"cannot be read: {unread}"
    return Finding(code=Code.CONTENT, subject=environment, path=path, message=message)


def _files(environment: str, contents: Contents, tree: Tree) -> Iterator[Finding]:
    for file in contents.files:
        if file.path not in tree.files:
            yield _replaced(environment, file.path, "file", tree)
            continue
        mode, size = tree.files[file.path]
        if size != file.size:
            message = f"has {size} bytes instead of {file.size}"
            yield Finding(code=Code.CONTENT, subject=environment, path=file.path, message=message)
        if mode != file.mode:
            yield _other_mode(environment, file.path, mode, file.mode)


def _links(environment: str, contents: Contents, tree: Tree) -> Iterator[Finding]:
    for link in contents.links:
        target = tree.links.get(link.path)
        if target is None:
            yield _replaced(environment, link.path, "link", tree)
        elif target != link.target:
            message = f"points to {target} instead of {link.target}"
            yield Finding(code=Code.LINK, subject=environment, path=link.path, message=message)


def _folders(environment: str, contents: Contents, tree: Tree) -> Iterator[Finding]:
    for folder in contents.folders:
        mode = tree.folders.get(folder.path)
        if mode is None:
            yield _replaced(environment, folder.path, "folder", tree)
        elif mode != folder.mode:
            yield _other_mode(environment, folder.path, mode, folder.mode)


def _extras(environment: str, contents: Contents, tree: Tree) -> Iterator[Finding]:
    known = {entry.path for group in (contents.files, contents.links) for entry in group}
    known |= {folder.path for folder in contents.folders}
    listed = (*tree.files, *tree.links, *tree.folders, *tree.others)
    for path in sorted(set(listed) - known):
        if is_cache(path) and (path in tree.files or path in tree.folders):
            yield Finding(
                code=Code.DRIFT_CACHE, subject=environment, path=path, message=CACHE_WRITTEN
            )
            continue
        message = f"is a {tree.kind(path)} that was not built"
        yield Finding(code=Code.EXTRA, subject=environment, path=path, message=message)


def _replaced(environment: str, path: str, wanted: str, tree: Tree) -> Finding:
    found = tree.kind(path)
    if found is None:
        return Finding(code=Code.MISSING, subject=environment, path=path, message="is missing")
    message = f"is a {found} instead of a {wanted}"
    return Finding(code=Code.KIND, subject=environment, path=path, message=message)


def _other_mode(environment: str, path: str, found: int, wanted: int) -> Finding:
    message = f"has mode {found:04o} instead of {wanted:04o}"
    return Finding(code=Code.MODE, subject=environment, path=path, message=message)
