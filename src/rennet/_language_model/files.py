"""The files of a language model: what they are called, the card that describes the model, the state to go on from."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .._formats.atomic import write_atomic
from ..base import ArgumentError, FormatError
from ..ndarray import NDArray, array, load, save
from .settings import ModelSettings, TrainingSettings
from .vocabulary import Vocabulary

_FORMAT = "rennet language model"
METRIC_TOTALS = ("sum_metric", "num_inst", "global_sum_metric", "global_num_inst")
"""What a metric has counted so far, by its attributes' names."""


@dataclass(frozen=True)
class Files:
    """Names of everything that belongs to a prefix."""

    prefix: str

    @property
    def symbol(self) -> Path:
        """The network."""
        return Path(f"{self.prefix}-symbol.json")

    @property
    def card(self) -> Path:
        """Vocabulary and settings."""
        return Path(f"{self.prefix}-vocab.json")

    @property
    def curve(self) -> Path:
        """The picture of perplexity over updates."""
        return Path(f"{self.prefix}-curve.png")

    @property
    def resume(self) -> Path:
        """The state of training to go on from."""
        return Path(f"{self.prefix}-resume.state")

    def params(self, epoch: int) -> Path:
        """The parameters after an epoch."""
        return Path(f"{self.prefix}-{epoch:04d}.params")

    def epochs(self) -> list[int]:
        """The epochs whose parameters are there."""
        stem = f"{Path(self.prefix).name}-"
        tails = (
            path.name[len(stem) : -len(".params")]
            for path in self._folder().glob("*.params")
            if path.name.startswith(stem)
        )
        return sorted(int(tail) for tail in tails if len(tail) >= 4 and tail.isdecimal())

    def existing(self) -> list[Path]:
        """Which of the files are there."""
        named = [self.symbol, self.card, self.curve, self.resume]
        return [path for path in named if path.exists()] + [self.params(epoch) for epoch in self.epochs()]

    def _folder(self) -> Path:
        return Path(self.prefix).parent

    def check_writable(self) -> None:
        """An error unless files can be made under the prefix."""
        if not Path(self.prefix).name or self.prefix.endswith("/"):
            raise ArgumentError(f"--prefix: expected a path that ends in a name, got {self.prefix!r}")
        try:
            with tempfile.TemporaryFile(dir=self._folder()):
                pass
        except OSError as error:
            raise ArgumentError(f"--prefix: cannot write to {self._folder()}: {error.strerror}") from error


@dataclass(frozen=True)
class Card:
    """What one must know to use a model: how it was made, and its vocabulary."""

    kind: str
    source: str
    model: ModelSettings
    training: TrainingSettings
    vocabulary: Vocabulary

    def write(self, path: Path) -> None:
        """Write the card as JSON."""
        content = {
            "format": _FORMAT,
            "version": 1,
            "kind": self.kind,
            "source": self.source,
            "model": self.model.to_dict(),
            "training": self.training.to_dict(),
            "vocabulary": self.vocabulary.to_dict(),
        }
        write_atomic(path, json.dumps(content, ensure_ascii=False, indent=1).encode())

    @classmethod
    def read(cls, path: Path) -> Card:
        """Read what `write` wrote."""
        try:
            content = json.loads(path.read_bytes().decode("utf-8"))
        except FileNotFoundError as error:
            raise ArgumentError(
                f"{path}: no such file; is the prefix right, and has the model been trained?"
            ) from error
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise FormatError(str(path), "text", "JSON", "a language model's card", str(error)) from error
        if not isinstance(content, dict) or content.get("format") != _FORMAT or content.get("version") != 1:
            raise FormatError(str(path), "start", "format", f"{_FORMAT!r}, version 1", str(content)[:80])
        kind = content.get("kind")
        if kind not in ("python", "plain"):
            raise FormatError(str(path), "card", "kind", "'python' or 'plain'", repr(kind))
        return cls(
            kind,
            str(content.get("source")),
            ModelSettings.from_dict(content.get("model"), str(path)),
            TrainingSettings.from_dict(content.get("training"), str(path)),
            Vocabulary.from_dict(content.get("vocabulary"), str(path)),
        )


@dataclass(frozen=True)
class Snapshot:
    """Everything that decides how training goes on.

    Parameters
    ----------
    params : dict of str to NDArray
        The parameters.
    optimizer : bytes
        The optimizer's states.
    order : dict of str to array
        Where the training data stands, and its generator.
    generator : Tensor
        The state of torch's generator, behind dropout.
    notes : dict
        Numbers and texts: epoch, batch, what was measured so far, the fingerprint of the data.
    """

    params: Mapping[str, NDArray]
    optimizer: bytes
    order: Mapping[str, np.ndarray[Any, Any]]
    generator: torch.Tensor
    notes: Mapping[str, Any]

    def write(self, path: Path) -> None:
        """Write one file in the container of ``.params``."""
        entries = {f"param:{name}": given for name, given in self.params.items()}
        entries |= {f"order:{name}": array(given, dtype="int64") for name, given in self.order.items()}
        entries["optimizer"] = _from_bytes(self.optimizer)
        entries["generator"] = NDArray(self.generator)
        entries["notes"] = _from_bytes(json.dumps(self.notes).encode())
        save(path, entries)

    @classmethod
    def read(cls, path: Path) -> Snapshot:
        """Read what `write` wrote."""
        try:
            entries = load(path)
        except FileNotFoundError as error:
            raise ArgumentError(f"{path}: no such file, so there is no run to resume; leave out --resume") from error
        try:
            parts: dict[str, dict[str, Any]] = {"param": {}, "order": {}}
            for key, given in entries.items():
                kind, _, name = key.partition(":")
                if name:
                    parts[kind][name] = given if kind == "param" else given.asnumpy()
            notes = json.loads(_to_bytes(entries["notes"]))
            generator = entries["generator"].tensor
            torch.Generator().set_state(generator)  # objects to what is no state of a generator
            wrong = _unlike(notes, _NOTES)
            if wrong:
                raise FormatError(str(path), "notes", wrong, "what a training state says", repr(notes)[:80])
            return cls(parts["param"], _to_bytes(entries["optimizer"]), parts["order"], generator, notes)
        except FormatError:
            raise
        except (KeyError, AttributeError, ValueError, RuntimeError, TypeError) as error:
            raise FormatError(str(path), "entries", "contents", "those of a training state", repr(error)) from error


_NUMBER = (int, float)
_NOTES: dict[str, Any] = {
    "epoch": int,
    "batch": int,
    "fingerprint": str,
    "metric": dict.fromkeys(METRIC_TOTALS, _NUMBER),
    "curve": {"points": [[_NUMBER]], "heldout": [[_NUMBER]], "last": [_NUMBER]},
}
"""What a snapshot's notes look like: types, fields of objects, the kind of a list's elements."""


def _unlike(content: Any, pattern: Any, field: str = "object") -> str:
    """The first field of `content` that is not as `pattern` says, or empty."""
    if isinstance(pattern, dict):
        if not isinstance(content, dict) or sorted(content) != sorted(pattern):
            return field
        found = (_unlike(content[key], inner, key) for key, inner in pattern.items())
    elif isinstance(pattern, list):
        if not isinstance(content, list):
            return field
        found = (_unlike(each, pattern[0], field) for each in content)
    else:
        return "" if isinstance(content, pattern) and content is not True else field
    return next(filter(None, found), "")


def _from_bytes(raw: bytes) -> NDArray:
    return NDArray(torch.frombuffer(bytearray(raw), dtype=torch.uint8))


def _to_bytes(given: NDArray) -> bytes:
    return given.tensor.numpy().tobytes()
