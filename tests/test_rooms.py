"""The rooms of the house: a module imports from its own room or a lower one; surfaces do not import each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import rennet

ROOT = Path(rennet.__file__).parent

ROOMS = [
    [
        "base",
        "_dtypes",
        "context",
        "name",
        "attribute",
        "_state",
        "_loops",
        "_local_files",
        "_mismatch",
        "_collector",
        "_reused",
    ],
    ["_recurrence"],
    ["_formats"],
    ["_kernels", "runtime"],
    ["_ops"],
    ["ndarray", "autograd", "operator", "random"],
    ["_graph", "program", "executor", "cached_op", "_passes", "symbol"],
    [
        "registry",
        "initializer",
        "lr_scheduler",
        "optimizer",
        "metric",
        "io",
        "model",
        "callback",
        "monitor",
        "kvstore",
        "visualization",
        "test_utils",
        "contrib",
    ],
    ["_cells"],
    ["rnn", "gluon", "module"],
    ["interop"],
    ["_inspection", "_language_model", "cli", "__init__"],
]
LEVEL = {module: level for level, room in enumerate(ROOMS) for module in room}
SURFACES = set(ROOMS[9])
NOTHING = {"_recurrence": {"__future__", "collections", "typing"}}
"""What a room may import at all, where that is restricted: the specification needs no library."""


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def top_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0]


def imports_of(path: Path) -> list[tuple[str, bool]]:
    """What a module imports: (top-level name, is it ours)."""
    package = ("rennet", *path.relative_to(ROOT).parts[:-1])
    found: list[tuple[str, bool]] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name.split(".")[0], False) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                found.append(((node.module or "").split(".")[0], False))
                continue
            base = package[: len(package) - node.level + 1]
            target = (*base, *(node.module.split(".") if node.module else ()))
            if len(target) == 1:
                found += [(alias.name, True) for alias in node.names]
            else:
                found.append((target[1], True))
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    own = top_of(path)
    assert own in LEVEL, f"{own} stands in no room; give it a place in ROOMS and in docs/architecture.md"
    for name, ours in imports_of(path):
        if not ours:
            allowed = NOTHING.get(own)
            assert allowed is None or name in allowed, f"{path}: {own} may import nothing, but imports {name}"
            assert name != "rennet", f"{path}: import relatively"
            continue
        if name not in LEVEL:
            continue  # a name from the package's __init__, not a module
        assert LEVEL[name] <= LEVEL[own], f"{path}: {own} (room {LEVEL[own] + 1}) imports up, from {name}"
        both = {name, own} & SURFACES
        assert len(both) < 2, f"{path}: surface {own} imports surface {name}"


def test_every_room_says_what_it_is() -> None:
    for folder in sorted(path for path in ROOT.iterdir() if (path / "__init__.py").exists()):
        doc = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
        assert doc, f"{folder.name}: the first line says what the room is and what it may import"
        assert "import" in doc.lower(), f"{folder.name}: the first line says what the room may import"
