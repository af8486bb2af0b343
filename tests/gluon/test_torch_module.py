"""Blocks as PyTorch modules: one memory, torch's training loops, torch's transforms."""

from __future__ import annotations

import copy
import io
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import rennet as mx
from rennet import gluon
from rennet.base import ArgumentError, MXNetError, NotSupportedError
from rennet.gluon import Trainer, nn
from rennet.gluon.torch_module import BlockModule

hybrid_or_not = pytest.mark.parametrize("hybrid", [False, True], ids=["imperative", "hybrid"])


def network(hybrid: bool, normalised: bool = True) -> nn.HybridSequential:
    net = nn.HybridSequential(prefix="n_")
    with net.name_scope():
        net.add(nn.Dense(4, activation="tanh", in_units=3))
        if normalised:
            net.add(nn.BatchNorm(in_channels=4))
        net.add(nn.Dense(2, in_units=4))
    mx.random.seed(0)
    net.initialize(mx.init.Uniform(0.5))
    net.hybridize(hybrid)
    return net


def given() -> Tensor:
    return torch.cos(torch.arange(15.0)).reshape(5, 3)


@hybrid_or_not
def test_arguments_by_name(hybrid: bool) -> None:
    layer = gluon.rnn.LSTM(2, input_size=4, use_sequence_length=True)
    layer.initialize(mx.init.Uniform(0.5))
    layer.hybridize(hybrid)
    x, lengths = torch.cos(torch.arange(36.0)).reshape(3, 3, 4), torch.tensor([1, 3, 2])
    result = layer.as_torch()(x, sequence_length=lengths)
    expected = layer(mx.nd.NDArray(x), sequence_length=mx.nd.NDArray(lengths))
    np.testing.assert_allclose(result.detach().numpy(), expected.asnumpy(), atol=1e-6)
    assert not result[1:, 0].any()


def run(block: gluon.Block, x: Tensor) -> Tensor:
    return block(mx.nd.NDArray(x)).tensor


@hybrid_or_not
def test_names_are_those_of_save_parameters(hybrid: bool) -> None:
    net = network(hybrid)
    module = net.as_torch()
    assert set(module.state_dict()) == set(net._collect_params_with_prefix())
    assert {name for name, _ in module.named_buffers()} == {"1.running_mean", "1.running_var"}
    assert [name for name, _ in module.named_parameters()] == [
        *("0.weight", "0.bias", "1.gamma", "1.beta", "2.weight", "2.bias")
    ]
    assert "Dense(3 -> 4" in repr(module)
    assert [name for name, _ in nn.Dense(2, in_units=3).collect_params().items()]
    layer = nn.Dense(2, in_units=3)
    layer.initialize()
    assert list(layer.as_torch().state_dict()) == ["weight", "bias"]


@hybrid_or_not
def test_gradients_are_equal(hybrid: bool) -> None:
    net = network(hybrid)
    module = net.as_torch().train()
    x = given().requires_grad_()
    (module(x) ** 2 * torch.arange(1, 3)).sum().backward()
    ours = network(hybrid)
    data = mx.nd.NDArray(given())
    data.attach_grad()
    with mx.autograd.record():
        loss = (ours(data) ** 2 * mx.nd.array([[1, 2]])).sum()
    loss.backward()
    assert x.grad is not None
    assert data.grad is not None
    torch.testing.assert_close(x.grad, data.grad.tensor)
    for name, parameter in ours._collect_params_with_prefix().items():
        if parameter.grad_req == "null":
            torch.testing.assert_close(module.get_buffer(name), parameter.data().tensor)
        else:
            torch.testing.assert_close(module.get_parameter(name).grad, parameter.grad().tensor)
    # the Block's own gradients are left alone
    assert not net[0].weight.grad().asnumpy().any()


@hybrid_or_not
def test_a_training_loop_of_torch_trains_the_block(hybrid: bool) -> None:
    net = network(hybrid)
    module = net.as_torch().train()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
    target = given()[:, :2]
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = ((module(given()) - target) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
    assert net[1].running_mean.data().asnumpy().any()
    module.eval()
    torch.testing.assert_close(module(given()), run(net, given()))


@hybrid_or_not
def test_a_trainer_trains_the_module(hybrid: bool) -> None:
    net = network(hybrid, normalised=False)
    module = net.as_torch()
    before = module.get_parameter("0.weight").clone()
    trainer = Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5})
    with mx.autograd.record():
        loss = net(mx.nd.NDArray(given())).sum()
    loss.backward()
    trainer.step(1)
    assert not torch.equal(before, module.get_parameter("0.weight"))
    torch.testing.assert_close(module.get_parameter("0.weight").detach(), net[0].weight.data().tensor.detach())


@hybrid_or_not
def test_modes(hybrid: bool) -> None:
    block = nn.Dropout(0.5)
    block.hybridize(hybrid)
    module = block.as_torch()
    ones = torch.ones(50, 50)
    assert (module.train()(ones) == 0).any()
    assert (module.eval()(ones) == 1).all()
    net = network(hybrid).as_torch()
    assert net(given()).requires_grad
    with torch.no_grad():
        assert not net(given()).requires_grad


@hybrid_or_not
def test_inside_a_torch_network(hybrid: bool) -> None:
    whole = torch.nn.Sequential(torch.nn.Linear(3, 3), network(hybrid).as_torch(), torch.nn.Linear(2, 1))
    whole(given()).pow(2).sum().backward()
    assert all(each.grad is not None for each in whole.parameters())
    assert "1.0.weight" in whole.state_dict()


def test_a_torch_module_inside_a_recorded_program() -> None:
    linear = torch.nn.Linear(3, 2)
    net = network(False, normalised=False)
    x = mx.nd.NDArray(given())
    x.attach_grad()
    with mx.autograd.record():
        y = mx.nd.NDArray(linear(x.tensor))
        loss = (y * net(x)).sum()
    loss.backward()
    plain = given().requires_grad_()
    (linear(plain) * net.as_torch()(plain)).sum().backward()
    assert x.grad is not None
    assert plain.grad is not None
    assert linear.weight.grad is not None
    torch.testing.assert_close(x.grad.tensor, plain.grad)


@hybrid_or_not
def test_other_types(hybrid: bool) -> None:
    net = network(hybrid)
    module = net.as_torch().to(torch.float64)
    y = module(given().double())
    y.sum().backward()
    assert y.dtype == torch.float64
    assert module.get_parameter("0.weight").grad is not None
    # the Block keeps its own
    assert run(net, given()).dtype == torch.float32
    assert torch.autograd.gradcheck(module.eval(), (given().double().requires_grad_(),))
    assert torch.autograd.gradgradcheck(module.eval(), (given().double().requires_grad_(),))


def _saved(module: BlockModule) -> BlockModule:
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


WAYS = {"deepcopy": copy.deepcopy, "pickle": lambda each: pickle.loads(pickle.dumps(each)), "save": _saved}


@hybrid_or_not
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("layer", [False, True], ids=["network", "layer"])
def test_copies(hybrid: bool, way: str, layer: bool) -> None:
    block: Any = network(hybrid)[0] if layer else network(hybrid)
    module = block.as_torch().eval()
    expected = module(given())
    new = WAYS[way](module)
    torch.testing.assert_close(new(given()), expected)
    with torch.no_grad():
        for each in new.parameters():
            each.add_(1)
    torch.testing.assert_close(module(given()), expected)
    # the copy and its own Block share memory, as the original does
    torch.testing.assert_close(new(given()), run(new.block, given()))
    assert new.block is not block
    new(given()).sum().backward()
    assert next(new.parameters()).grad is not None


@hybrid_or_not
def test_state_dicts(hybrid: bool) -> None:
    module, other = network(hybrid).as_torch().eval(), network(hybrid).as_torch().eval()
    with torch.no_grad():
        module.get_parameter("0.weight").mul_(2)
        module.get_buffer("1.running_mean").add_(1)
    other.load_state_dict(module.state_dict())
    torch.testing.assert_close(other(given()), module(given()))
    torch.testing.assert_close(run(other.block, given()), module(given()))


@hybrid_or_not
def test_tied_parameters(hybrid: bool) -> None:
    net = nn.HybridSequential()
    first = nn.Dense(3, in_units=3)
    net.add(first, nn.Dense(3, in_units=3, params=first.params))
    net.initialize()
    net.hybridize(hybrid)
    module = net.as_torch()
    assert len(list(module.parameters())) == 2
    assert list(module.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    for each in (module, copy.deepcopy(module), module.to(torch.float64)):
        assert each.get_parameter("0.weight") is each.get_parameter("1.weight")
    module(given().double()).sum().backward()
    assert module.get_parameter("1.weight").grad is not None


def test_constants_are_buffers() -> None:
    class Scaled(gluon.HybridBlock):
        def __init__(self) -> None:
            super().__init__()
            self.factor = self.params.get_constant("factor", [1, 2, 3])

        def hybrid_forward(self, F: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
            return F.broadcast_mul(x, kwargs["factor"])

    block = Scaled()
    block.initialize()
    module = block.as_torch()
    assert not list(module.parameters())
    assert [name for name, _ in module.named_buffers()] == ["factor"]
    torch.testing.assert_close(module(given()), given() * torch.arange(1, 4))


def test_frozen_parameters() -> None:
    net = network(False)
    net[0].collect_params().setattr("grad_req", "null")
    module = net.as_torch()
    assert [name for name, each in module.named_parameters() if not each.requires_grad] == ["0.weight", "0.bias"]
    module(given()).sum().backward()
    assert module.get_parameter("0.weight").grad is None


@hybrid_or_not
def test_nested_arguments_and_results(hybrid: bool) -> None:
    layer = gluon.rnn.LSTM(4, input_size=3)
    layer.initialize()
    layer.hybridize(hybrid)
    states = [torch.zeros(1, 2, 4), torch.zeros(1, 2, 4)]
    output, (hidden, cell) = layer.as_torch()(torch.ones(5, 2, 3), states)
    assert (output.shape, hidden.shape, cell.shape) == ((5, 2, 4), (1, 2, 4), (1, 2, 4))
    torch.testing.assert_close(output[-1], hidden[0])


@pytest.mark.filterwarnings("ignore:.*torch.jit.script. is deprecated:DeprecationWarning")
def test_transforms() -> None:
    module = network(True, normalised=False).as_torch()
    x = given()
    parameters = {name: each.detach() for name, each in module.named_parameters()}
    found = torch.func.grad(lambda values: torch.func.functional_call(module, values, (x,)).pow(2).sum())(parameters)
    module(x).pow(2).sum().backward()
    for name, each in module.named_parameters():
        torch.testing.assert_close(found[name], each.grad)
    torch.testing.assert_close(torch.func.vmap(lambda row: module(row[None])[0])(x), module(x))
    exact = torch.autograd.functional.jacobian(module, x)
    torch.testing.assert_close(torch.func.jacrev(module)(x), exact)
    torch.testing.assert_close(torch.func.jacfwd(module)(x), exact)
    exported = torch.export.export(module, (x,))
    torch.testing.assert_close(exported.module()(x), module(x))


def test_transforms_need_a_graph() -> None:
    module = network(False, normalised=False).as_torch()
    with pytest.raises(NotSupportedError, match=r"as_torch: n: .*call hybridize\(\) on it first"):
        torch.func.vmap(lambda row: module(row[None])[0])(given())
    with pytest.raises(NotSupportedError, match=r"torch\.export"):
        torch.export.export(module, (given(),))


@hybrid_or_not
def test_compiled(hybrid: bool) -> None:
    module = network(hybrid, normalised=False).as_torch()
    whole = torch.nn.Sequential(torch.nn.Linear(3, 3), module)
    compiled = torch.compile(whole, backend="eager")
    torch.testing.assert_close(compiled(given()), whole(given()))
    compiled(given()).sum().backward()
    assert module.get_parameter("0.weight").grad is not None


def test_threads_take_turns() -> None:
    module = network(True, normalised=False).as_torch()
    expected = module(given())
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: module(given()), range(20)):
            torch.testing.assert_close(result, expected)


def test_errors_leave_the_block_as_it_was() -> None:
    net = network(False)
    module = net.as_torch().to(torch.float64)
    expected = run(net, given())
    with pytest.raises(MXNetError):
        module(torch.ones(2, 7, dtype=torch.float64))
    torch.testing.assert_close(run(net, given()), expected)


def test_messages() -> None:
    layer = nn.Dense(2, prefix="d_")
    with pytest.raises(MXNetError, match="as_torch: Parameter 'd_weight' has not been initialized"):
        layer.as_torch()
    layer.initialize()
    with pytest.raises(MXNetError, match="initialization was deferred"):
        layer.as_torch()
    split = nn.Dense(2, in_units=3)
    split.initialize(ctx=[mx.cpu(0), mx.cpu(1)])
    with pytest.raises(ArgumentError, match="is on 2 devices"):
        split.as_torch()
    np.testing.assert_equal(len(split.weight.list_data()), 2)
