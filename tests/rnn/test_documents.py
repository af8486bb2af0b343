"""The code of the documents of `mx.rnn`, run in one go as they print it, against real MXNet and what they say."""

from __future__ import annotations

from typing import Any

from oracle.client import Oracle
from same_script import run_here

SCRIPT = """
input_dim, embed_dim, sequence_length, batch_size = 100, 20, 5, 4
said = {}

def flat(states):
    return sum((flat(each) for each in states), []) if isinstance(states, (list, tuple)) else [states]

def note(what, outputs, states=()):
    listed = outputs if isinstance(outputs, list) else [outputs]
    inputs = {"seq_data": (batch_size, sequence_length), "step_data": (batch_size,)}
    known = {name: inputs[name] for name in listed[0].list_arguments() if name in inputs}
    said[what] = (
        [each.list_outputs()[0] for each in listed],
        None if what == "zoneout" else [tuple(each.infer_shape(**known)[1][0]) for each in listed],
        [state.list_outputs()[0] for state in flat(states)],
        ["list" if isinstance(state, list) else "symbol" for state in states],
    )

# cell interfaces
step_input = mx.symbol.Variable("step_data")
embedded_step = mx.symbol.Embedding(data=step_input, input_dim=input_dim, output_dim=embed_dim)
lstm_cell = mx.rnn.LSTMCell(num_hidden=50)
begin_state = lstm_cell.begin_state()
output, states = lstm_cell(embedded_step, begin_state)
note("step", output, states)

seq_input = mx.symbol.Variable("seq_data")
embedded_seq = mx.symbol.Embedding(data=seq_input, input_dim=input_dim, output_dim=embed_dim)
outputs, states = lstm_cell.unroll(length=sequence_length, inputs=embedded_seq, layout="NTC", merge_outputs=True)
note("merged", outputs, states)
outputs, states = lstm_cell.unroll(length=sequence_length, inputs=embedded_seq, layout="NTC", merge_outputs=False)
note("apart", outputs, states)

# modifier cells
bi_cell = mx.rnn.BidirectionalCell(mx.rnn.LSTMCell(num_hidden=50), mx.rnn.GRUCell(num_hidden=75))
outputs, states = bi_cell.unroll(length=sequence_length, inputs=embedded_seq, merge_outputs=True)
note("both ways", outputs, states)

zoneout_cell = mx.rnn.ZoneoutCell(lstm_cell, zoneout_states=0.5)
outputs, states = zoneout_cell.unroll(length=sequence_length, inputs=embedded_seq, merge_outputs=True)
note("zoneout", outputs)

lstm_cell = mx.rnn.LSTMCell(num_hidden=embed_dim)
residual_cell = mx.rnn.ResidualCell(lstm_cell)
outputs, states = residual_cell.unroll(length=sequence_length, inputs=embedded_seq, merge_outputs=True)
note("residual", outputs, states)

# multi-layer cells
stacked_rnn_cells = mx.rnn.SequentialRNNCell()
stacked_rnn_cells.add(mx.rnn.BidirectionalCell(mx.rnn.LSTMCell(num_hidden=50), mx.rnn.LSTMCell(num_hidden=50)))
stacked_rnn_cells.add(mx.rnn.DropoutCell(0.5))
stacked_rnn_cells.add(mx.rnn.LSTMCell(num_hidden=50))
outputs, states = stacked_rnn_cells.unroll(length=sequence_length, inputs=embedded_seq, merge_outputs=True)
said["stack"] = outputs.list_outputs(), [isinstance(state, list) for state in states]

# fused cell
fused_lstm_cell = mx.rnn.FusedRNNCell(num_hidden=50, num_layers=3, mode="lstm", bidirectional=True, dropout=0.5)
outputs, _ = fused_lstm_cell.unroll(length=sequence_length, inputs=embedded_seq, merge_outputs=True)
note("fused", outputs)
outputs, _ = fused_lstm_cell.unroll(length=sequence_length, inputs=embedded_seq, layout="TNC", merge_outputs=True)
said["fused, time first"] = outputs.list_outputs()
unfused_lstm_cell = fused_lstm_cell.unfuse()
unfused_outputs, _ = unfused_lstm_cell.unroll(length=sequence_length, inputs=embedded_seq, merge_outputs=True)
note("unfused", unfused_outputs)
shapes = unfused_outputs.infer_shape(seq_data=(batch_size, sequence_length))[0]
said["parameters"] = dict(zip(unfused_outputs.list_arguments(), [tuple(shape) for shape in shapes]))
"""


def _plain(said: Any) -> Any:
    if isinstance(said, dict):
        return {key: _plain(value) for key, value in said.items()}
    return [_plain(each) for each in said] if isinstance(said, list | tuple) else said


def test_the_documents_run_and_name_what_they_say(oracle: Oracle) -> None:
    ours = _plain(run_here(SCRIPT, ["said"])["said"])
    assert ours == _plain(oracle.build(SCRIPT, ["said"])["said"])

    # what the comments in the documents print
    last = ["lstm_t4_out_output", "lstm_t4_state_output"]
    assert ours["step"] == [
        ["lstm_t0_out_output"],
        [[4, 50]],
        ["lstm_t0_out_output", "lstm_t0_state_output"],
        ["symbol"] * 2,
    ]
    assert ours["merged"] == [["concat0_output"], [[4, 5, 50]], last, ["symbol"] * 2]
    assert ours["apart"] == [[f"lstm_t{t}_out_output" for t in range(5)], [[4, 50]] * 5, last, ["symbol"] * 2]
    assert ours["both ways"] == [["bi_out_output"], [[4, 5, 125]], [*last, "gru_t4_out_output"], ["list"] * 2]
    assert ours["fused"][1] == [[4, 5, 100]]
    assert ours["fused, time first"] == ["lstm_rnn_output"]
    assert ours["unfused"][:2] == [["lstm_bi_l2_out_output"], [[4, 5, 100]]]
    assert {
        "lstm_l0_i2h_weight": [200, 20],
        "lstm_l0_i2h_bias": [200],
        "lstm_l0_h2h_weight": [200, 50],
        "lstm_l0_h2h_bias": [200],
        "lstm_r0_i2h_weight": [200, 20],
    }.items() <= ours["parameters"].items()
