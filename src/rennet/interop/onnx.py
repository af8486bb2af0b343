"""Writing modules that contain the fused recurrence to ONNX: one LSTM, GRU or RNN node for each layer."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from .._formats.atomic import write_atomic
from .._recurrence.modes import MODES
from ..base import ArgumentError, NotSupportedError

OPSET = 18
"""Version of the operator set in which the translation is written; torch converts it to later ones."""

_OPERATORS = {"lstm": "LSTM", "gru": "GRU", "rnn_tanh": "RNN", "rnn_relu": "RNN"}
_GATES = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}
"""Our gates in ONNX's order: i, o, f, c and z, r, n."""


def export_onnx(
    module: torch.nn.Module,
    args: tuple[Any, ...],
    path: str | os.PathLike[str] | None = None,
    *,
    kwargs: Mapping[str, Any] | None = None,
    dynamic_shapes: Any = None,
    **more: Any,
) -> Any:
    """Write a module that contains `FusedRNN` to ONNX, with one LSTM, GRU or RNN node for each layer.

    Parameters
    ----------
    module : torch.nn.Module
        In inference mode (``module.eval()``).
    args, kwargs : tuple, mapping
        An example of its arguments.
    path : path, optional
        Where to write; nothing is written if None.
    dynamic_shapes : optional
        Which dimensions may vary, as ``torch.export.export`` takes them.
    **more
        Passed on to ``torch.onnx.export``: names of inputs and outputs, ``opset_version`` (18 or later) and so on.

    Returns
    -------
    torch.onnx.ONNXProgram
        The model, ready to be run or inspected.

    Raises
    ------
    ArgumentError
        If ``opset_version`` is older.
    NotSupportedError
        If onnxscript is not installed, or a layer projects or clips its cell state, which ONNX's nodes cannot.

    Examples
    --------
    >>> import torch
    >>> rnn = FusedRNN("gru", 3, 4).eval()  # doctest: +SKIP
    >>> time, batch = torch.export.Dim("time"), torch.export.Dim("batch")  # doctest: +SKIP
    >>> export_onnx(rnn, (torch.zeros(5, 2, 3),), "gru.onnx", dynamic_shapes=({0: time, 1: batch},))  # doctest: +SKIP
    """
    try:
        import onnxscript
    except ImportError as error:
        raise NotSupportedError("export_onnx needs onnx and onnxscript: pip install 'rennet[onnx]'") from error
    if more.get("opset_version") is not None and more["opset_version"] < OPSET:
        raise ArgumentError(f"export_onnx: opset_version: expected {OPSET} or later; got {more['opset_version']}")
    exported = torch.export.export(module, args, dict(kwargs or {}), dynamic_shapes=dynamic_shapes, strict=False)
    for node in exported.graph.nodes:
        if node.target is torch.ops.rennet.rnn_layer.default:
            _refuse_the_impossible(node)
    program = torch.onnx.export(
        exported,
        dynamo=True,
        custom_translation_table={
            torch.ops.rennet.rnn_layer.default: _translation(getattr(onnxscript, f"opset{OPSET}"))
        },
        **{"verbose": False, **more},
    )
    assert program is not None
    if path is not None:
        write_atomic(path, program.model_proto.SerializeToString())
    return program


def _refuse_the_impossible(node: torch.fx.Node) -> None:
    _, _, weights, _, _, clip, _ = node.args
    if clip is not None:
        raise NotSupportedError(
            f"{node.name}: ONNX has no clipping of the cell state: its LSTM's clip applies to what enters the gates"
        )
    assert isinstance(weights, Sequence)
    if len(weights) % 5 == 0:
        raise NotSupportedError(f"{node.name}: ONNX's LSTM has no projection (projection_size)")


def _translation(op: Any) -> Callable[..., Any]:
    """The translation of ``rennet::rnn_layer`` into nodes of the operator set `op`."""

    def rnn_layer(
        data: Any,
        states: Sequence[Any],
        weights: Sequence[Any],
        lengths: Any,
        mode: str,
        clip: Sequence[float] | None,
        clip_nan: bool,
    ) -> Sequence[Any]:
        gates = MODES[mode].num_gates
        fields = list(zip(*[weights[i : i + 4] for i in range(0, len(weights), 4)], strict=True))

        def stacked(parts: Sequence[Any]) -> Any:
            """Directions along a new first axis, in each the gates in ONNX's order."""
            ordered = [_reordered(op, part, _GATES.get(mode, (0,))) for part in parts]
            return op.Concat(*[op.Unsqueeze(part, [0]) for part in ordered], axis=0)

        i2h_weight, h2h_weight, i2h_bias, h2h_bias = [stacked(parts) for parts in fields]
        directions = len(fields[0])
        attributes: dict[str, Any] = {"hidden_size": weights[0].shape[0] // gates}
        if directions == 2:
            attributes["direction"] = "bidirectional"
        if mode == "gru":
            attributes["linear_before_reset"] = 1
        if mode == "rnn_relu":
            attributes["activations"] = ["Relu"] * directions
        ends = None if lengths is None else op.Cast(lengths, to=6)  # int32
        bias = op.Concat(i2h_bias, h2h_bias, axis=1)
        output, *final = getattr(op, _OPERATORS[mode])(data, i2h_weight, h2h_weight, bias, ends, *states, **attributes)
        if ends is not None:
            # ONNX leaves open what a sequence without steps ends in, and ONNX Runtime says zeros
            alive = op.Unsqueeze(op.Greater(ends, op.CastLike(0, ends)), [0, 2])
            final = [op.Where(alive, after, before) for after, before in zip(final, states, strict=True)]
        # (T, D, N, H) to (T, N, D*H); a size of 0 may be among the dynamic ones, so nothing is left to be inferred
        if directions == 1:
            return [op.Squeeze(output, [1]), *final]
        width = directions * attributes["hidden_size"]
        return [op.Reshape(op.Transpose(output, perm=[0, 2, 1, 3]), [0, 0, width]), *final]

    return rnn_layer


def _reordered(op: Any, part: Any, order: Sequence[int]) -> Any:
    """A matrix or bias with its gates in another order."""
    if len(order) == 1:
        return part
    gates = op.Split(part, num_outputs=len(order), axis=0)
    return op.Concat(*[gates[place] for place in order], axis=0)
