"""Convolutional cells: RNN, LSTM and GRU over sequences of rows, images and volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...._cells.convolutional import conv_step, convolutions, expect_sizes
from ...._cells.gated import CellWeights
from ...._cells.states import expect_states
from ...._recurrence.modes import MODES
from ....base import ArgumentError, NotSupportedError, expect_whole, is_whole
from ...parameter import Parameter
from ...parameter_dict import ParameterDict
from ...rnn.basic_cells import Activation, expect_activation, operator_of
from ...rnn.recurrent_cell import HybridRecurrentCell
from . import spelling

__all__ = [
    "Conv1DGRUCell",
    "Conv1DLSTMCell",
    "Conv1DRNNCell",
    "Conv2DGRUCell",
    "Conv2DLSTMCell",
    "Conv2DRNNCell",
    "Conv3DGRUCell",
    "Conv3DLSTMCell",
    "Conv3DRNNCell",
]

Sizes = int | Sequence[int]


class _ConvCell(HybridRecurrentCell):
    """A cell whose projections are convolutions; `Conv2DLSTMCell` says what its parameters are."""

    _mode = MODES["rnn_tanh"]
    _spelling = spelling.CONV_ELMAN
    _layout = ""
    i2h_weight: Parameter
    h2h_weight: Parameter
    i2h_bias: Parameter
    h2h_bias: Parameter

    def __init__(
        self,
        input_shape: Sequence[int],
        hidden_channels: int,
        i2h_kernel: Sizes,
        h2h_kernel: Sizes,
        i2h_pad: Sizes = 0,
        i2h_dilate: Sizes = 1,
        h2h_dilate: Sizes = 1,
        i2h_weight_initializer: Any = None,
        h2h_weight_initializer: Any = None,
        i2h_bias_initializer: Any = "zeros",
        h2h_bias_initializer: Any = "zeros",
        conv_layout: str | None = None,
        activation: Activation = "tanh",
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        owner = type(self).__name__
        conv_layout = self._layout if conv_layout is None else conv_layout
        if conv_layout != self._layout:
            if isinstance(conv_layout, str) and sorted(conv_layout) == sorted(self._layout):
                raise NotSupportedError(
                    f"{owner}: conv_layout={conv_layout!r}: only {self._layout!r}, with the channels in front"
                )
            raise ArgumentError(f"{owner}: conv_layout: expected {self._layout!r}, got {conv_layout!r}")
        expect_whole(f"{owner}: hidden_channels", hidden_channels, 1)
        expect_sizes(f"{owner}: input_shape", input_shape, 0)
        axes = len(conv_layout) - 2
        if len(input_shape) != axes + 1:
            raise ArgumentError(
                f"{owner}: input_shape: expected a size for each of {conv_layout[1:]}, batch excluded; "
                f"got {tuple(input_shape)}"
            )
        i2h_sizes = [_sizes(each, axes) for each in (i2h_kernel, 1, i2h_pad, i2h_dilate)]
        h2h_sizes = [_sizes(each, axes) for each in (h2h_kernel, h2h_dilate)]
        how = convolutions(*i2h_sizes, *h2h_sizes, layout=conv_layout)
        if len(how.h2h["kernel"]) != axes:
            raise ArgumentError(f"{owner}: h2h_kernel: expected {axes} numbers, got {h2h_kernel}")
        super().__init__(prefix=prefix, params=params)
        self._hidden_channels, self._input_shape, self._conv_layout = hidden_channels, tuple(input_shape), conv_layout
        self._conv = how
        self._activation = expect_activation(f"{owner}: activation", activation)
        self._state_shape = (hidden_channels, *_sizes_after(input_shape[1:], how.i2h))
        rows = hidden_channels * self._mode.num_gates
        shapes = {
            "i2h_weight": ((rows, input_shape[0], *how.i2h["kernel"]), i2h_weight_initializer),
            "h2h_weight": ((rows, hidden_channels, *how.h2h["kernel"]), h2h_weight_initializer),
            "i2h_bias": ((rows,), i2h_bias_initializer),
            "h2h_bias": ((rows,), h2h_bias_initializer),
        }
        for name, (shape, init) in shapes.items():
            setattr(self, name, self.params.get(name, shape=shape, init=init, allow_deferred_init=True))

    def __repr__(self) -> str:
        rows, channels, *_ = self._reg_params["i2h_weight"].shape or (0, 0)
        return f"{type(self).__name__}({channels or None} -> {rows}, {self._activation}, {self._conv_layout})"

    def _alias(self) -> str:
        return f"conv_{self._mode.name.split('_')[0]}"

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """Each state is ``(N, hidden_channels, ...)`` over the axes that the input's convolution leaves."""
        shape = (batch_size, *self._state_shape)
        return [{"shape": shape, "__layout__": self._conv_layout} for _ in range(self._mode.states)]

    def hybrid_forward(
        self, F: Any, inputs: Any, states: Any, i2h_weight: Any, h2h_weight: Any, i2h_bias: Any, h2h_bias: Any
    ) -> tuple[Any, list[Any]]:
        """One step; see `RecurrentCell.forward`."""
        new = conv_step(
            F,
            self._mode,
            self._hidden_channels,
            self._conv,
            CellWeights(i2h_weight, i2h_bias, h2h_weight, h2h_bias),
            inputs,
            expect_states(type(self).__name__, states, self._mode.states),
            f"t{self._counter}_",
            self._spelling,
            operator_of(F, self._activation),
        )
        return new[0], new


def _sizes(given: Sizes, axes: int) -> Any:
    """One number stands for all axes."""
    return (given,) * axes if is_whole(given, 0) else given


def _sizes_after(sizes: Sequence[int], how: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    """The sizes that a convolution of stride 1 leaves; what is not known, 0, stays so."""
    settings = zip(sizes, how["kernel"], how["pad"], how["dilate"], strict=True)
    return tuple(size and size + 2 * pad - dilate * (kernel - 1) for size, kernel, pad, dilate in settings)


class Conv1DRNNCell(_ConvCell):
    """Elman's recurrent cell with convolutions over ``(N, C, W)``; parameters as `Conv2DLSTMCell` has them."""

    _layout = "NCW"


class Conv2DRNNCell(_ConvCell):
    """Elman's recurrent cell with convolutions over ``(N, C, H, W)``; parameters as `Conv2DLSTMCell` has them."""

    _layout = "NCHW"


class Conv3DRNNCell(_ConvCell):
    """Elman's recurrent cell with convolutions over ``(N, C, D, H, W)``; parameters as `Conv2DLSTMCell` has them."""

    _layout = "NCDHW"


class _ConvLSTMCell(_ConvCell):
    _mode = MODES["lstm"]
    _spelling = spelling.CONV_LSTM


class Conv1DLSTMCell(_ConvLSTMCell):
    """Long short-term memory with convolutions over ``(N, C, W)``; parameters as `Conv2DLSTMCell` has them."""

    _layout = "NCW"


class Conv2DLSTMCell(_ConvLSTMCell):
    """Long short-term memory with convolutions over ``(N, C, H, W)``.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one step's input without the batch: ``(C, W)``, ``(C, H, W)`` or ``(C, D, H, W)``.
    hidden_channels : int
        Channels of the state.
    i2h_kernel, h2h_kernel : int or tuple of int
        Kernels over the input and the state; the latter's sizes are odd, and it is padded to keep the state's size.
    i2h_pad, i2h_dilate, h2h_dilate : int or tuple of int
        Padding and dilation.
    i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer : optional
        How the parameters are drawn; where it is None, what `initialize` is given decides.
    conv_layout : str
        ``'NCW'``, ``'NCHW'`` or ``'NCDHW'``.
    activation : str, Block or callable
        Of candidates and outputs.
    prefix : str, optional
        Prefix of names; ``conv_lstm0_`` and so on by default.
    params : ParameterDict, optional
        Parameters to share: ``i2h_weight`` ``(G*hidden_channels, C, *i2h_kernel)``, ``h2h_weight``
        ``(G*hidden_channels, hidden_channels, *h2h_kernel)``, ``i2h_bias`` and ``h2h_bias`` ``(G*hidden_channels,)``.

    Raises
    ------
    ArgumentError
        If sizes contradict each other, or the hidden kernel's are not odd.
    NotSupportedError
        If the channels come last.

    Notes
    -----
    Shi et al., Convolutional LSTM Network: A Machine Learning Approach for Precipitation Nowcasting, 2015, without the
    peepholes.

    Examples
    --------
    >>> import rennet as mx
    >>> cell = mx.gluon.contrib.rnn.Conv2DLSTMCell((3, 8, 9), 4, i2h_kernel=3, h2h_kernel=3, i2h_pad=1)
    >>> cell.initialize()
    >>> outputs, states = cell.unroll(2, mx.nd.ones((5, 2, 3, 8, 9)), merge_outputs=True)
    >>> outputs.shape, cell
    ((5, 2, 4, 8, 9), Conv2DLSTMCell(3 -> 16, tanh, NCHW))
    """

    _layout = "NCHW"


class Conv3DLSTMCell(_ConvLSTMCell):
    """Long short-term memory with convolutions over ``(N, C, D, H, W)``; parameters as `Conv2DLSTMCell` has them."""

    _layout = "NCDHW"


class _ConvGRUCell(_ConvCell):
    _mode = MODES["gru"]
    _spelling = spelling.CONV_GRU


class Conv1DGRUCell(_ConvGRUCell):
    """Gated recurrent unit with convolutions over ``(N, C, W)``; parameters as `Conv2DLSTMCell` has them."""

    _layout = "NCW"


class Conv2DGRUCell(_ConvGRUCell):
    """Gated recurrent unit with convolutions over ``(N, C, H, W)``; parameters as `Conv2DLSTMCell` has them."""

    _layout = "NCHW"


class Conv3DGRUCell(_ConvGRUCell):
    """Gated recurrent unit with convolutions over ``(N, C, D, H, W)``; parameters as `Conv2DLSTMCell` has them."""

    _layout = "NCDHW"
