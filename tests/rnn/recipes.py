"""Random recurrent networks, as snippets that both libraries run."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

PRELUDE = """
def stack(*cells):
    made = mx.rnn.SequentialRNNCell()
    for cell in cells:
        made.add(cell)
    return made

def flat(states):
    return sum((flat(each) for each in states), []) if isinstance(states, list) else [states]
"""

INPUT_SIZE = 3
BATCH = 2

MODES = ("rnn_relu", "rnn_tanh", "lstm", "gru")


class Recipe(NamedTuple):
    """An unrolled network."""

    cell: str
    """An expression that makes the cell."""
    length: int
    layout: str
    listed: bool
    """Whether the input is a list of steps."""
    merge: bool | None
    begin: str
    """An expression for the begin states."""

    @property
    def source(self) -> str:
        """Leaves the outputs, and after them the final states, in `net`."""
        inputs = (
            f"[mx.sym.Variable('x%d' % t) for t in range({self.length})]" if self.listed else "mx.sym.Variable('x')"
        )
        return f"""{PRELUDE}
cell = {self.cell}
outputs, states = cell.unroll(
    {self.length}, inputs={inputs}, begin_state={self.begin}, layout={self.layout!r}, merge_outputs={self.merge}
)
heads = (outputs if isinstance(outputs, list) else [outputs]) + flat(states)
# each once: MXNet forgets all but the last gradient of a head that is there twice
net = mx.sym.Group(list({{head.list_outputs()[0]: head for head in heads}}.values()))
"""

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the inputs."""
        if self.listed:
            return {f"x{t}": (BATCH, INPUT_SIZE) for t in range(self.length)}
        sizes = {"T": self.length, "N": BATCH, "C": INPUT_SIZE}
        return {"x": tuple(sizes[axis] for axis in self.layout)}


@st.composite
def _plain_cells(draw: Any, prefixes: Any) -> str:
    kind = draw(st.sampled_from(["RNNCell", "RNNCell", "LSTMCell", "GRUCell"]))
    more = f", activation={draw(st.sampled_from(['tanh', 'relu']))!r}" if kind == "RNNCell" else ""
    return f"mx.rnn.{kind}({draw(st.integers(1, 3))}{more}, prefix='{next(prefixes)}')"


@st.composite
def _fused_cells(draw: Any, prefixes: Any) -> str:
    fused = (
        f"mx.rnn.FusedRNNCell({draw(st.integers(1, 3))}, num_layers={draw(st.integers(1, 2))}, "
        f"mode={draw(st.sampled_from(MODES))!r}, bidirectional={draw(st.booleans())}, "
        f"get_next_state={draw(st.booleans())}, prefix='{next(prefixes)}')"
    )
    return fused + draw(st.sampled_from(["", ".unfuse()"]))


@st.composite
def _pairs(draw: Any, prefixes: Any) -> str:
    left, right = (draw(_plain_cells(prefixes) | _fused_cells(prefixes)) for _ in range(2))
    return f"mx.rnn.BidirectionalCell({left}, {right}, output_prefix='{next(prefixes)}')"


@st.composite
def recipes(draw: Any) -> Recipe:
    """Cells of every kind, alone, in pairs and in stacks, over 1 to 4 steps."""
    prefixes = (f"c{number}_" for number in range(100))
    single = st.one_of(_plain_cells(prefixes), _fused_cells(prefixes), _pairs(prefixes))
    cells = draw(st.lists(single | st.just("mx.rnn.DropoutCell(0.0)"), min_size=1, max_size=3))
    begin = draw(
        st.sampled_from(["None", "cell.begin_state(func=mx.sym.Variable)", "cell.begin_state(func=mx.sym.ones)"])
    )
    return Recipe(
        cells[0] if len(cells) == 1 else f"stack({', '.join(cells)})",
        draw(st.integers(1, 4)),
        draw(st.sampled_from(["NTC", "TNC"])),
        draw(st.booleans()),
        draw(st.sampled_from([None, True, False])),
        begin,
    )
