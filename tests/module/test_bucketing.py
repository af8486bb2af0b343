"""BucketingModule: one set of parameters under many graphs."""

from __future__ import annotations

import gc
import logging
import weakref
import zlib
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rennet as mx
from differential import assert_all_close
from oracle.client import Oracle
from rennet.base import ArgumentError, MXNetError, NotSupportedError, ShapeError
from rennet.context import cpu
from rennet.io import DataBatch, DataDesc
from rennet.module import BucketingModule
from rennet.rnn import BucketSentenceIter
from same_script import run_here, to_nd, to_numpy

from .language_model import BUCKETS, DEFAULT, PADDING, VOCABULARY, SymGen, batches_of, cell_of, sym_gen_of, to_batch

BATCHES = [to_batch(each) for each in batches_of(9)]
SGD = {"optimizer": "sgd", "optimizer_params": {"learning_rate": 0.1, "momentum": 0.9, "wd": 0.1}}


def bound(sym_gen: SymGen | None = None, seed: int = 0, binding: Any = None, **how: Any) -> BucketingModule:
    """A module with random parameters and an optimizer with momentum."""
    module = BucketingModule(sym_gen or sym_gen_of(cell_of("gru")), DEFAULT, **how)
    module.bind(BATCHES[0].provide_data, BATCHES[0].provide_label, **(binding or {}))
    mx.random.seed(seed)
    module.init_params(mx.init.Normal(0.5))
    module.init_optimizer(**SGD)
    return module


def train(module: BucketingModule, batches: Any = BATCHES) -> dict[str, np.ndarray]:
    for batch in batches:
        module.forward_backward(batch)
        module.update()
    return params_of(module)


def params_of(module: BucketingModule) -> dict[str, np.ndarray]:
    return to_numpy(module.get_params()[0])


def executors(module: BucketingModule) -> list[Any]:
    return [each._exec_group.execs[0] for each in module._buckets.values() if each._exec_group is not None]


# what buckets share


@pytest.mark.parametrize("fused", [True, False])
def test_buckets_share_parameters_and_gradients(fused: bool) -> None:
    module = bound(sym_gen_of(cell_of("lstm", fused)))
    train(module)
    assert set(module._buckets) == set(BUCKETS)
    names = list(params_of(module))
    assert "embedding0_weight" in names  # named automatically, and the same in each bucket
    for name in names:
        for arrays in ("arg_dict", "grad_dict"):
            assert len({id(getattr(each, arrays)[name]) for each in executors(module)}) == 1
    assert len({id(each._updater) for each in module._buckets.values()}) == 1


GRADIENTS = """
def sym_gen(key):
    data = mx.sym.Reshape(mx.sym.Variable("data"), shape=(-1, 2))
    return mx.sym.MakeLoss(mx.sym.FullyConnected(data, num_hidden=3, name="fc")), ["data"], None

def batch(key):
    given = mx.nd.array(np.arange(4 * key).reshape(2, 2 * key))
    return mx.io.DataBatch([given], bucket_key=key, provide_data=[("data", given.shape)])

module = mx.mod.BucketingModule(sym_gen, 3)
module.bind(batch(3).provide_data, grad_req=grad_req)
module.init_params(mx.init.One())
found = []
for key in (3, 1, 2, 1):
    module.forward_backward(batch(key))
    found.append(module._curr_module._exec_group.execs[0].grad_dict["fc_weight"].asnumpy())
"""


@pytest.mark.parametrize("grad_req", ["write", "add", {"fc_weight": "add"}], ids=str)
def test_gradients_add_up_across_buckets(oracle: Oracle, grad_req: Any) -> None:
    ours, theirs = (run(GRADIENTS, ["found"], {"grad_req": grad_req})["found"] for run in (run_here, oracle.build))
    assert_all_close(ours, theirs, 0, "gradients")


STATES = """
def sym_gen(key):
    state = mx.sym.Variable("h", shape=(0, 1))
    total = mx.sym.Reshape(mx.sym.sum(mx.sym.Variable("data"), axis=1), shape=(-1, 1))
    return mx.sym.Group([mx.sym.MakeLoss(total + state), mx.sym.BlockGrad(state + 1)]), ["data"], []

def batch(key):
    return mx.io.DataBatch([mx.nd.ones((2, key))], bucket_key=key, provide_data=[("data", (2, key))])

module = mx.mod.BucketingModule(sym_gen, 3, state_names=["h"])
module.bind(batch(3).provide_data)
module.init_params(mx.init.One())
module.set_states(value=5)
found = []
for key in (3, 1, 2, 1, 3):
    module.forward(batch(key))
    found.append(module.get_outputs()[1].asnumpy())
    module.set_states([[module.get_outputs()[1]]])
found += [array.asnumpy() for each in module.get_states(False) for array in each]
"""


def test_states_go_from_bucket_to_bucket(oracle: Oracle) -> None:
    ours, theirs = (run(STATES, ["found"])["found"] for run in (run_here, oracle.build))
    assert_all_close(ours, theirs, 0, "states")
    assert [array[0, 0] for array in ours] == [6, 7, 8, 9, 10, 10]


def test_preparing_a_batch_leaves_the_current_one() -> None:
    module = bound()
    module.forward(BATCHES[0])
    before = module.get_outputs()[0].asnumpy()
    module.prepare(BATCHES[1])
    assert set(module._buckets) == {DEFAULT, BATCHES[1].bucket_key}
    assert_all_close(module.get_outputs(), [before], 0, "outputs")
    assert module.output_shapes == [("softmax_output", before.shape)]


@pytest.mark.parametrize("layout", ["TN", "NT"])
def test_t07_devices_split_the_rows(layout: str) -> None:
    """Five rows over two devices train and score like one, wherever the layout puts them."""
    given = [to_batch(each, layout) for each in batches_of(6, layout, rows=5)]
    found = []
    for context in ([cpu()], [cpu(0), cpu(1)]):
        module = BucketingModule(sym_gen_of(cell_of("gru"), layout), DEFAULT, context=context)
        module.bind(given[0].provide_data, given[0].provide_label)
        mx.random.seed(0)
        module.init_params(mx.init.Normal(0.5))
        module.init_optimizer(**SGD)
        metric = mx.metric.create(["acc", "ce"])
        module.forward(given[1], is_train=False)
        module.update_metric(metric, given[1].label)
        found.append((train(module, given), [value for _, value in metric.get_name_value()]))
    assert_all_close(found[1][0], found[0][0], 1e-5, "parameters")
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-5)


# buckets with parameters of their own


def generate(key: int) -> tuple[mx.sym.Symbol, list[str], list[str]]:
    """Odd buckets have a layer that the default bucket has not."""
    hidden = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name=f"fc_{key}")
    if key % 2:
        odd = mx.sym.Variable("odd_bias", lr_mult=0.5)
        hidden = mx.sym.FullyConnected(hidden, bias=odd, num_hidden=3, name="odd")
    scores = mx.sym.FullyConnected(hidden, num_hidden=2, name="scores")
    return mx.sym.SoftmaxOutput(scores, name="softmax"), ["data"], ["softmax_label"]


class ByName(mx.init.Initializer):
    """Numbers that depend on the parameter's name, not on who came before."""

    def _init_weight(self, name: str, arr: mx.nd.NDArray) -> None:
        arr[:] = mx.nd.array(np.random.default_rng(zlib.crc32(name.encode())).normal(size=arr.shape))


def own_batch(key: int, seed: int = 0) -> Any:
    data = np.random.default_rng(seed).normal(size=(4, key))
    return DataBatch(
        [mx.nd.array(data)],
        [mx.nd.array([0, 1, 1, 0])],
        bucket_key=key,
        provide_data=[DataDesc("data", (4, key))],
        provide_label=[DataDesc("softmax_label", (4,))],
    )


OWN = [own_batch(key, seed) for seed, key in enumerate((4, 3, 1, 4, 3, 2, 1))]


def bound_to_own(**how: Any) -> BucketingModule:
    module = BucketingModule(generate, 4, **how)
    module.bind(OWN[0].provide_data, OWN[0].provide_label)
    module.init_params(ByName())
    module.init_optimizer(**SGD)
    return module


def test_t55_buckets_have_parameters_of_their_own() -> None:
    module = bound_to_own()
    assert set(params_of(module)) == {"fc_4_weight", "fc_4_bias", "scores_weight", "scores_bias"}
    module.forward(OWN[1])
    fresh = params_of(module)
    assert np.abs(fresh["odd_weight"]).min() > 0
    assert not fresh["odd_bias"].any()
    after = train(module, OWN)
    assert {f"fc_{key}_weight" for key in (1, 2, 3, 4)} < set(after)
    assert all(np.abs(after[name] - value).max() > 1e-4 for name, value in fresh.items())
    optimizer: Any = module._curr_module._optimizer  # pyright: ignore[reportOptionalMemberAccess]
    assert optimizer._get_wds(["odd_weight", "odd_bias"]) == [0.1, 0.0]
    assert optimizer._get_lrs(["odd_weight", "odd_bias"]) == [0.1, 0.05]


def test_t55_own_parameters_outlive_their_graphs(tmp_path: Path) -> None:
    """They are kept when a graph is dropped, when the module is bound anew, and in files."""
    kept, dropping = bound_to_own(), bound_to_own(max_bound_nodes=1)
    expected = train(kept, OWN * 2)
    assert_all_close(train(dropping, OWN), train(bound_to_own(), OWN), 0, "parameters")
    dropping.save_checkpoint(f"{tmp_path}/net", 1, save_optimizer_states=True)
    dropping.bind(OWN[0].provide_data, OWN[0].provide_label, force_rebind=True)
    assert_all_close(train(dropping, OWN), expected, 0, "bound anew")
    loaded = BucketingModule.load(f"{tmp_path}/net", 1, generate, 4, load_optimizer_states=True)
    assert_all_close(params_of(loaded), train(bound_to_own(), OWN), 0, "loaded")
    loaded.bind(OWN[0].provide_data, OWN[0].provide_label)
    assert set(params_of(loaded)) == set(expected)  # those of buckets that are not bound yet
    loaded.init_optimizer(**SGD)
    loaded.prepare(OWN[2])  # another order of buckets
    assert_all_close(train(loaded, OWN), expected, 0, "trained on")


def test_t55_setting_own_parameters() -> None:
    module, source = bound_to_own(), bound_to_own()
    given = train(source, OWN)
    with pytest.raises(
        ArgumentError, match=r"arg_params: fc_1_bias, .* are not in this network, .*; pass allow_extra=True to"
    ):
        module.set_params(to_nd(given))
    module.set_params(to_nd(given), allow_extra=True)
    assert_all_close(params_of(module), given, 0, "parameters")
    source.set_params(*source.get_params())
    for batch in (OWN[5], OWN[2]):
        outputs = []
        for each in (module, source):
            each.forward(batch, is_train=False)
            outputs.append(each.get_outputs()[0].asnumpy())
        np.testing.assert_array_equal(*outputs)


# graphs within a budget


def test_the_budget_drops_graphs_and_nothing_else() -> None:
    nodes = len(bound().symbol.get_internals())
    module, free = bound(max_bound_nodes=2 * nodes), bound()
    assert_all_close(train(module), train(free), 0, "parameters")
    assert len(free._buckets) == 3
    assert len(module._buckets) == 2
    assert DEFAULT in module._buckets
    for batch in BATCHES[:3]:
        outputs = []
        for each in (module, free):
            each.forward(batch, is_train=False)
            outputs.append(each.get_outputs()[0].asnumpy())
        np.testing.assert_array_equal(*outputs)


def test_t54_memory_stays_flat() -> None:
    """An executor dies with its bucket, without waiting for the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        module = bound(sym_gen_of(cell_of("gru", fused=False)), max_bound_nodes=1)
        alive = []
        for batch in BATCHES * 2:
            module.forward_backward(batch)
            module.update()
            alive += [weakref.ref(each) for each in executors(module)]
        living = {id(each()) for each in alive if each() is not None}
    finally:
        gc.enable()
    assert living == {id(each) for each in executors(module)}
    assert len(living) == 2  # the default bucket's and the current one's


def test_one_bucket_s_results_at_a_time() -> None:
    """They are as large as the bucket; with many buckets they would be most of what is kept."""
    module = bound()
    largest, *others = BATCHES[:3]
    module.forward(largest, is_train=True)
    (held,) = module.get_outputs()
    values = held.asnumpy()
    tensor = weakref.ref(held.tensor)
    for batch in others:
        module.forward_backward(batch)
    np.testing.assert_array_equal(held.asnumpy(), values)
    del held
    gc.collect()
    assert tensor() is None
    module.switch_bucket(DEFAULT, None)
    with pytest.raises(MXNetError, match="there are none yet; call forward first"):
        module.get_outputs()
    metric = mx.metric.Perplexity(PADDING)
    with pytest.raises(MXNetError, match="update_metric: there are no outputs yet; call forward first"):
        module.update_metric(metric, largest.label)
    assert metric.num_inst == 0


SWITCHING = """
def sym_gen(key):
    data = mx.sym.Reshape(mx.sym.Variable("data"), shape=(-1, 2))
    scores = mx.sym.FullyConnected(data, num_hidden=3, name="fc")
    label = mx.sym.Reshape(mx.sym.Variable("label"), shape=(-1,))
    return mx.sym.SoftmaxOutput(scores, label, name="softmax"), ["data"], ["label"]

def described(key):
    return [("data", (2, 2 * key))], [("label", (2, key))]

def batch(key):
    data = mx.nd.array(np.sin(np.arange(4 * key)).reshape(2, 2 * key))
    data, label = [data], [mx.nd.array(np.arange(2 * key).reshape(2, key) % 3)]
    return mx.io.DataBatch(data, label, bucket_key=key, provide_data=described(key)[0], provide_label=described(key)[1])

module = mx.mod.BucketingModule(sym_gen, 3, **how)
module.bind(*described(3))
module.init_params()
module.set_params({"fc_weight": mx.nd.array([[1, 2], [3, -1], [0, 1]]), "fc_bias": mx.nd.ones((3,))}, {})
module.init_optimizer(optimizer="sgd", optimizer_params={"learning_rate": 0.5})
found = []
for key, other in ((2, 3), (1, 2), (3, 1)):
    module.forward(batch(key), is_train=True)
    module.switch_bucket(other, *described(other))
    module.switch_bucket(key, *described(key))
    found += [each.asnumpy() for each in module.get_outputs()]
    metric = mx.metric.Perplexity(None)
    module.update_metric(metric, batch(key).label)
    module.backward()
    module.update()
    found += [np.array(metric.get()[1]), module.get_params()[0]["fc_weight"].asnumpy()]
"""


@pytest.mark.parametrize("budget", [100_000, 1])
def test_results_outlive_a_switch_to_another_bucket_and_back(oracle: Oracle, budget: int) -> None:
    ours = run_here(SWITCHING, ["found"], {"how": {"max_bound_nodes": budget}})["found"]
    theirs = oracle.build(SWITCHING, ["found"], {"how": {}})["found"]
    assert_all_close(ours, theirs, 1e-5, "outputs, perplexity and weights")


def test_a_reshaped_bucket_lets_its_executor_go() -> None:
    gc.collect()
    gc.disable()
    try:
        module = bound()
        module.forward_backward(BATCHES[0])
        before = weakref.ref(executors(module)[0])
        module.forward_backward(to_batch(batches_of(1, rows=2)[0]))
        assert before() is None
    finally:
        gc.enable()


# binding


def test_rebinding() -> None:
    """To predict, and then to train on: parameters, momentum and the gradients' requests."""
    module, other = bound(), bound()
    for each in (module, other):
        train(each)
    shapes = BATCHES[0].provide_data, BATCHES[0].provide_label
    module.bind(*shapes, for_training=False, force_rebind=True)
    module.forward(BATCHES[1])
    assert set(module._buckets) == {DEFAULT, BATCHES[1].bucket_key}
    assert executors(module)[0].grad_dict["pred_weight"] is None
    module.bind(*shapes, force_rebind=True)
    assert_all_close(train(module), train(other), 0, "parameters")


def test_a_binding_that_fails_changes_nothing() -> None:
    module, other = bound_to_own(), bound_to_own()
    train(module, OWN[:1])
    train(other, OWN[:1])
    with pytest.raises(ArgumentError, match="data_shapes: expected"):
        module.bind([("x", (4, 4))], force_rebind=True)
    with pytest.raises(ShapeError, match="expected the same batch size of all data and labels"):
        module.forward(DataBatch(OWN[1].data, [mx.nd.ones((3,))], bucket_key=3))
    assert_all_close(train(module, OWN), train(other, OWN), 0, "parameters")


def test_labels_may_come_later() -> None:
    module, other = bound_to_own(), bound_to_own()
    for each in OWN[:3]:
        module.forward(DataBatch(each.data, bucket_key=each.bucket_key), is_train=False)
    bare = [DataBatch(each.data, each.label, bucket_key=each.bucket_key) for each in OWN]
    assert_all_close(train(module, bare), train(other, OWN), 0, "parameters")


def test_batches_need_not_describe_themselves() -> None:
    module, other = bound(), bound()
    bare = [DataBatch(each.data, each.label, bucket_key=each.bucket_key) for each in BATCHES]
    assert_all_close(train(module, bare), train(other), 0, "parameters")
    assert module.data_shapes[0].layout == module.label_shapes[0].layout == "TN"


def test_an_optimizer_that_comes_late() -> None:
    module, other = bound(), bound()
    for batch in BATCHES[:3]:
        module.forward(batch)
    module.init_optimizer(**SGD, force_init=True)
    assert_all_close(train(module), train(other), 0, "parameters")
    module.set_optimizer_states(other.get_optimizer_states())
    assert_all_close(train(module), train(other), 0, "parameters")


def test_initialising_twice() -> None:
    module = bound()
    before = params_of(module)
    module.init_params(mx.init.One())
    assert_all_close(params_of(module), before, 0, "parameters")
    module.init_params(mx.init.One(), force_init=True)
    assert params_of(module)["pred_weight"].min() == 1


def test_gradients_of_the_data() -> None:
    module = BucketingModule(generate, 4)
    module.bind(OWN[0].provide_data, OWN[0].provide_label, inputs_need_grad=True)
    module.init_params(ByName())
    module.forward_backward(OWN[1])
    (grad,) = module.get_input_grads()
    assert grad.shape == (4, 3)
    assert np.abs(grad.asnumpy()).min() > 0


def test_what_it_says_of_itself(caplog: pytest.LogCaptureFixture) -> None:
    module = BucketingModule(sym_gen_of(cell_of("gru")), DEFAULT)
    assert (module.data_names, module.output_names) == (["data"], ["softmax_output"])
    module = bound()
    module.forward(BATCHES[1])
    assert (module.data_names, module.output_names) == (["data"], ["softmax_output"])
    assert [desc.shape for desc in (*module.data_shapes, *module.label_shapes)] == [(3, 3)] * 2
    assert module.symbol.list_outputs() == ["softmax_output"]
    module.bind(BATCHES[0].provide_data)
    module.init_optimizer()
    assert caplog.messages == ["Already bound, ignoring bind()", "optimizer already initialized, ignoring."]


def test_a_monitor_sees_every_bucket() -> None:
    seen: list[Any] = []
    module = bound(max_bound_nodes=1)
    module.install_monitor(namedtuple("Monitor", ["install"])(seen.append))
    for batch in BATCHES[:4]:
        module.forward(batch)
    assert len(seen) == 1 + 2
    module.forward(BATCHES[1])
    assert len(seen) == 1 + 3  # bound again


# to the end


def test_fit_and_score(caplog: pytest.LogCaptureFixture) -> None:
    """A language that counts: each word follows from the one before."""
    caplog.set_level(logging.INFO)
    words = [
        [1 + (start + step) % (VOCABULARY - 1) for step in range(length)] for start in range(20) for length in BUCKETS
    ]
    train_data, held_out = (
        BucketSentenceIter(words, 4, list(BUCKETS), PADDING, layout="TN", last_batch="pad", seed=seed)
        for seed in (0, 1)
    )
    module = BucketingModule(sym_gen_of(cell_of("gru")), train_data.default_bucket_key)
    mx.random.seed(0)
    module.fit(
        train_data,
        held_out,
        mx.metric.Perplexity(ignore_label=PADDING),
        optimizer="adam",
        optimizer_params={"learning_rate": 0.03},
        initializer=mx.init.Xavier(),
        num_epoch=8,
    )
    logged = [float(line.split("=")[1]) for line in caplog.messages if "Validation-perplexity" in line]
    assert len(logged) == 8
    assert logged[0] > 5
    assert logged[-1] < 1.2
    ((name, value),) = module.score(held_out, mx.metric.Perplexity(ignore_label=PADDING))
    assert (name, value) == ("perplexity", pytest.approx(logged[-1], rel=1e-5))
    found = module.predict(held_out, merge_batches=False)
    assert sum(outputs[0].shape[0] for outputs in found) == sum(map(len, words))


# files


FILES = """
def sym_gen(key):
    data = mx.sym.Reshape(mx.sym.Variable("data"), shape=(-1, 2))
    return mx.sym.FullyConnected(data, num_hidden=3, name="fc"), ["data"], None

def batch(key):
    given = mx.nd.array(np.arange(4 * key).reshape(2, 2 * key))
    return mx.io.DataBatch([given], bucket_key=key, provide_data=[("data", given.shape)])

def outputs(module):
    found = []
    for key in (2, 1, 3):
        module.forward(batch(key), is_train=False)
        found.append(module.get_outputs()[0].asnumpy())
    return found
"""
SAVE = f"""{FILES}
module = mx.mod.BucketingModule(sym_gen, 3)
module.bind(batch(3).provide_data)
module.init_params(mx.init.Uniform(1))
found = outputs(module)
module.save_checkpoint(prefix, 7)
"""
LOAD = f"""{FILES}
module = mx.mod.BucketingModule.load(prefix, 7, sym_gen, 3)
module.bind(batch(3).provide_data)
found = outputs(module)
"""


@pytest.mark.parametrize("ours_saves", [True, False], ids=["ours to MXNet", "MXNet's to us"])
def test_files_there_and_back(oracle: Oracle, tmp_path: Path, ours_saves: bool) -> None:
    save, load = (run_here, oracle.build) if ours_saves else (oracle.build, run_here)
    given = {"prefix": f"{tmp_path}/net"}
    saved = save(SAVE, ["found"], given)["found"]
    assert_all_close(load(LOAD, ["found"], given)["found"], saved, 1e-6, "outputs")
    names = {path.name for path in tmp_path.iterdir()} - {"net-symbol.json"}
    assert names == {"net-0007.params", "net.buckets", *(f"net-{key}-symbol.json" for key in (1, 2, 3))}


def test_training_goes_on_from_files(tmp_path: Path) -> None:
    module = bound(max_bound_nodes=1)
    train(module)
    module.save_checkpoint(f"{tmp_path}/net", 1, save_optimizer_states=True)
    assert {path.name for path in tmp_path.glob("*-symbol.json")} >= {f"net-{key}-symbol.json" for key in BUCKETS}
    again = BucketingModule.load(f"{tmp_path}/net", 1, sym_gen_of(cell_of("gru")), DEFAULT, load_optimizer_states=True)
    again.bind(BATCHES[0].provide_data, BATCHES[0].provide_label)
    again.init_optimizer(**SGD)
    assert_all_close(train(again), train(module), 0, "parameters")


# what is refused


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: BucketingModule(generate), ArgumentError, "default_bucket_key is required"),
        (lambda: BucketingModule(generate, 4, group2ctxs={}), NotSupportedError, "group2ctxs and compression_params"),
        (lambda: BucketingModule.load("net", 1), ArgumentError, "load: sym_gen and default_bucket_key are required"),
        (lambda: BucketingModule(generate, 4).symbol, MXNetError, r"not bound yet; call bind\(data_shapes=\.\.\."),
        (lambda: BucketingModule(generate, 4).get_params(), MXNetError, "get_params: the module has no parameters yet"),
        (lambda: BucketingModule(generate, 4).switch_bucket(3, []), MXNetError, "switch_bucket: bind the module first"),
        (lambda: BucketingModule(generate, 4).init_params(), MXNetError, "not bound yet"),
        (
            lambda: BucketingModule(lambda key: mx.sym.Variable("x"), 4).data_names,  # pyright: ignore
            ArgumentError,
            r"sym_gen\(4\): expected \(symbol, data_names, label_names\), got Symbol",
        ),
        (lambda: bound().forward(DataBatch(BATCHES[0].data)), ArgumentError, "the batch has no bucket_key"),
        (
            lambda: BucketingModule(generate, 4).bind([], shared_module=bound()),
            NotSupportedError,
            "bind: shared_module is not supported",
        ),
    ],
)
def test_what_is_refused(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_keys_that_are_no_numbers(tmp_path: Path) -> None:
    module = BucketingModule(lambda key: generate(4), "a")
    module.bind(OWN[0].provide_data, OWN[0].provide_label)
    module.init_params()
    with pytest.raises(ArgumentError, match=r"save_checkpoint: expected integers as bucket keys, got \['a'\]"):
        module.save_checkpoint(f"{tmp_path}/net", 1)


def test_a_file_that_lacks_a_parameter(tmp_path: Path) -> None:
    mx.nd.save(f"{tmp_path}/net-0001.params", {"arg:scores_weight": mx.nd.ones((2, 3))})
    module = BucketingModule.load(f"{tmp_path}/net", 1, generate, 4)
    with pytest.raises(ArgumentError, match=r"fc_4_weight is missing from the given ones \(scores_weight\)"):
        module.bind(OWN[0].provide_data, OWN[0].provide_label)


def test_a_module_from_what_is_at_hand() -> None:
    """`load_dict` takes graphs and parameters from memory, and computes as the module that they came from."""
    trained, sym_gen = bound(), sym_gen_of(cell_of("gru"))
    arg_params, aux_params = trained.get_params()
    key = BATCHES[0].bucket_key
    with mx.name.NameManager():
        graphs = {key: sym_gen(key)[0]}
    again = BucketingModule.load_dict(graphs, sym_gen, DEFAULT, arg_params, aux_params)
    again.bind(BATCHES[0].provide_data, BATCHES[0].provide_label, for_training=False)
    for module in (trained, again):
        module.forward(BATCHES[0], is_train=False)
    assert_all_close(again.get_outputs(), [each.asnumpy() for each in trained.get_outputs()], 1e-6, "output")
    with pytest.raises(ArgumentError, match=r"sym_dict\[\d+\] has the arguments \['x'\], but sym_gen"):
        BucketingModule.load_dict({key: mx.sym.Variable("x")}, sym_gen, DEFAULT, arg_params, aux_params)
    with pytest.raises(ArgumentError, match="sym_gen, default_bucket_key and arg_params are required"):
        BucketingModule.load_dict(graphs)
