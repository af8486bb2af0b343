"""The table that `Block.summary` prints is real MXNet's."""

from __future__ import annotations

import pytest

import rennet as mx
from oracle.client import Oracle
from rennet.base import MXNetError
from rennet.gluon import nn

from .script import assert_same

NETWORKS = {
    "layers": ("net = HybridNet()", "[x]"),
    "Block": ("net = Net()", "[x]"),
    "containers": (
        """
class Mine(nn.HybridSequential):
    pass


net = nn.HybridSequential()
inner = nn.Sequential()
inner.add(nn.Dense(3))
mine = Mine()
mine.add(nn.Dense(2))
net.add(mine, nn.BatchNorm(), nn.Dense(2))
""",
        "[x]",
    ),
    "shared": (
        """
class Shared(gluon.HybridBlock):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.a = nn.Dense(3, in_units=3)
            self.b = nn.Dense(3, in_units=3, params=self.a.params)
            self.c = nn.BatchNorm()
            self.w = self.params.get("w", shape=(1, 3))

    def hybrid_forward(self, F, x, w):
        return F.broadcast_add(self.c(self.b(self.a(x))), w)


net = Shared()
net.a.weight.grad_req = "null"
""",
        "[x]",
    ),
    "layers of recurrence": ("net = gluon.rnn.LSTM(4, 2)", "[ramp(3, 2, 5)]"),
    "states": ("net = gluon.rnn.LSTM(4, 2)", "[ramp(3, 2, 5), net.begin_state(2)]"),
    "cell": ("net = gluon.rnn.LSTMCell(4)", "[ramp(2, 5), net.begin_state(2)]"),
    "several": (
        """
class Two(gluon.Block):
    def forward(self, a, b):
        return [a, [b, a]]


net = Two()
""",
        "[x, x * 2]",
    ),
}


@pytest.mark.parametrize("network", NETWORKS)
def test_text(oracle: Oracle, network: str) -> None:
    made, inputs = NETWORKS[network]
    # of a network whose shapes the call must tell, real MXNet shows rows of its inference too; so it runs once before
    assert_same(
        oracle,
        f"""
import contextlib
import io
x = ramp(4, 3)
{made}
net.initialize()
inputs = {inputs}
net(*inputs)
text = io.StringIO()
with contextlib.redirect_stdout(text):
    net.summary(*inputs)
note("text", text.getvalue())
note("hooks", len(net._forward_hooks))
""",
    )


def test_messages() -> None:
    layer = nn.Dense(2, prefix="d_")
    layer.initialize()
    layer.hybridize()
    with pytest.raises(MXNetError, match='"d" must not be hybridized to print summary'):
        layer.summary(mx.nd.ones((2, 3)))
    with pytest.raises(MXNetError, match="has not been initialized"):
        nn.Dense(2).summary(mx.nd.ones((2, 3)))
