"""Makes the virtual environment with real MXNet 1.9.1 that the differential tests ask: `python tests/oracle/make.py`.

It is made once and kept, in `$XDG_CACHE_HOME/rennet/oracle` (`~/.cache/rennet/oracle`) or where `$RENNET_ORACLE` says.
MXNet's last release needs a NumPy from before 1.24, and that one a Python before 3.12: hence an environment of its own,
with an interpreter of its own if need be.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = ("mxnet==1.9.1", "numpy==1.23.5")
PYTHONS = ((3, 11), (3, 10))
"""Versions that both those requirements and the server run on, the preferred one first."""

MISSING = "real MXNet is not installed; run: python tests/oracle/make.py"
"""What to tell someone who has no environment yet."""

_MARKER = "rennet-oracle.txt"
"""Written into the environment last of all, so that half an environment is never taken for one."""

_ASK_VERSIONS = "import mxnet, numpy; print(f'mxnet=={mxnet.__version__} numpy=={numpy.__version__}')"


class CannotMake(Exception):
    """Says in one line why there is no environment."""


def location() -> Path:
    """Where the environment is, or would be made."""
    chosen = os.environ.get("RENNET_ORACLE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "rennet" / "oracle"


def python_of(environment: Path) -> Path:
    """The interpreter inside `environment`."""
    return environment / "bin" / "python"


def is_complete(environment: Path) -> bool:
    """Whether `environment` was made to the end, for these very requirements, and its interpreter still exists."""
    marker = environment / _MARKER
    return marker.is_file() and marker.read_text() == _marker_text() and python_of(environment).exists()


def make(environment: Path) -> None:
    """Make `environment`, unless it is there already.

    Raises
    ------
    CannotMake
        No suitable Python, a folder that is something else, or `venv` or `pip` failed.
    """
    if is_complete(environment):
        print(f"{environment}: complete, nothing to do")
        return
    if _imports_the_right_versions(environment):
        print(f"{environment}: made by hand, has the right versions; adopted")
    else:
        _refuse_to_clear_what_is_not_ours(environment)
        python = _find_python()
        print(f"{environment}: making it with {python}")
        _run([python, "-m", "venv", "--clear", str(environment)])
        print(f"{environment}: installing {' '.join(REQUIREMENTS)}")
        pip = [str(python_of(environment)), "-m", "pip", "--disable-pip-version-check"]
        _run([*pip, "install", "--quiet", *REQUIREMENTS])
        if not _imports_the_right_versions(environment):
            raise CannotMake(f"{environment}: installed, but `import mxnet` in it fails or is not {REQUIREMENTS[0]}")
    (environment / _MARKER).write_text(_marker_text())
    print(f"{environment}: complete")


def _marker_text() -> str:
    return " ".join(REQUIREMENTS) + "\n"


def _imports_the_right_versions(environment: Path) -> bool:
    python = python_of(environment)
    if not python.exists():
        return False
    asked = subprocess.run([python, "-I", "-c", _ASK_VERSIONS], capture_output=True, text=True, check=False)
    return asked.returncode == 0 and asked.stdout == _marker_text()


def _refuse_to_clear_what_is_not_ours(environment: Path) -> None:
    if not environment.exists() or (environment / "pyvenv.cfg").is_file():
        return
    if not environment.is_dir() or any(environment.iterdir()):
        raise CannotMake(f"{environment}: expected nothing, or a virtual environment, and found something else")


def _find_python() -> str:
    wanted = [f"{major}.{minor}" for major, minor in PYTHONS]
    on_path = (shutil.which(f"python{version}") for version in wanted)
    for python in filter(None, (sys.executable, *on_path)):
        # A name on the path proves little: a version manager's stub may stand there without a Python behind it.
        ask = [python, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        asked = subprocess.run(ask, capture_output=True, text=True, check=False)
        if asked.returncode == 0 and asked.stdout.strip() in wanted:
            return python
    raise CannotMake(
        f"{' '.join(REQUIREMENTS)} needs Python {' or '.join(wanted)}; "
        f"this is {sys.version_info[0]}.{sys.version_info[1]}, and there is none on the PATH"
    )


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise CannotMake(f"`{' '.join(command)}` failed: {said[-1] if said else f'exit code {done.returncode}'}")


def main() -> int:
    try:
        make(location())
    except (CannotMake, OSError) as problem:
        print(f"cannot make the oracle: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
