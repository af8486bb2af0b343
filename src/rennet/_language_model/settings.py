"""What decides a language model and its training, as records that survive in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from .._recurrence.modes import MODES
from ..base import ArgumentError, FormatError, one_of
from .vocabulary import SPECIAL

S = TypeVar("S", bound="_Record")

LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class _Record:
    """Fields of plain types, to and from a JSON object."""

    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` reads."""
        return asdict(self)

    @classmethod
    def from_dict(cls: type[S], content: Any, source: str) -> S:
        """The record that `to_dict` wrote; anything else is a `FormatError` that names `source`."""
        names = [field.name for field in fields(cls)]
        if not isinstance(content, Mapping) or sorted(content) != sorted(names):
            raise FormatError(source, "settings", "fields", ", ".join(sorted(names)), repr(content)[:200])
        try:
            made = cls(**{name: tuple(v) if isinstance(v := content[name], list) else v for name in names})
        except (ArgumentError, TypeError) as error:
            raise FormatError(source, "settings", "values", "those of a language model", str(error)) from error
        return made


def _option(name: str) -> str:
    """A setting as the command line spells it."""
    return f"--{name.replace('_', '-')}"


def _positive(**values: Any) -> None:
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ArgumentError(f"{_option(name)}: expected a whole number above 0, got {value!r}")


@dataclass(frozen=True)
class ModelSettings(_Record):
    """The network.

    Parameters
    ----------
    cells : str
        ``'lstm'``, ``'gru'``, ``'rnn_tanh'`` or ``'rnn_relu'``.
    fused : bool
        One fused operator, or cells unrolled step by step.
    layers, hidden, embed : int
        Layers, units of each, width of the embedding.
    dropout : float
        Dropout between layers.
    """

    cells: str = "lstm"
    fused: bool = True
    layers: int = 2
    hidden: int = 200
    embed: int = 200
    dropout: float = 0.2

    def __post_init__(self) -> None:
        one_of("--cells", self.cells, MODES)
        _positive(layers=self.layers, hidden=self.hidden, embed=self.embed)
        if not isinstance(self.dropout, int | float) or not 0 <= self.dropout < 1:
            raise ArgumentError(f"--dropout: expected a rate in [0, 1), got {self.dropout!r}")


@dataclass(frozen=True)
class TrainingSettings(_Record):
    """How it is trained, and on what.

    Parameters
    ----------
    text : str or None
        The text file; None for the standard library.
    limit : int or None
        Sentences at most.
    min_count, max_vocabulary : int
        Words rarer than `min_count`, or beyond the most frequent `max_vocabulary`, become ``<unk>``.
    buckets : tuple of int
        Lengths that sentences are padded to.
    batch_size : int
        Sentences of a batch.
    optimizer : str
        ``'sgd'`` (with momentum 0.9) or ``'adam'``.
    lr, lr_decay : float
        Learning rate, and its factor after every epoch.
    seed : int
        Of weights, order and dropout.
    """

    text: str | None = None
    limit: int | None = 30_000
    min_count: int = 2
    max_vocabulary: int = 6_000
    buckets: tuple[int, ...] = (8, 12, 16, 24, 32, 48)
    batch_size: int = 32
    optimizer: str = "adam"
    lr: float = 0.003
    lr_decay: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        _positive(min_count=self.min_count, max_vocabulary=self.max_vocabulary, batch_size=self.batch_size)
        if self.limit is not None:
            _positive(limit=self.limit)
        if self.max_vocabulary <= len(SPECIAL):
            raise ArgumentError(
                f"--max-vocabulary: expected more than the {len(SPECIAL)} marks, got {self.max_vocabulary}"
            )
        if self.text is not None and not isinstance(self.text, str):
            raise ArgumentError(f"--text: expected a path, got {self.text!r}")
        if not isinstance(self.seed, int) or not 0 <= self.seed <= LARGEST_SEED:
            raise ArgumentError(f"--seed: expected a whole number from 0 to {LARGEST_SEED}, got {self.seed!r}")
        if not self.buckets:
            raise ArgumentError("--buckets: expected at least one length")
        for length in self.buckets:
            _positive(buckets=length)
        one_of("--optimizer", self.optimizer, ("adam", "sgd"))
        for name in ("lr", "lr_decay"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise ArgumentError(f"{_option(name)}: expected a number above 0, got {value!r}")


def describe_difference(saved: _Record, asked: Mapping[str, Any]) -> str | None:
    """The first setting that was asked for and is not the saved one, in words; None if there is none."""
    for name, value in asked.items():
        before = getattr(saved, name)
        if before != value:
            return f"{_option(name)} {value} was asked for, but the saved run has {before}"
    return None
