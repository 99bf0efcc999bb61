"""Ask a build backend for METADATA, for what it requires, and for a wheel."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.backend.hooks import Hooks
from envbuild.backend.requirements import check_requirements, missing_requirements
from envbuild.backend.sandbox import Sandbox
from envbuild.backend.source import read_build_system
from envbuild.backend.wheel import find_wheel
from envbuild.backend.workplace import open_workplace
from envbuild.build.installation import InstallRequest
from envbuild.posix.deletion import remove_tree
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.backend.requirements import RequirementPinner
    from envbuild.backend.source import SourceTree
    from envbuild.backend.workplace import Workplace
    from envbuild.build.installation import Installer
    from envbuild.declaration.declaration import BuildOptions
    from envbuild.lockfile.lockfile import ChosenFile
    from envbuild.posix.process import Runner
    from envbuild.resolution.resolution import ResolveRequest
    from envbuild.target.target import Interpreter, Target


@value
class BuildRequest:
    """A source, for one driver on a target that this host can run."""

    tree: SourceTree
    options: BuildOptions
    target: Target
    """A target that this host can run."""

    interpreter: Interpreter
    """This host's Python for the target."""

    installed: tuple[ChosenFile, ...] = ()
    """The driver's own wheels, which a build without isolation sees."""

    resolution: ResolveRequest | None = None
    """The driver's own for the target, with its pins; None if the build requirements are known."""


@value
class Prepared:
    """What a source says about itself."""

    metadata: bytes
    """The METADATA of its wheel."""

    requires: tuple[str, ...]
    """What building it requires, as its files and its backend have it; without what is declared."""

    files: tuple[ChosenFile, ...]
    """The wheels that were chosen for these requirements and for the declared ones."""


@value
class Backends:
    """Calls build backends, each in an environment of its own with the build requirements."""

    runner: Runner
    installer: Installer
    """Copies files instead of sharing them: a build may change its environment."""

    logs: Path
    """The folder for the outputs."""

    pinner: RequirementPinner | None = None
    """Resolves build requirements; None if they are known."""

    jobs: int = 1
    """How many compilers one build is told to start."""

    def prepare(self, request: BuildRequest) -> Prepared:
        """METADATA and build requirements; BuildError if the backend fails or can only build everything."""
        with self._opened(request, "metadata") as hooks:
            requires, files = self._make_environment(request, hooks)
            return Prepared(metadata=hooks.metadata(), requires=requires, files=files)

    def requirements(self, request: BuildRequest) -> tuple[str, ...]:
        """What building a source requires, as its files and its backend have it."""
        with self._opened(request, "requirements") as hooks:
            return self._make_environment(request, hooks)[0]

    def build(self, request: BuildRequest, files: tuple[ChosenFile, ...], folder: Path) -> Path:
        """Build the wheel with exactly these build requirements → its path in a folder.

        BuildError if that fails, or if it makes anything but one wheel of the package for the target.
        """
        with self._opened(request, "wheel") as hooks:
            sandbox = hooks.sandbox
            self._install(request, sandbox.place, files)
            if request.options.isolation:
                self._check_locked(hooks.requires(), files, request, sandbox)
            said = hooks.wheel()
            try:
                made = find_wheel(sandbox.place.output, said, request.tree, request.target)
            except ValueError as error:
                raise sandbox.failure(str(error)) from error
            return Path(shutil.copyfile(made, folder / made.name))

    def _check_locked(
        self,
        requires: tuple[str, ...],
        files: tuple[ChosenFile, ...],
        request: BuildRequest,
        sandbox: Sandbox,
    ) -> None:
        """BuildError if the backend requires on this host what is not locked."""
        check_requirements(requires, request.tree.name)
        lacking = missing_requirements(requires, files, request.target)
        if lacking:
            raise sandbox.failure(
                f"its build backend requires {', '.join(lacking)}, which the lockfile does not have "
                f"for {request.target}"
            )

    @contextmanager
    def _opened(self, request: BuildRequest, what: str) -> Iterator[Hooks]:
        """The hooks of a source, in a folder of their own; `what` is asked for, as the log's name says."""
        tree, options = request.tree, request.options
        name = "-".join(part for part in (tree.package, tree.version) if part)
        log = self.logs / f"{name}-{request.target}.{what}.log"
        log.unlink(missing_ok=True)
        with open_workplace(tree, options) as place:
            sandbox = Sandbox(
                runner=self.runner,
                place=place,
                tree=tree,
                options=options,
                interpreter=request.interpreter,
                log=log,
                jobs=self.jobs,
            )
            yield Hooks(system=read_build_system(tree), sandbox=sandbox)

    def _make_environment(
        self, request: BuildRequest, hooks: Hooks
    ) -> tuple[tuple[str, ...], tuple[ChosenFile, ...]]:
        """Install the build requirements, and those that the backend adds when it is asked.

        Without isolation the source's own requirements do not count: the driver's packages are there.
        """
        options, place = request.options, hooks.sandbox.place
        requires = hooks.system.requires if options.isolation else ()
        check_requirements(requires, request.tree.name)
        files = self._pin(requires, request)
        self._install(request, place, files)
        if not options.isolation:
            return (), files
        more = hooks.requires()
        check_requirements(more, request.tree.name)
        if set(more) <= set(requires):
            return requires, files
        requires = tuple(dict.fromkeys((*requires, *more)))
        again = self._pin(requires, request)
        if again != files:
            remove_tree(place.environment)
            self._install(request, place, again)
        return requires, again

    def _pin(self, requires: tuple[str, ...], request: BuildRequest) -> tuple[ChosenFile, ...]:
        assert self.pinner is not None  # whoever asks for requirements lets them be resolved
        assert request.resolution is not None
        return self.pinner.pin(requires, request.options, request.resolution)

    def _install(
        self, request: BuildRequest, place: Workplace, files: tuple[ChosenFile, ...]
    ) -> None:
        """Make the build's environment with these wheels, and the driver's own without isolation."""
        chosen = {file.package: file for file in (*request.installed, *files)}
        lock = place.lock()
        with lock:
            if chosen:
                self.installer.install(
                    InstallRequest(
                        driver=request.tree.package,
                        environment=str(place.environment),
                        interpreter=request.interpreter,
                        files=tuple(chosen[name] for name in sorted(chosen)),
                        lock=lock.fileno(),
                    )
                )
            else:
                self.installer.create(str(place.environment), request.interpreter, lock.fileno())
        place.environment.chmod(0o755)
