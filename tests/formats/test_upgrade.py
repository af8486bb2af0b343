from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from rennet._formats.graph_record import Entry, GraphRecord, NodeRecord
from rennet._formats.symbol_json import parse_graph
from rennet._formats.upgrade import upgrade_graph

UPGRADES = Path(__file__).parents[1] / "goldens" / "upgrades"
OLD_GRAPHS = sorted(path.name.removesuffix("-old.json") for path in UPGRADES.glob("*-old.json"))
INPUTS = {
    "FullyConnected": ["data", "weight", "bias"],
    "BatchNorm": ["data", "gamma", "beta", "moving_mean", "moving_var"],
    "LeakyReLU": ["data", "gamma"],
    "RNN": ["data", "parameters", "state", "state_cell"],
    "_Plus": ["lhs", "rhs"],
    "argmax": ["data"],
    "argmin": ["data"],
}
CANONICAL = {"_Plus": "elemwise_add"}


def input_names(op: str, attrs: Mapping[str, str]) -> list[str]:
    assert not any(key.endswith("_mult") for key in attrs), "an operator should be shown no hidden keys"
    return INPUTS[op]


@pytest.mark.parametrize("name", OLD_GRAPHS)
def test_old_graphs_become_what_mxnet_makes_of_them(name: str):
    old = parse_graph((UPGRADES / f"{name}-old.json").read_bytes())
    new = parse_graph((UPGRADES / f"{name}-new.json").read_bytes())
    upgraded = upgrade_graph(old, input_names)
    for node in new.nodes + upgraded.nodes:
        node.num_outputs = None
        node.op = CANONICAL.get(node.op, node.op)
    if "attr_and_attrs" not in name:
        assert old != upgraded
    assert upgraded == new


def test_the_old_graph_stays_as_it_was():
    text = (UPGRADES / "fully_connected_0_8-old.json").read_bytes()
    old = parse_graph(text)
    upgrade_graph(old, input_names)
    assert old == parse_graph(text)


def test_a_graph_of_today_is_returned_as_it_is():
    graph = GraphRecord([NodeRecord("null", "x", {"lr_mult": "1"})], [Entry(0)], {"mxnet_version": ("int", 10901)})
    assert upgrade_graph(graph, input_names) is graph


def test_a_graph_of_tomorrow_warns():
    graph = GraphRecord([], [], {"mxnet_version": ("int", 20001)})
    with pytest.warns(UserWarning, match=r"written by MXNet 2\.0\.1; what is newer than 1\.9\.1"):
        assert upgrade_graph(graph) is graph


def dense(attrs: dict[str, str], first: str = "null", inputs: int = 3) -> GraphRecord:
    nodes = [NodeRecord(first, "x"), NodeRecord("null", "w"), NodeRecord("null", "b")]
    fc = NodeRecord("FullyConnected", "fc", attrs, [Entry(number) for number in range(inputs)])
    return GraphRecord([*nodes, fc], [Entry(3)], {"mxnet_version": ("int", 900)})


def test_attributes_that_mean_no_input_variable_stay():
    upgraded = upgrade_graph(
        dense({"foo_lr_mult": "1", "data_lr_mult": "2", "bias_lr_mult": "3"}, "relu", 2), input_names
    )
    assert upgraded.nodes[3].attrs == {"foo_lr_mult": "1", "data_lr_mult": "2", "bias_lr_mult": "3"}


def test_without_names_of_inputs_only_bare_keys_move():
    upgraded = upgrade_graph(dense({"weight_lr_mult": "1", "lr_mult": "2"}))
    assert upgraded.nodes[3].attrs == {"weight_lr_mult": "1", "__lr_mult__": "2"}
    assert upgraded.version == 10901
