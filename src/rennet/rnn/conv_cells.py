"""Convolutional cells: RNN, LSTM and GRU over images."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .. import symbol
from .._cells.convolutional import conv_step, convolutions, expect_sizes
from .._cells.gated import CellWeights
from .._recurrence.modes import MODES
from ..base import ArgumentError, expect
from ..symbol import Symbol
from . import spelling
from .cell import RNNParams
from .gated_cell import GatedCell, expect_activation

LEAKY = functools.partial(symbol.LeakyReLU, act_type="leaky", slope=0.2)


class BaseConvRNNCell(GatedCell):
    """A cell over images, whose projections are convolutions.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one step's input, batch included: ``(N, C, H, W)``. Only the sizes behind the batch are used.
    num_hidden : int
        Channels of the state.
    h2h_kernel, h2h_dilate : tuple of int
        The convolution of the state; its sizes are odd, and it is padded to keep the state's size.
    i2h_kernel, i2h_stride, i2h_pad, i2h_dilate : tuple of int
        The convolution of the input.
    i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer : optional
        How the parameters are drawn; where it is None, the module's initialiser decides.
    activation : str or callable
        Of candidates and outputs; a leaky ReLU of slope 0.2 by default.
    prefix : str, optional
        Prefix of names; ``ConvLSTM_`` and so on by default.
    params : RNNParams, optional
        Parameters to share: ``i2h_weight`` ``(G*num_hidden, C, *i2h_kernel)``, ``h2h_weight`` ``(G*num_hidden,
        num_hidden, *h2h_kernel)``, ``i2h_bias`` and ``h2h_bias`` ``(G*num_hidden,)``.
    conv_layout : str
        ``'NCHW'``, or ``'NCW'`` and ``'NCDHW'`` with kernels of one and three sizes.

    Raises
    ------
    ArgumentError
        If sizes contradict each other, or the hidden kernel's are not odd.
    NotSupportedError
        If the channels come last.
    """

    _default_prefix = ""

    def __init__(
        self,
        input_shape: Sequence[int],
        num_hidden: int,
        h2h_kernel: tuple[int, ...] = (3, 3),
        h2h_dilate: tuple[int, ...] = (1, 1),
        i2h_kernel: tuple[int, ...] = (3, 3),
        i2h_stride: tuple[int, ...] = (1, 1),
        i2h_pad: tuple[int, ...] = (1, 1),
        i2h_dilate: tuple[int, ...] = (1, 1),
        i2h_weight_initializer: Any = None,
        h2h_weight_initializer: Any = None,
        i2h_bias_initializer: Any = "zeros",
        h2h_bias_initializer: Any = "zeros",
        activation: str | Callable[..., Symbol] = LEAKY,
        prefix: str | None = None,
        params: RNNParams | None = None,
        conv_layout: str = "NCHW",
    ) -> None:
        initializers = CellWeights(
            i2h_weight_initializer, i2h_bias_initializer, h2h_weight_initializer, h2h_bias_initializer
        )
        super().__init__(num_hidden, self._default_prefix if prefix is None else prefix, params, initializers)
        owner = type(self).__name__
        self._activation = expect_activation(owner, activation)
        expect(f"{owner}: conv_layout", conv_layout, str, "a word such as 'NCHW'")
        self._conv = convolutions(i2h_kernel, i2h_stride, i2h_pad, i2h_dilate, h2h_kernel, h2h_dilate, conv_layout)
        expect_sizes(f"{owner}: input_shape", input_shape, 0)
        if len(input_shape) != len(conv_layout):
            raise ArgumentError(
                f"{owner}: input_shape: expected a size for each of {conv_layout}, batch included; "
                f"got {tuple(input_shape)}"
            )
        once = symbol.Convolution(symbol.Variable("data"), num_filter=num_hidden, layout=conv_layout, **self._conv.i2h)
        _, (shape,), _ = once.infer_shape(data=tuple(input_shape))
        self._state_shape = (0, *shape[1:])

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """Each state is ``(N, num_hidden, ...)`` over the axes that the input's convolution leaves."""
        return [{"shape": self._state_shape, "__layout__": self._conv.layout} for _ in range(self._mode.states)]

    def __call__(self, inputs: Symbol, states: Any) -> tuple[Symbol, list[Any]]:
        """One step on ``(N, C, H, W)``; see `BaseRNNCell.__call__`."""
        states, weights, name = self._begin_step(states)
        new = conv_step(
            symbol,
            self._mode,
            self._num_hidden,
            self._conv,
            weights,
            inputs,
            states,
            name,
            self._spelling,
            self._activation,
        )
        return new[0], new


class ConvRNNCell(BaseConvRNNCell):
    """Elman's recurrent cell with convolutions; see `BaseConvRNNCell` for the parameters.

    Examples
    --------
    >>> import rennet as mx
    >>> cell = mx.rnn.ConvRNNCell(input_shape=(1, 3, 16, 10), num_hidden=4)
    >>> outputs, _ = cell.unroll(2, mx.sym.Variable("x"), merge_outputs=True)
    >>> outputs.infer_shape(x=(5, 2, 3, 16, 10))[1]
    [(5, 2, 4, 16, 10)]
    """

    _default_prefix = "ConvRNN_"


class ConvLSTMCell(BaseConvRNNCell):
    """Long short-term memory with convolutions; see `BaseConvRNNCell` for the parameters.

    Notes
    -----
    Shi et al., Convolutional LSTM Network: A Machine Learning Approach for Precipitation Nowcasting, 2015, without the
    peepholes.
    """

    _mode = MODES["lstm"]
    _spelling = spelling.LSTM
    _default_prefix = "ConvLSTM_"


class ConvGRUCell(BaseConvRNNCell):
    """Gated recurrent unit with convolutions, in cuDNN's variant; see `BaseConvRNNCell` for the parameters."""

    _mode = MODES["gru"]
    _spelling = spelling.CONV_GRU
    _default_prefix = "ConvGRU_"
