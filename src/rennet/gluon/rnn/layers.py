"""The fused layers: RNN, LSTM and GRU over whole sequences."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ... import ndarray, symbol
from ..._cells.states import expect_states
from ..._kernels.stack import stack_of
from ..._recurrence.modes import MODES
from ...base import ArgumentError, ShapeError, expect_whole, one_of
from ...ndarray import NDArray
from ...symbol import Symbol
from ..hybrid_block import HybridBlock
from ..parameter import Parameter
from .containers import HybridSequentialRNNCell
from .unfusing import unfused

__all__ = ["GRU", "LSTM", "RNN"]


class _RNNLayer(HybridBlock):
    """What the three layers have in common: parameters named by layer and direction, states, and one operator."""

    def __init__(
        self,
        hidden_size: int,
        num_layers: int,
        layout: str,
        dropout: float,
        bidirectional: bool,
        input_size: int,
        i2h_weight_initializer: Any,
        h2h_weight_initializer: Any,
        i2h_bias_initializer: Any,
        h2h_bias_initializer: Any,
        mode: str,
        projection_size: int | None = None,
        h2r_weight_initializer: Any = None,
        lstm_state_clip_min: float | None = None,
        lstm_state_clip_max: float | None = None,
        lstm_state_clip_nan: bool = False,
        dtype: Any = "float32",
        use_sequence_length: bool = False,
        **kwargs: Any,
    ) -> None:
        one_of(f"{type(self).__name__}: layout", layout, ("TNC", "NTC"))
        expect_whole(f"{type(self).__name__}: input_size", input_size, 0)
        if h2r_weight_initializer is not None and projection_size is None:
            raise ArgumentError(
                f"{type(self).__name__}: h2r_weight_initializer: there is no projection to fill; give an LSTM's "
                "projection_size as well"
            )
        clip = lstm_state_clip_min, lstm_state_clip_max, lstm_state_clip_nan
        stack = stack_of(mode, hidden_size, num_layers, bool(bidirectional), dropout, projection_size, *clip)
        super().__init__(**kwargs)
        self._hidden_size, self._num_layers, self._mode, self._layout = hidden_size, num_layers, mode, layout
        self._dropout, self._dir, self._input_size = dropout, 2 if bidirectional else 1, input_size
        self._projection_size, self._dtype, self._use_sequence_length = projection_size, dtype, use_sequence_length
        self._lstm_state_clip_min, self._lstm_state_clip_max, self._lstm_state_clip_nan = clip
        self._gates = MODES[mode].num_gates
        self._i2h_weight_initializer, self._h2h_weight_initializer = i2h_weight_initializer, h2h_weight_initializer
        self._i2h_bias_initializer, self._h2h_bias_initializer = i2h_bias_initializer, h2h_bias_initializer
        self._h2r_weight_initializer = h2r_weight_initializer
        # the flat vector has all weights before all biases; parameters are listed layer by layer
        self._slots = stack.layout
        slots = sorted(
            stack.layout.slots(input_size), key=lambda slot: (slot.layer, slot.direction, slot.group == "h2r")
        )
        for slot in slots:
            shape = slot.shape if input_size or slot.layer or slot.field != "i2h_weight" else (slot.shape[0], 0)
            self._register_param(slot.name(), shape, getattr(self, f"_{slot.field}_initializer"), dtype)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Parameter:
            """Tells type checkers of the parameters, which are named by layer and direction."""
            ...

    def _register_param(self, name: str, shape: tuple[int, ...], init: Any, dtype: Any) -> Parameter:
        parameter = self.params.get(name, shape=shape, init=init, allow_deferred_init=True, dtype=dtype)
        setattr(self, name, parameter)
        return parameter

    def __repr__(self) -> str:
        width, inside = self._reg_params["l0_i2h_weight"].shape or (0, 0)
        text = f"{type(self).__name__}({inside or None} -> {width // self._gates}, {self._layout}"
        text += f", num_layers={self._num_layers}" if self._num_layers != 1 else ""
        text += f", dropout={self._dropout}" if self._dropout else ""
        return text + (", bidirectional)" if self._dir == 2 else ")")

    def _collect_params_with_prefix(self, prefix: str = "") -> dict[str, Parameter]:
        """Names as the cells of the unfused layer would have them, which is what files hold."""
        dotted = f"{prefix}." if prefix else ""
        found = {}
        for name, parameter in self._reg_params.items():
            match = re.fullmatch(r"([lr])(\d+)_((?:i2h|h2h|h2r)_(?:weight|bias))", name)
            assert match is not None
            direction, layer, field = match.groups()
            cell = f"{direction}_cell." if self._dir == 2 else ""
            found[f"{dotted}_unfused.{layer}.{cell}{field}"] = parameter
        return found

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """Shape, layout and element type of each state."""
        layers = self._num_layers * self._dir
        widths = [self._slots.output_size, self._hidden_size][: MODES[self._mode].states]
        return [{"shape": (layers, batch_size, width), "__layout__": "LNC", "dtype": self._dtype} for width in widths]

    def begin_state(self, batch_size: int = 0, func: Callable[..., Any] = ndarray.zeros, **kwargs: Any) -> list[Any]:
        """States to begin a sequence with.

        Parameters
        ----------
        batch_size : int
            Rows; may be 0 only for symbols, where it is inferred.
        func : callable
            Makes each state: `nd.zeros` by default; `sym.zeros`, `sym.var` and so on make symbols.
        **kwargs
            Passed on to `func`, with the state's name, shape and element type: ``ctx``, say.
        """
        expect_whole(f"{type(self).__name__}.begin_state: batch_size", batch_size, 0)
        return [
            func(name=f"{self.prefix}h0_{place}", **{**info, **kwargs})
            for place, info in enumerate(self.state_info(batch_size))
        ]

    def cast(self, dtype: Any) -> None:
        """Change the element type of all parameters, and of the states that `begin_state` makes."""
        super().cast(dtype)
        self._dtype = dtype

    def __call__(self, inputs: Any, states: Any = None, sequence_length: Any = None) -> Any:
        """The layers over a sequence.

        Parameters
        ----------
        inputs : NDArray or Symbol
            ``(T, N, I)`` in the layout TNC, ``(N, T, I)`` in NTC.
        states : NDArray, Symbol or list, optional
            States to begin with, each ``(num_layers*directions, N, H)``; zeros by default.
        sequence_length : NDArray, Symbol or sequence of int, optional
            ``(N,)``, needed if the layer was made with ``use_sequence_length``. Outputs past a sequence's length are 0,
            its final states are those at its last step, and the backward direction begins there.

        Returns
        -------
        output : NDArray or Symbol
            As the inputs, ``directions*H`` wide. Alone, if no states were given.
        states : list
            The final states.
        """
        name = type(self).__name__
        if sequence_length is not None and not self._use_sequence_length:
            raise ArgumentError(
                f"{name}: sequence_length is given, but the layer was made without use_sequence_length=True"
            )
        if sequence_length is None and self._use_sequence_length:
            raise ArgumentError(f"{name}: use_sequence_length=True asks for a sequence_length (N,) at every call")
        if sequence_length is not None and not isinstance(sequence_length, NDArray | Symbol):
            sequence_length = ndarray.array(sequence_length, ctx=inputs.context, dtype="int32")
        if states is None and isinstance(inputs, Symbol):
            given: Any = self.begin_state(0, func=symbol.zeros)
        else:
            given = None if states is None else expect_states(name, states, MODES[self._mode].states)
        args = [given] if sequence_length is None else [given, sequence_length]
        results = super().__call__(inputs, *args)
        # with None for states, hybrid_forward gave the output alone
        return results[0] if states is None and isinstance(results, list | tuple) else results

    def hybrid_forward(self, F: Any, inputs: Any, states: Any, sequence_length: Any = None, **kwargs: Any) -> Any:
        """The output, and, if states were given, a list of the final ones."""
        alone = states is None
        if alone:
            states = self._zeros(F, inputs)
        if F is ndarray:
            self._check(inputs, states)
        data = F.swapaxes(inputs, dim1=0, dim2=1) if self._layout == "NTC" else inputs
        lengths = [] if sequence_length is None else [sequence_length]
        parts = [kwargs[slot.name()] for slot in self._slots.slots(0)]
        how = self._attributes()
        if F is ndarray:
            output, *final = F._internal._rnn_of_parts(data, *states, *lengths, *parts, **how)
        else:
            flat = F._internal._rnn_param_concat(*[F.reshape(part, shape=-1) for part in parts], dim=0)
            output, *final = F.RNN(data, flat, *states, *lengths, **how)
        if self._layout == "NTC":
            output = F.swapaxes(output, dim1=0, dim2=1)
        return output if alone else (output, final)

    def _attributes(self) -> dict[str, Any]:
        """The attributes of the operator."""
        return {
            "use_sequence_length": self._use_sequence_length,
            "state_size": self._hidden_size,
            "projection_size": self._projection_size,
            "num_layers": self._num_layers,
            "bidirectional": self._dir == 2,
            "p": self._dropout,
            "state_outputs": True,
            "mode": self._mode,
            "lstm_state_clip_min": self._lstm_state_clip_min,
            "lstm_state_clip_max": self._lstm_state_clip_max,
            "lstm_state_clip_nan": self._lstm_state_clip_nan,
        }

    def unfuse(self) -> HybridSequentialRNNCell:
        """The same network as a stack of cells, which share this layer's parameters.

        >>> import rennet as mx
        >>> mx.gluon.rnn.LSTM(4, 2, input_size=3).unfuse()
        HybridSequentialRNNCell(
        (0): LSTMCell(3 -> 16)
        (1): LSTMCell(4 -> 16)
        )
        """
        return unfused(self)

    _unfuse = unfuse

    def _zeros(self, F: Any, inputs: Any) -> list[Any]:
        """Begin states, of the inputs' own element type and on their device."""
        if F is ndarray:
            batch = inputs.shape[self._layout.index("N")] if inputs.ndim == 3 else 0
            return self.begin_state(batch, ctx=inputs.context, dtype=inputs.dtype)
        return [F.zeros(name=f"h0_{place}", **info) for place, info in enumerate(self.state_info(0))]

    def _check(self, inputs: NDArray, states: Sequence[NDArray]) -> None:
        if inputs.ndim != 3:
            axes = "(T, N, I)" if self._layout == "TNC" else "(N, T, I)"
            raise ShapeError(f"{self.name}: expected inputs of 3 axes, {axes}; got shape {inputs.shape}")
        for state, info in zip(states, self.state_info(inputs.shape[self._layout.index("N")]), strict=True):
            if state.shape != info["shape"]:
                raise ShapeError(f"Invalid recurrent state shape. Expecting {info['shape']}, got {state.shape}.")


class RNN(_RNNLayer):
    """Layers of Elman's (1990) RNN over a sequence: ``h' = act(W x + b + U h + b')``.

    Parameters
    ----------
    hidden_size : int
        Units of each layer and direction.
    num_layers : int
        Layers.
    activation : {'relu', 'tanh'}
        The activation.
    layout : {'TNC', 'NTC'}
        Where time and batch are in inputs and outputs. States are ``(layers, N, H)`` either way.
    dropout : float
        Dropout on the outputs of every layer but the last, in training.
    bidirectional : bool
        Run every layer both ways; outputs are twice as wide.
    i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer : Initializer or str
        How parameters are filled; weights by what `initialize` is given, if None.
    input_size : int
        Width of the inputs; 0 to find out from the first batch.
    dtype : str or type
        Element type of parameters.
    use_sequence_length : bool
        Whether calls give the sequences' lengths.
    prefix, params : optional
        Those of `Block`.

    Examples
    --------
    >>> import rennet as mx
    >>> layer = mx.gluon.rnn.RNN(100, 3)
    >>> layer.initialize()
    >>> inputs = mx.nd.random.uniform(shape=(5, 3, 10))
    >>> layer(inputs).shape
    (5, 3, 100)
    >>> output, states = layer(inputs, mx.nd.random.uniform(shape=(3, 3, 100)))
    >>> states[0].shape
    (3, 3, 100)
    """

    def __init__(
        self,
        hidden_size: int,
        num_layers: int = 1,
        activation: str = "relu",
        layout: str = "TNC",
        dropout: float = 0,
        bidirectional: bool = False,
        i2h_weight_initializer: Any = None,
        h2h_weight_initializer: Any = None,
        i2h_bias_initializer: Any = "zeros",
        h2h_bias_initializer: Any = "zeros",
        input_size: int = 0,
        dtype: Any = "float32",
        **kwargs: Any,
    ) -> None:
        one_of("RNN: activation", activation, ("relu", "tanh"))
        super().__init__(
            hidden_size,
            num_layers,
            layout,
            dropout,
            bidirectional,
            input_size,
            i2h_weight_initializer,
            h2h_weight_initializer,
            i2h_bias_initializer,
            h2h_bias_initializer,
            f"rnn_{activation}",
            dtype=dtype,
            **kwargs,
        )


class LSTM(_RNNLayer):
    """Layers of the LSTM (Hochreiter & Schmidhuber 1997, with forget gates) over a sequence.

    ``i, f, o = sigmoid(W x + b + U h + b')``, ``g = tanh(...)``, ``c' = f*c + i*g``, ``h' = o*tanh(c')``; with
    `projection_size` ``h' = R (o*tanh(c'))`` (Sak et al. 2014).

    Parameters
    ----------
    hidden_size : int
        Units of each layer and direction.
    num_layers : int
        Layers.
    layout : {'TNC', 'NTC'}
        Where time and batch are in inputs and outputs. States are ``(layers, N, H)`` either way.
    dropout : float
        Dropout on the outputs of every layer but the last, in training.
    bidirectional : bool
        Run every layer both ways; outputs are twice as wide.
    input_size : int
        Width of the inputs; 0 to find out from the first batch.
    i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer : Initializer or str
        How parameters are filled; weights by what `initialize` is given, if None. ``'lstmbias'`` sets the forget gates'
        biases to 1.
    projection_size : int, optional
        Width to which the hidden state is projected.
    h2r_weight_initializer : Initializer or str
        How the projection is filled; only with `projection_size`.
    state_clip_min, state_clip_max : float, optional
        Bounds on the cell state at every step; both or none.
    state_clip_nan : bool
        Whether NaN in the cell state becomes the upper bound.
    dtype : str or type
        Element type of parameters.
    use_sequence_length : bool
        Whether calls give the sequences' lengths.
    prefix, params : optional
        Those of `Block`.

    Examples
    --------
    >>> import rennet as mx
    >>> layer = mx.gluon.rnn.LSTM(100, 3)
    >>> layer.initialize()
    >>> inputs = mx.nd.random.uniform(shape=(5, 3, 10))
    >>> layer(inputs).shape
    (5, 3, 100)
    >>> output, (h, c) = layer(inputs, layer.begin_state(3))
    >>> h.shape, c.shape
    ((3, 3, 100), (3, 3, 100))
    """

    def __init__(
        self,
        hidden_size: int,
        num_layers: int = 1,
        layout: str = "TNC",
        dropout: float = 0,
        bidirectional: bool = False,
        input_size: int = 0,
        i2h_weight_initializer: Any = None,
        h2h_weight_initializer: Any = None,
        i2h_bias_initializer: Any = "zeros",
        h2h_bias_initializer: Any = "zeros",
        projection_size: int | None = None,
        h2r_weight_initializer: Any = None,
        state_clip_min: float | None = None,
        state_clip_max: float | None = None,
        state_clip_nan: bool = False,
        dtype: Any = "float32",
        **kwargs: Any,
    ) -> None:
        # the operator's spelling of the bounds, and the layer's
        clip = {"min": state_clip_min, "max": state_clip_max, "nan": state_clip_nan}
        bounds = {f"lstm_state_clip_{key}": kwargs.pop(f"lstm_state_clip_{key}", value) for key, value in clip.items()}
        super().__init__(
            hidden_size,
            num_layers,
            layout,
            dropout,
            bidirectional,
            input_size,
            i2h_weight_initializer,
            h2h_weight_initializer,
            i2h_bias_initializer,
            h2h_bias_initializer,
            "lstm",
            projection_size,
            h2r_weight_initializer,
            dtype=dtype,
            **bounds,
            **kwargs,
        )


class GRU(_RNNLayer):
    """Layers of the GRU over a sequence: Cho et al. (2014), in cuDNN's variant.

    ``r, z = sigmoid(W x + b + U h + b')``, ``n = tanh(W x + b + r*(U h + b'))``, ``h' = (1-z)*n + z*h``.

    Parameters
    ----------
    hidden_size : int
        Units of each layer and direction.
    num_layers : int
        Layers.
    layout : {'TNC', 'NTC'}
        Where time and batch are in inputs and outputs. States are ``(layers, N, H)`` either way.
    dropout : float
        Dropout on the outputs of every layer but the last, in training.
    bidirectional : bool
        Run every layer both ways; outputs are twice as wide.
    input_size : int
        Width of the inputs; 0 to find out from the first batch.
    i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer : Initializer or str
        How parameters are filled; weights by what `initialize` is given, if None.
    dtype : str or type
        Element type of parameters.
    use_sequence_length : bool
        Whether calls give the sequences' lengths.
    prefix, params : optional
        Those of `Block`.

    Examples
    --------
    >>> import rennet as mx
    >>> layer = mx.gluon.rnn.GRU(100, bidirectional=True, use_sequence_length=True)
    >>> layer.initialize()
    >>> inputs = mx.nd.random.uniform(shape=(5, 3, 10))
    >>> output = layer(inputs, sequence_length=[5, 2, 3])
    >>> output.shape, output[2:, 1].norm().asscalar().item()
    ((5, 3, 200), 0.0)
    """

    def __init__(
        self,
        hidden_size: int,
        num_layers: int = 1,
        layout: str = "TNC",
        dropout: float = 0,
        bidirectional: bool = False,
        input_size: int = 0,
        i2h_weight_initializer: Any = None,
        h2h_weight_initializer: Any = None,
        i2h_bias_initializer: Any = "zeros",
        h2h_bias_initializer: Any = "zeros",
        dtype: Any = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            hidden_size,
            num_layers,
            layout,
            dropout,
            bidirectional,
            input_size,
            i2h_weight_initializer,
            h2h_weight_initializer,
            i2h_bias_initializer,
            h2h_bias_initializer,
            "gru",
            dtype=dtype,
            **kwargs,
        )
