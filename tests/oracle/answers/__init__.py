"""What the server can be asked, by name. Runs inside the environment with real MXNet; imports nothing of rennet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import files, modules, operators, parts, snippets, symbols

ANSWERS: dict[str, Callable[..., Any]] = {
    answer.__name__: answer
    for answer in (
        operators.version,
        operators.op,
        symbols.symbol_info,
        symbols.run_symbol,
        snippets.build,
        modules.module_steps,
        modules.bucketing_steps,
        files.save_params,
        files.load_params,
        files.save_checkpoint,
        files.load_checkpoint,
        parts.initializer,
        parts.metric,
        parts.lr_schedule,
        parts.optimizer_steps,
    )
}
