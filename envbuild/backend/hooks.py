"""The hooks of a build backend (PEP 517), each called in a sandbox; what they answer is checked."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from envbuild.backend.sandbox import Sandbox
    from envbuild.backend.source import BuildSystem

_LARGEST_ANSWER = 1 << 20
_LARGEST_METADATA = 16 << 20
_NO_METADATA = (
    "its build backend has no hook for metadata only (`prepare_metadata_for_build_wheel`), "
    "and a lock compiles nothing"
)


@value
class Hooks:
    """The hooks of one source."""

    system: BuildSystem
    sandbox: Sandbox

    def requires(self) -> tuple[str, ...]:
        """What building a wheel requires beside the declared build requirements."""
        found = self._call(lambda caller, settings: caller.get_requires_for_build_wheel(settings))
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise self.sandbox.failure("its build backend returned no list of requirements")
        return tuple(found)

    def metadata(self) -> bytes:
        """The METADATA of the wheel that would be built; nothing is built for it."""
        output = self.sandbox.place.output
        found = self._call(
            lambda caller, settings: caller.prepare_metadata_for_build_wheel(
                str(output), settings, _allow_fallback=False
            )
        )
        content = None
        if isinstance(found, str) and found.endswith(".dist-info") and "/" not in found:
            content = read_regular(output / found / "METADATA", output, _LARGEST_METADATA)
        if content is None:
            raise self.sandbox.failure("its build backend returned no METADATA")
        return content

    def wheel(self) -> str:
        """Build a wheel into the output folder → the name that the backend says it has."""
        output = str(self.sandbox.place.output)
        found = self._call(lambda caller, settings: caller.build_wheel(output, settings))
        if not isinstance(found, str):
            raise self.sandbox.failure("its build backend returned no wheel name")
        return found

    def _call(self, hook: Callable[[Any, Mapping[str, Any]], Any]) -> Any:
        """What a hook returns; BuildError if it fails, or if the backend or the hook is missing."""
        from pyproject_hooks import (
            BackendUnavailable,
            BuildBackendHookCaller,
            HookMissing,
            UnsupportedOperation,
        )

        place, system = self.sandbox.place, self.system
        settings = {
            name: setting if isinstance(setting, str) else list(setting)
            for name, setting in self.sandbox.options.config_settings
        }
        try:
            caller = BuildBackendHookCaller(
                str(place.source),
                system.backend,
                system.backend_path or None,
                runner=self._run,
                python_executable=str(place.environment / "bin" / "python"),
            )
            return hook(caller, settings)
        except HookMissing as error:
            raise self.sandbox.failure(_NO_METADATA) from error
        except BackendUnavailable as error:
            reason = f"its build backend {system.backend!r} cannot be imported"
            raise self.sandbox.failure(reason, error.traceback) from error
        except UnsupportedOperation as error:
            raise self.sandbox.failure("its build backend refuses", error.traceback) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self.sandbox.failure("its build backend returned an invalid answer") from error

    def _run(
        self,
        cmd: Sequence[str],
        cwd: str | None = None,
        extra_environ: Mapping[str, str] | None = None,
    ) -> None:
        """Run the program that calls a hook, as `pyproject_hooks` asks for it.

        `cmd` has Python, a script, the hook's name, and a folder for its input and its answer;
        the build's user can use neither the script where it is nor that folder.
        """
        place = self.sandbox.place
        python, script, name, outer = cmd
        control = place.root / "control"
        shutil.rmtree(control, ignore_errors=True)
        shutil.copytree(outer, control)
        place.give(control)
        inside = place.root / "hook.py"
        shutil.copyfile(script, inside)
        self.sandbox.run(
            (python, str(inside), name, str(control)), dict(extra_environ or {}), str(cwd)
        )
        answer = read_regular(control / "output.json", control, _LARGEST_ANSWER)
        if answer is None:
            raise self.sandbox.failure("its build backend returned no answer")
        Path(outer, "output.json").write_bytes(_without_warnings(answer))


def _without_warnings(answer: bytes) -> bytes:
    """An answer without the backend's warnings, which `pyproject_hooks` would print as they are."""
    try:
        table = json.loads(answer)
    except (ValueError, RecursionError):
        return answer
    if isinstance(table, dict):
        table.pop("warnings", None)
    return json.dumps(table).encode()


def read_regular(path: Path, folder: Path, most: int) -> bytes | None:
    """The content of a file that a build has made; None if it is no file in the folder, or too long.

    No program of the build runs any more, so that nothing changes meanwhile.
    """
    try:
        inside = path.resolve(strict=True).is_relative_to(folder.resolve())
        status = path.lstat()
    except (OSError, RuntimeError):
        return None
    if not inside or not stat.S_ISREG(status.st_mode) or status.st_size > most:
        return None
    return path.read_bytes()
