"""`__main__` of envbuild.pyz: unpacks envbuild where that was not done yet, and starts it.

Each archive and each Python has a folder of its own in the user's cache; any of them may be deleted.
"""

from __future__ import annotations

import hashlib
import os
import platform
import pwd
import sys
import sysconfig

if sys.version_info < (3, 11):  # noqa: UP036  (the file can be started by any Python)
    sys.exit("error: envbuild needs Python 3.11 or newer, and this is " + platform.python_version())


def main() -> None:
    """Start envbuild in place of this process."""
    folder = unpacked_folder()
    if not is_whole(folder):
        unpack_into(folder)
    python = python_of(folder)
    os.execv(python, (python, "-I", "-m", "envbuild", *sys.argv[1:]))


def python_of(folder: str) -> str:
    """The Python that starts what is unpacked there."""
    return os.path.join(folder, "bin", "python")


def is_whole(folder: str) -> bool:
    """Whether it is unpacked there, and its Python is still on this host."""
    return os.access(python_of(folder), os.X_OK)


def unpacked_folder() -> str:
    """Where this archive is unpacked for this Python."""
    archive = os.path.abspath(sys.argv[0])
    status = os.stat(archive)
    base = getattr(sys, "_base_executable", sys.executable)
    facts = (archive, status.st_size, status.st_mtime_ns, os.path.realpath(base), sys.version)
    digest = hashlib.sha256(repr(facts).encode()).hexdigest()
    return os.path.join(cache_folder(), digest[:16])


def cache_folder() -> str:
    """The user's cache; never a folder of another user, as `sudo` keeps `HOME` on some hosts."""
    user = os.geteuid()
    named = os.environ.get("XDG_CACHE_HOME", "")
    for base in (named, os.path.expanduser("~/.cache"), home_of(user) + "/.cache"):
        if os.path.isabs(base) and owner_of(base) == user:
            folder = os.path.join(base, "envbuild-pyz")
            try:
                os.makedirs(folder, mode=0o700, exist_ok=True)
            except OSError:
                continue
            if os.stat(folder).st_uid == user and os.access(folder, os.W_OK):
                return folder
    sys.exit(
        "error: envbuild.pyz needs a folder to unpack itself into, and your home folder cannot be written\n"
        "  hint: set XDG_CACHE_HOME to a folder of yours"
    )


def home_of(user: int) -> str:
    """The user's home folder, as the system has it."""
    try:
        return pwd.getpwuid(user).pw_dir
    except KeyError:
        return "/nonexistent"


def owner_of(path: str) -> int | None:
    """Whose the folder is, or the nearest of its parents that is there."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return os.stat(path).st_uid if os.path.isdir(path) else None


def unpack_into(folder: str) -> None:
    """Unpack the wheels for this host; one that starts meanwhile waits, and finds them there."""
    import fcntl
    import shutil
    import tempfile
    import venv
    import zipfile

    import start

    archive = zipfile.ZipFile(sys.argv[0])
    names = wheels_for_this_host(archive.read("targets.json"))
    parent = os.path.dirname(folder)
    made = None
    try:
        with open(os.path.join(parent, "lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if is_whole(folder):
                return
            print("envbuild.pyz: unpacking envbuild into " + folder, file=sys.stderr)
            shutil.rmtree(folder, ignore_errors=True)
            made = tempfile.mkdtemp(dir=parent)
            venv.create(made, symlinks=True)
            for name in names:
                start.unpack(archive.read("wheels/" + name), made)
            os.rename(made, folder)
    except OSError as error:
        sys.exit(f"error: envbuild.pyz cannot unpack itself: {error}")
    finally:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)


def wheels_for_this_host(text: bytes) -> list[str]:
    """The names of the wheels that this Python takes, out of those for each target."""
    import json

    targets: dict[str, list[str]] = json.loads(text)
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    musl = "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or "")
    libc = "musllinux" if musl else "manylinux"
    for target, names in targets.items():
        if target.startswith(f"{python}-{platform.machine()}-{libc}_"):
            return names
    here = f"Python {python} on {platform.machine()} with {'musl' if musl else 'glibc'}"
    sys.exit(f"error: this envbuild.pyz is for {', '.join(targets)}, and this is {here}")


if __name__ == "__main__":
    main()
