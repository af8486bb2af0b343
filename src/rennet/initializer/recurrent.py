"""Initializers of recurrent layers: the forget gate's bias, and the fused layers' flat vector."""

from __future__ import annotations

from .._recurrence.layout import Layout, Slot
from .._recurrence.modes import MODES
from ..base import ArgumentError, ShapeError, one_of
from ..ndarray import NDArray
from .contract import InitDesc, Initializer, create, register


@register
class LSTMBias(Initializer):
    """An LSTM's bias: `forget_bias` for the forget gate, the second quarter, and 0 for the rest.

    Parameters
    ----------
    forget_bias : float
        Jozefowicz, Zaremba and Sutskever (ICML 2015) recommend 1.

    Examples
    --------
    >>> import rennet as mx
    >>> from rennet.initializer import InitDesc, LSTMBias, Xavier
    >>> bias = mx.nd.zeros((8,))
    >>> Xavier()(InitDesc("lstm_i2h_bias", {"__init__": LSTMBias(forget_bias=1.0).dumps()}), bias)
    >>> bias.asnumpy().tolist()
    [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    """

    def __init__(self, forget_bias: float = 1.0) -> None:
        super().__init__(forget_bias=forget_bias)
        self.forget_bias = forget_bias

    def _init_weight(self, name: str, arr: NDArray) -> None:
        if arr.ndim != 1 or arr.size % 4:
            raise ShapeError(
                f"LSTMBias: {name}: expected the biases of four gates, shape (4 * hidden,); got {arr.shape}"
            )
        hidden = arr.size // 4
        arr[:] = 0.0
        arr[hidden : 2 * hidden] = self.forget_bias


@register
class FusedRNN(Initializer):
    """The flat vector of a fused recurrent layer, each gate's matrix and bias as a parameter of its own.

    The parameters are named as `FusedRNNCell.unpack_weights` names them (``lstm_l0_i2h_f_weight``, ...) and go to
    `init`, or to the global initializer. An LSTM's forget gate gets `forget_bias` in its i2h bias alone, so that it
    counts once.

    Parameters
    ----------
    init : Initializer or str or None
        Initialises the parameters; None for the global initializer.
    num_hidden, num_layers : int
        Sizes of the layer.
    mode : {'lstm', 'gru', 'rnn_tanh', 'rnn_relu'}
        Kind of the layer.
    bidirectional : bool
        Whether the layer runs in both directions.
    forget_bias : float
        Bias of an LSTM's forget gate.

    Examples
    --------
    >>> import rennet as mx
    >>> from rennet.initializer import FusedRNN, InitDesc, One
    >>> vector = mx.nd.zeros((8 + 4 + 8,))  # input size 2, hidden size 1
    >>> FusedRNN(One(), num_hidden=1, num_layers=1, mode="lstm")(InitDesc("lstm_weight"), vector)
    >>> vector[12:].asnumpy().tolist()  # biases: i2h of i, f, c, o, then h2h
    [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """

    def __init__(
        self,
        init: Initializer | str | None,
        num_hidden: int,
        num_layers: int,
        mode: str,
        bidirectional: bool = False,
        forget_bias: float = 1.0,
    ) -> None:
        inner: Initializer | None = create(init) if isinstance(init, str) else init
        super().__init__(
            init=inner.dumps() if inner is not None else None,
            num_hidden=num_hidden,
            num_layers=num_layers,
            mode=one_of("mode", mode, MODES),
            bidirectional=bidirectional,
            forget_bias=forget_bias,
        )
        self._init = inner
        self._layout = Layout(mode, num_hidden, num_layers, bidirectional)
        self._forget_bias = forget_bias

    def _init_weight(self, name: str, arr: NDArray) -> None:
        global_init = getattr(name, "global_init", None)
        initialize = self._init or global_init
        if initialize is None or initialize is self:
            raise ArgumentError(
                f"FusedRNN: {name}: expected an initializer for its parameters; pass init or a global one"
            )
        # "lstm_parameters" belongs to the cell with the prefix "lstm_"
        prefix = name.removesuffix("parameters") if name.endswith("parameters") else ""
        vector = arr.tensor.detach().reshape(-1)
        for slot in self._layout.slots(self._input_size(name, arr)):
            matrix = vector[slot.offset : slot.offset + slot.size].view(slot.shape)
            for gate, rows in zip(slot.gates, matrix.chunk(len(slot.gates)), strict=True):
                part = NDArray(rows, arr.context)
                if self._is_forget_bias(slot, gate):
                    part[:] = self._forget_bias
                else:
                    initialize(InitDesc(prefix + slot.name(gate), global_init=global_init), part)

    def _init_default(self, name: str, arr: NDArray) -> None:
        if name.endswith("parameters"):
            self._init_weight(name, arr)
        else:
            super()._init_default(name, arr)

    def _is_forget_bias(self, slot: Slot, gate: str) -> bool:
        return self._layout.mode == "lstm" and (slot.group, slot.kind, gate) == ("i2h", "bias", "_f")

    def _input_size(self, name: str, arr: NDArray) -> int:
        size = self._layout.input_size(arr.size)
        if size is None:
            fixed = self._layout.size(0)
            step = self._layout.size(1) - fixed
            raise ShapeError(
                f"FusedRNN: {name}: a vector of {arr.size} elements fits no input size of {self._layout}: "
                f"expected {fixed} + {step} * input_size"
            )
        return size
