"""MXNet's own ``.states`` files: training goes on from them, and nothing in them is run."""

from __future__ import annotations

import contextlib
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rennet as mx
from oracle.client import Oracle
from rennet import optimizer
from rennet._formats import pickled
from rennet._formats.pickled import Made, Named, read_pickle
from rennet.base import FormatError, MXNetError, NotSupportedError
from rennet.optimizer import mxnet_states

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("sgd", {}),
    "sgd momentum": ("sgd", {"momentum": 0.9, "wd": 0.01}),
    "ccsgd": ("ccsgd", {"momentum": 0.9}),
    "nag": ("nag", {"momentum": 0.9}),
    "signum": ("signum", {"wd_lh": 0.1}),
    "adagrad": ("adagrad", {}),
    "rmsprop": ("rmsprop", {}),
    "rmsprop centered": ("rmsprop", {"centered": True}),
    "adadelta": ("adadelta", {}),
    "adam": ("adam", {"beta1": 0.8, "clip_gradient": 0.5}),
    "adamax": ("adamax", {}),
    "ftml": ("ftml", {}),
    "ftrl": ("ftrl", {}),
    "lamb": ("lamb", {}),
    "lars": ("lars", {"momentum": 0.9}),
    "lbsgd": ("lbsgd", {"momentum": 0.9}),
    "lbsgd plain": ("lbsgd", {}),
    "dcasgd": ("dcasgd", {}),
}
SHAPES = [(2, 3), (1,), (5,)]
START = """
def make():
    schedule = mx.lr_scheduler.FactorScheduler(2, 0.5, base_lr=0.1) if scheduled else None
    made = mx.optimizer.create(kind, lr_scheduler=schedule, multi_precision=True, **how)
    return mx.optimizer.get_updater(made)

def run(update, weights, grads):
    weights = [mx.nd.array(each, dtype=each.dtype) for each in weights]
    for step in grads:
        for place, (grad, weight) in enumerate(zip(step, weights)):
            update(place, mx.nd.array(grad, dtype=grad.dtype), weight)
    return [each.asnumpy() for each in weights]
"""
THEIRS = (
    START
    + """
first, second = make(), make()
middle = run(first, weights, grads[:3])
raw = first.get_states(dump_optimizer=dump)
second.set_states(raw)
final = run(second, middle, grads[3:])
raw = np.frombuffer(raw, "u1")
"""
)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("dump", [True, False], ids=["all", "states"])
@pytest.mark.parametrize("scheduled", [True, False], ids=["scheduled", "fixed"])
@pytest.mark.parametrize("case", CASES)
def test_training_goes_on_as_in_mxnet(oracle: Oracle, case: str, dump: bool, scheduled: bool, dtype: str) -> None:
    kind, how = CASES[case]
    if dtype == "float16" and kind in ("signum", "dcasgd", "lbsgd"):
        pytest.skip("MXNet computes these in float16 or not at all")
    if scheduled and kind in ("lars", "lbsgd"):
        pytest.skip("with a schedule these differ from MXNet's by design; see docs/differences.md")
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape).astype(dtype) for shape in SHAPES]
    grads = [[rng.normal(size=shape).astype(dtype) for shape in SHAPES] for _ in range(6)]
    given_ = {"kind": kind, "how": how, "scheduled": scheduled, "dump": dump, "weights": weights, "grads": grads}
    theirs = oracle.build(THEIRS, ["raw", "middle", "final"], given_)
    scope: dict[str, Any] = {"mx": mx, "np": np, **given_}
    exec(START, scope)
    update = scope["make"]()
    update.set_states(theirs["raw"].tobytes())
    ours = scope["run"](update, theirs["middle"], grads[3:])
    tolerance = 1e-6 if dtype == "float32" else 2e-3
    for mine, expected in zip(ours, theirs["final"], strict=True):
        np.testing.assert_allclose(mine, expected, rtol=tolerance, atol=tolerance)
    again = scope["make"]()
    again.set_states(update.get_states(dump_optimizer=True))  # and from here on it is a file of ours
    assert list(again.states) == list(update.states)


MODULE = """
x, y = mx.sym.var("data"), mx.sym.var("softmax_label")
net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=3, name="fc"), y, name="softmax")
def module():
    made = mx.mod.Module(net)
    made.bind([("data", (4, 5))], [("softmax_label", (4,))])
    return made
def train(made, steps):
    for number in steps:
        made.forward_backward(mx.io.DataBatch([mx.nd.array(data[number])], [mx.nd.array(labels[number])]))
        made.update()
how = {"optimizer": "adam", "optimizer_params": {"learning_rate": 0.05, "wd": 0.1}}
"""


@pytest.mark.parametrize("devices", [1, 2])
def test_a_modules_checkpoint(oracle: Oracle, tmp_path: Path, devices: int) -> None:
    """Two devices have their states in a store, by the parameters' names."""
    rng = np.random.default_rng(0)
    given_ = {"data": rng.normal(size=(6, 4, 5)).astype("f"), "labels": rng.integers(0, 3, (6, 4)).astype("f")}
    script = (
        MODULE.replace("Module(net)", f"Module(net, context=[mx.cpu(i) for i in range({devices})])")
        + """
first = module()
first.init_params(mx.init.Xavier())
first.init_optimizer("local", **how)
train(first, range(3))
first.save_checkpoint(prefix, 1, save_optimizer_states=True)
second = mx.mod.Module.load(prefix, 1, load_optimizer_states=True, context=[mx.cpu(i) for i in range(devices)])
second.bind([("data", (4, 5))], [("softmax_label", (4,))])
second.init_optimizer("local", **how)
train(second, range(3, 6))
final = second.get_params()[0]
"""
    )
    theirs = oracle.build(script, ["final"], {**given_, "prefix": f"{tmp_path}/net", "devices": devices})["final"]
    scope: dict[str, Any] = {"mx": mx, **given_}
    exec(MODULE, scope)
    ours = mx.mod.Module.load(f"{tmp_path}/net", 1, load_optimizer_states=True)
    ours.bind([("data", (4, 5))], [("softmax_label", (4,))])
    ours.init_optimizer("local", **scope["how"])
    scope["train"](ours, range(3, 6))
    for name, expected in theirs.items():
        np.testing.assert_allclose(ours.get_params()[0][name].asnumpy(), expected, rtol=1e-5, atol=1e-6)


def test_a_trainers_states(oracle: Oracle, tmp_path: Path) -> None:
    script = """
net = mx.gluon.nn.Dense(3, in_units=5, prefix="net_")
net.initialize()
def train(trainer, steps):
    for number in steps:
        with mx.autograd.record():
            loss = (net(mx.nd.array(data[number])) ** 2).sum()
        loss.backward()
        trainer.step(4)
def trainer():
    return mx.gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.05})
"""
    data = np.random.default_rng(0).normal(size=(6, 4, 5)).astype("f")
    path = f"{tmp_path}/trainer.states"
    more = """
first = trainer()
train(first, range(3))
first.save_states(path)
net.save_parameters(path + ".params")
second = trainer()
second.load_states(path)
train(second, range(3, 6))
final = [p.data() for p in net.collect_params().values()]
"""
    theirs = oracle.build(script + more, ["final"], {"data": data, "path": path})["final"]
    scope: dict[str, Any] = {"mx": mx, "data": data}
    exec(script, scope)
    scope["net"].load_parameters(f"{path}.params")
    trainer = scope["trainer"]()
    trainer.load_states(path)
    scope["train"](trainer, range(3, 6))
    for parameter, expected in zip(scope["net"].collect_params().values(), theirs, strict=True):
        np.testing.assert_allclose(parameter.data().asnumpy(), expected, rtol=1e-6, atol=1e-6)


# what is refused


def updater(kind: str = "sgd", **how: Any) -> optimizer.Updater:
    return optimizer.get_updater(optimizer.create(kind, **how))


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("where", ["state", "optimizer", "within"])
def test_nothing_is_run(tmp_path: Path, protocol: int, where: str) -> None:
    evil = Evil(tmp_path / "ran")
    content = {"state": {0: evil}, "optimizer": ({0: None}, evil), "within": {0: (None, [evil])}}[where]
    with pytest.raises(NotSupportedError, match=r"the pickle holds a (posix|nt)\.system; expected arrays"):
        updater().set_states(pickle.dumps(content, protocol))
    assert not (tmp_path / "ran").exists()


def test_a_key_that_runs_code(tmp_path: Path) -> None:
    raw = pickle.dumps({(0, Evil(tmp_path / "ran")): None})
    with pytest.raises(FormatError, match="SETITEMS: expected a number or text as key, got tuple"):
        updater().set_states(raw)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_of_every_protocol(protocol: int) -> None:
    update = updater()
    update.set_states(pickle.dumps({0: None, "b": (1, [2.5, "text"], True)}, protocol))
    assert update.states == {0: None, "b": (1, [2.5, "text"], True)}
    assert update.optimizer.num_update == 0


def made(module: str, name: str, rest: bytes) -> bytes:
    return b"\x80\x02" + f"c{module}\n{name}\n".encode() + rest + b"."


@pytest.mark.parametrize(
    ("raw", "error", "message"),
    [
        (pickle.dumps(({0: None}, 3)), NotSupportedError, "optimizer: the pickle holds a int"),
        (pickle.dumps([1]), FormatError, "content: pickle: expected a dict of states by index, got list"),
        (pickle.dumps({0: {1, 2}}), FormatError, "operation: expected one that files of optimizer states need"),
        (pickle.dumps({1.5: None}), FormatError, "states: pickle: expected an int or a str as index, got float"),
        (b"\x80\x02}", FormatError, "expected a whole pickle"),
        (b"\x80\x02}.more", FormatError, "end: expected no more bytes, got 4"),
        (b"\x80\x02.", FormatError, "STOP: expected one value, got 0"),
        (b"\x80\x02}K\x00", FormatError, "expected a whole pickle"),
        (b"\x80\x02}s.", FormatError, "SETITEM: expected a value on the stack"),
        (b"\x80\x02h\x05.", FormatError, "BINGET: expected something that was kept before, got 5"),
        (b"\x80\x02t.", FormatError, "TUPLE: expected a mark on the stack"),
        (b"\x80\x02]K\x01s.", FormatError, "expected a value on the stack|dict or Made"),
        (b"\x80\x02}(K\x01u.", FormatError, "expected a value for each key"),
        (b"\x80\x02\x82\x01.", FormatError, "operation: expected one that files of optimizer states need, got EXT1"),
        (b"\x80\x02X\x00\x00\x00\x7fabc.", FormatError, "expected a whole pickle"),
        (made("mxnet.kvstore", "KVStore", b")\x81}b"), FormatError, "content: pickle: expected a dict of states"),
    ],
)
def test_what_is_no_file_of_states(raw: bytes, error: type[MXNetError], message: str) -> None:
    update = updater()
    with pytest.raises(error, match=message):
        update.set_states(raw)
    assert update.states == {}


def handle(content: bytes) -> bytes:
    """A state that is an array with the given handle."""
    size = len(content).to_bytes(4, "little")
    array = b"cmxnet.ndarray.ndarray\nNDArray\nN\x85R}X\x06\x00\x00\x00handleB" + size + content + b"sb"
    return b"\x80\x03}K\x00" + array + b"s."


def test_an_array_is_read_as_carefully_as_any() -> None:
    with pytest.raises(FormatError, match="array magic"):
        updater().set_states(handle(b"nonsense"))


def test_values_that_multiply() -> None:
    """Ten lists, each of ten times the one before: eleven thousand million values in a few bytes."""
    inner: Any = []
    for _ in range(10):
        inner = [inner] * 10
    with pytest.raises(FormatError, match="expected at most 1000000 values, 16 deep in each other, got more"):
        updater().set_states(pickle.dumps({0: inner}))
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(FormatError, match="16 deep"):
        updater().set_states(pickle.dumps({0: loop}))


def dumped(kind: str = "SGD", **attributes: Any) -> bytes:
    """States and an optimizer, as MXNet's pickle has it."""
    plain = pickle.dumps(attributes, 2)[2:-1]
    return b"\x80\x02}cmxnet.optimizer.optimizer\n" + kind.encode() + b"\n)\x81" + plain + b"b\x86."


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"kind": "Adam"}, r"expected states of SGD, got Adam\. Create the optimizer"),
        ({"update": 1}, "numbers of SGD: content: expected attributes it has, got 'update'"),
        ({"lr": "fast"}, "SGD: lr: content: expected a number, got 'fast'"),
        ({"clip_gradient": {}}, "SGD: clip_gradient: content: expected numbers or text, got dict"),
        ({"lr_mult": {"a": [1]}}, "SGD: lr_mult: content: expected numbers or text, got list"),
        ({"num_update": -1}, "update counts: content: expected whole numbers of at least 0, got -1"),
        ({"_all_index_update_counts": {0: [1]}}, "expected a dict of counts for each device"),
        ({"_all_index_update_counts": {0: {0: "x"}}}, "expected whole numbers of at least 0, got 'x'"),
    ],
)
def test_numbers_that_make_no_sense_change_nothing(attributes: dict[str, Any], message: str) -> None:
    update = updater(learning_rate=0.5)
    before = dict(vars(update.optimizer))
    with pytest.raises(FormatError, match=message):
        update.set_states(dumped(**attributes))
    assert vars(update.optimizer) == before
    update.set_states(dumped(lr=0.25, lr_mult={"a": 2.0}))
    assert (update.optimizer.lr, update.optimizer.lr_mult) == (0.25, {"a": 2.0})


def test_parameters_that_are_not_there() -> None:
    update = updater(param_idx2name={0: "a", 1: "b"})
    update.set_states(pickle.dumps({"b": None, 0: None}))
    assert list(update.states) == [1, 0]
    with pytest.raises(FormatError, match=r"index: expected one of 0, 1, got 7\. Were they saved with several devices"):
        update.set_states(pickle.dumps({7: None}))


def test_a_schedulers_kind() -> None:
    raw = (
        b"\x80\x02}cmxnet.optimizer\nSGD\n)\x81}X\x0c\x00\x00\x00lr_schedulercmxnet.lr_scheduler\nPolyScheduler\n)\x81"
    )
    raw += b"}bsb\x86."
    with pytest.raises(FormatError, match=r"those of PolyScheduler\. Give the optimizer a PolyScheduler"):
        updater().set_states(raw)
    with pytest.raises(NotSupportedError, match=r"learning-rate scheduler: the pickle holds a __main__\.Mine"):
        updater().set_states(raw.replace(b"mxnet.lr_scheduler\nPolyScheduler", b"__main__\nMine"))


def test_large_batches_of_mxnets() -> None:
    with pytest.raises(NotSupportedError, match="LBSGD with batch_scale 4: MXNet's files cannot be taken up"):
        updater("lbsgd", batch_scale=4).set_states(pickle.dumps({0: None}))


GOOD = [
    dumped(lr=0.1, lr_mult={"a": 1.0}),
    pickle.dumps({0: (None, 1.5), "b": [1, 2]}),
    pickle.dumps({0: np.float32(3)}, 0),
    handle(b"\xc9\xfa\x93\xf9" + bytes(4) + b"\x01\0\0\0\x01" + bytes(7) + b"\x01" + bytes(15)),
]


@given(data=st.data())
def test_changed_bytes_raise_one_family_or_nothing(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(GOOD)))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(1, len(raw) - 1))] = data.draw(st.integers(0, 255))
    stop = data.draw(st.integers(1, len(raw)) | st.just(len(raw)))
    with contextlib.suppress(MXNetError):
        updater().set_states(bytes(raw[:stop]))


def test_what_a_pickle_says() -> None:
    said = read_pickle(pickle.dumps({0: Evil(Path("x"))}), "a file")[0]
    assert isinstance(said, Made)
    assert said.kind == Named(os.name if os.name == "nt" else "posix", "system")
    assert said.args == ("touch x",)


@pytest.mark.parametrize(
    "raw",
    [
        pickle.dumps({10**5000: None}),
        pickle.dumps({0: 10**5000}),
        pickle.dumps(({0: None}, {10**5000: 1})),
        b"\x80\x02}I" + b"9" * 100 + b"\nNs.",
    ],
)
def test_numbers_without_end(raw: bytes) -> None:
    with pytest.raises(FormatError, match="expected a number of at most 128 bits"):
        updater().set_states(raw)


def test_things_within_each_other() -> None:
    key = b"X\x0c\0\0\0lr_scheduler"
    scheduler = b"cmxnet.lr_scheduler\nFactorScheduler\n)\x81q\x01}" + key + b"h\x01sb"
    raw = b"\x80\x02}cmxnet.optimizer.optimizer\nSGD\n)\x81}" + key + scheduler + b"sb\x86."
    with pytest.raises(FormatError, match="learning-rate scheduler: pickle: expected a scheduler without another one"):
        updater().set_states(raw)
    many = 10000  # a bytearray of a bytearray of a bytearray
    wrapped = b"cbuiltins\nbytearray\n" * many + b"C\x08nonsense" + b"\x85R" * many
    array = b"cmxnet.ndarray.ndarray\nNDArray\nN\x85R}X\x06\x00\x00\x00handle" + wrapped + b"sb"
    with pytest.raises(FormatError, match="array magic"):
        updater().set_states(b"\x80\x03}K\x00" + array + b"s.")


def test_all_arrays_of_a_file_share_one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of a few bytes, and each, made dense, within the limit."""
    rows = 1000
    row_sparse = struct.pack("<Iii2qi2qiiiii1q", 0xF993FAC9, 1, 2, 1, 1, 2, rows, 1, 1, 0, 0, 6, 1, 1)
    row_sparse += struct.pack("<fq", 1, 5)
    dense = struct.pack("<Iiiqiii", 0xF993FAC9, 0, 1, rows, 1, 0, 0) + bytes(4 * rows)
    for content, where in ((row_sparse, "shape: expected sparse"), (dense, "state 4: pickle: expected arrays of at")):
        size = len(content).to_bytes(4, "little")
        raw = b"\x80\x03}"
        for index in range(8):
            handle = b"B" + size + content + b"q\x01" if not index or content is row_sparse else b"h\x01"
            array = b"cmxnet.ndarray.ndarray\nNDArray\nN\x85R}X\x06\x00\x00\x00handle" + handle + b"sb"
            raw += b"K" + bytes([index]) + array + b"s"
        monkeypatch.setattr(mxnet_states, "DENSE_LIMIT", 8 * 4 * rows)
        updater().set_states(raw + b".")
        monkeypatch.setattr(mxnet_states, "DENSE_LIMIT", 4 * 4 * rows - len(raw) + 2)
        with pytest.raises(FormatError, match=where):
            updater().set_states(raw + b".")


def test_operations_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickled, "_MOST_STEPS", 100)
    with pytest.raises(FormatError, match="pickle: expected at most 100 operations, got more"):
        updater().set_states(b"\x80\x03(" + b"]" * 200 + b"t.")
