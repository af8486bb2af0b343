"""What optimizers refuse, and that they say what was expected, what came, and where."""

# wrong types are the point
# pyright: reportArgumentType=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rennet as mx
from rennet.base import ArgumentError
from rennet.optimizer import SGD, Adam, Optimizer, create, get_updater, register

CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "unknown argument": (
        lambda: create("adam", momentum=0.1),
        "optimizer 'adam': takes no momentum; it takes: learning_rate, beta1, .*clip_gradient",
    ),
    "learning rate": (lambda: SGD(learning_rate="a"), "SGD: learning_rate: expected a number, got 'a'"),
    "weight decay": (lambda: SGD(wd="a"), "SGD: wd: expected a number, got 'a'"),
    "rescaling": (lambda: Adam(rescale_grad=None), "Adam: rescale_grad: expected a number, got None"),
    "clipping": (lambda: SGD(clip_gradient="a"), "SGD: clip_gradient: expected a number, got 'a'"),
    "scheduler": (lambda: SGD(lr_scheduler=3), "SGD: lr_scheduler: expected something that can be called, got 3"),
    "symbol": (lambda: SGD(sym=3), "SGD: sym: expected a Symbol, got 3"),
    "updates": (lambda: SGD(begin_num_update="a"), "SGD: begin_num_update: expected a whole number of at least 0"),
    "parameters": (
        lambda: SGD(param_dict=3),
        "SGD: param_dict: expected a dict of parameter indices to Parameters, got 3",
    ),
    "momentum": (lambda: SGD(momentum="a"), "momentum: expected a number, got 'a'"),
    "decay": (lambda: Adam(beta1="a"), "beta1: expected at least 0 and below 1, got 'a'"),
    "updater": (
        lambda: get_updater(3),
        r"Updater: optimizer: expected an Optimizer, got 3; mx.optimizer.create\(name\)",
    ),
    "multipliers": (
        lambda: SGD().set_lr_mult(3),
        "set_lr_mult: args_lr_mult: expected a dict of factors by name or ind",
    ),
    "decays": (lambda: SGD().set_wd_mult([0.1]), "set_wd_mult: args_wd_mult: expected a dict of factors .*, got list"),
    "class": (lambda: register(3), "register: expected a class, got 3"),
}


@pytest.mark.parametrize(("call", "message"), CASES.values(), ids=CASES)
def test_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        call()


def test_an_optimizer_of_ones_own_may_take_what_it_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Optimizer, "opt_registry", dict(Optimizer.opt_registry))

    class Own(SGD):
        def __init__(self, **kwargs: Any) -> None:
            self.taste = kwargs.pop("taste")
            super().__init__(**kwargs)

    register(Own)
    made: Any = mx.optimizer.create("own", taste="sweet", momentum=0.5)
    assert (made.taste, made.momentum) == ("sweet", 0.5)
