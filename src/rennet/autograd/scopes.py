"""The thread's two flags, and the scopes that switch them: is a gradient being recorded, and is this training."""

from __future__ import annotations

from typing import Any

from .._state import flags


def set_recording(is_recording: bool) -> bool:
    """Switch recording on or off; returns what it was."""
    before, flags.recording = flags.recording, bool(is_recording)
    return before


def set_training(train_mode: bool) -> bool:
    """Switch training behaviour (dropout and the like) on or off; returns what it was."""
    before, flags.training = flags.training, bool(train_mode)
    return before


def is_recording() -> bool:
    """Is this thread recording."""
    return flags.recording


def is_training() -> bool:
    """Does this thread run operators in training mode."""
    return flags.training


class RecordingStateScope:
    """Sets the thread's flags and puts them back; None leaves a flag as it is."""

    def __init__(self, recording: bool | None, training: bool | None) -> None:
        self._wanted = recording, training
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self._before.append((flags.recording, flags.training))
        recording, training = self._wanted
        if recording is not None:
            flags.recording = recording
        if training is not None:
            flags.training = training

    def __exit__(self, *exc: Any) -> None:
        flags.recording, flags.training = self._before.pop()


def record(train_mode: bool = True) -> RecordingStateScope:
    """A scope in which operators are recorded for differentiation, by default in training mode.

    Examples
    --------
    >>> import rennet as mx
    >>> x = mx.nd.array([1.0, 2.0])
    >>> x.attach_grad()
    >>> with mx.autograd.record():
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad.asnumpy().tolist()
    [2.0, 4.0]
    """
    return RecordingStateScope(True, train_mode)


def pause(train_mode: bool = False) -> RecordingStateScope:
    """A scope in which nothing is recorded."""
    return RecordingStateScope(False, train_mode)


def train_mode() -> RecordingStateScope:
    """A scope in which operators behave as in training."""
    return RecordingStateScope(None, True)


def predict_mode() -> RecordingStateScope:
    """A scope in which operators behave as in inference."""
    return RecordingStateScope(None, False)
