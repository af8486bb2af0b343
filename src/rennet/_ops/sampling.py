"""Random numbers whose distribution is given by attributes or by arrays, all drawn from torch's generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import log, prod
from typing import Any, Literal

import torch
from torch import Tensor

from .._dtypes import element_type
from ..base import ArgumentError, ShapeError
from .attrs import DType, sizes_of
from .creation import given_shape, given_type
from .inference import forward_only
from .registry import Device, operator


def _filled(shape: tuple[int, ...], dtype: str | None, device: torch.device, value: float) -> Tensor:
    return torch.full(shape, value, dtype=element_type(dtype).torch, device=device)


def _check_positive(name: str, **numbers: float) -> None:
    for key, number in numbers.items():
        if not number > 0:
            raise ArgumentError(f"{name}: attribute {key}: expected a positive number; got {number}")


def _gamma(alpha: Tensor, beta: Tensor) -> Tensor:
    return alpha if alpha.is_meta else torch._standard_gamma(alpha) * beta  # pyright: ignore[reportPrivateImportUsage]


@operator("_random_gamma", "random_gamma", infer=given_shape, types=given_type, check=sizes_of("_random_gamma"))
def random_gamma(
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    shape: tuple[int, ...] = (),
    ctx: str = "",
    dtype: DType | None = "float32",
    device: Device,
) -> Tensor:
    """Numbers drawn from a gamma distribution with shape `alpha` and scale `beta`."""
    _check_positive("random_gamma", alpha=alpha, beta=beta)
    return _gamma(_filled(shape, dtype, device, alpha), _filled(shape, dtype, device, beta))


@operator(
    "_random_exponential",
    "random_exponential",
    infer=given_shape,
    types=given_type,
    check=sizes_of("_random_exponential"),
)
def random_exponential(
    *,
    lam: float = 1.0,
    shape: tuple[int, ...] = (),
    ctx: str = "",
    dtype: DType | None = "float32",
    device: Device,
) -> Tensor:
    """Numbers drawn from an exponential distribution with rate `lam`."""
    _check_positive("random_exponential", lam=lam)
    return _filled(shape, dtype, device, 0).exponential_(lam)


@operator("_random_poisson", "random_poisson", infer=given_shape, types=given_type, check=sizes_of("_random_poisson"))
def random_poisson(
    *,
    lam: float = 1.0,
    shape: tuple[int, ...] = (),
    ctx: str = "",
    dtype: DType | None = "float32",
    device: Device,
) -> Tensor:
    """Whole numbers drawn from a Poisson distribution with mean `lam`, in a floating-point type."""
    if lam < 0:
        raise ArgumentError(f"random_poisson: attribute lam: expected a number of at least 0; got {lam}")
    return torch.poisson(_filled(shape, dtype, device, lam))


@operator("_random_randint", "random_randint", infer=given_shape, types=given_type, check=sizes_of("_random_randint"))
def random_randint(
    *,
    low: int,
    high: int,
    shape: tuple[int, ...] = (),
    ctx: str = "",
    dtype: DType = "int32",
    device: Device,
) -> Tensor:
    """Whole numbers drawn evenly from `low` to before `high`."""
    if low >= high:
        raise ArgumentError(f"random_randint: attribute high: expected more than low, {low}; got {high}")
    kind = element_type(dtype).torch
    return torch.randint(low, high, shape, dtype=kind, device=device)


def _sample_types(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    known = next((kind for kind in ins if kind is not None), None)
    result = element_type(attrs["dtype"]) if attrs["dtype"] else known
    return [known if kind is None else kind for kind in ins], [result]


def _sampled(name: str, draw: Callable[[Tensor, Tensor], Tensor], names: tuple[str, str], doc: str) -> None:
    def spread(first: Tensor, second: Tensor, shape: tuple[int, ...], dtype: str | None) -> Tensor:
        if first.shape != second.shape:
            raise ShapeError(f"{name}: expected equal shapes, got {tuple(first.shape)} and {tuple(second.shape)}")
        whole = (*first.shape, *shape)
        kind = element_type(dtype).torch if dtype else first.dtype
        with torch.no_grad():
            parameters = [each.reshape(*first.shape, *[1] * len(shape)).expand(whole) for each in (first, second)]
            return draw(*parameters).to(kind)

    # the operator's signature is its record, so each pair of parameters has a function of its own
    if names == ("mu", "sigma"):

        def run_normal(mu: Tensor, sigma: Tensor, *, shape: tuple[int, ...] = (), dtype: DType | None = None) -> Tensor:
            return spread(mu, sigma, shape, dtype)

        run: Callable[..., Tensor] = run_normal
    elif names == ("low", "high"):

        def run_uniform(
            low: Tensor, high: Tensor, *, shape: tuple[int, ...] = (), dtype: DType | None = None
        ) -> Tensor:
            return spread(low, high, shape, dtype)

        run = run_uniform
    else:

        def run_gamma(
            alpha: Tensor, beta: Tensor, *, shape: tuple[int, ...] = (), dtype: DType | None = None
        ) -> Tensor:
            return spread(alpha, beta, shape, dtype)

        run = run_gamma
    run.__doc__ = f"{doc}: `shape` of them for each, along new last axes."
    operator(name, name[1:], infer=forward_only, types=_sample_types)(run)


def _normal(mu: Tensor, sigma: Tensor) -> Tensor:
    return mu + sigma * torch.randn_like(mu)


def _uniform(low: Tensor, high: Tensor) -> Tensor:
    return low + (high - low) * torch.rand_like(low)


_sampled("_sample_normal", _normal, ("mu", "sigma"), "Numbers from normal distributions with given mean and deviation")
_sampled("_sample_uniform", _uniform, ("low", "high"), "Numbers drawn evenly between given bounds")
_sampled("_sample_gamma", _gamma, ("alpha", "beta"), "Numbers from gamma distributions with given shape and scale")


def _multinomial_outputs(attrs: Mapping[str, Any]) -> Sequence[str]:
    return ("output0", "output1") if attrs["get_prob"] else ("output",)


def _multinomial_types(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    drawn = element_type(attrs["dtype"])
    return ins, [drawn, ins[0]] if attrs["get_prob"] else [drawn]


@operator("_sample_multinomial", "sample_multinomial", outputs=_multinomial_outputs, types=_multinomial_types)
def sample_multinomial(
    data: Tensor,
    *,
    shape: tuple[int, ...] = (),
    get_prob: bool = False,
    dtype: Literal["float16", "float32", "float64", "int32", "uint8"] = "int32",
) -> Tensor | tuple[Tensor, Tensor]:
    """Numbers of classes, drawn with the probabilities along the last axis of `data`: `shape` of them for each row.

    With `get_prob` the logarithms of their probabilities come out too, through which gradients flow.
    """
    if data.dim() not in (1, 2):
        raise ShapeError(f"sample_multinomial: data: expected 1 or 2 axes, got shape {tuple(data.shape)}")
    rows = data.detach().reshape(-1, data.shape[-1])
    count = prod(shape)
    if data.is_meta:
        drawn = torch.empty((rows.shape[0], count), dtype=torch.int64, device="meta")
    else:
        drawn = torch.multinomial(rows, count, replacement=True)
    whole = (*data.shape[:-1], *shape) or (1,)
    numbers = drawn.reshape(whole).to(element_type(dtype).torch)
    if not get_prob:
        return numbers
    chosen = data.reshape(rows.shape).gather(1, drawn)
    return numbers, chosen.log().reshape(whole)


@operator("_shuffle", "shuffle")
def shuffle(data: Tensor) -> Tensor:
    """The parts along the first axis in random order."""
    return data[torch.randperm(data.shape[0], device=data.device)]


def _whole_types(attrs: Mapping[str, Any], ins: list[Any]) -> tuple[list[Any], list[Any]]:
    return ins, [element_type("int64")] * 2


@operator("_sample_unique_zipfian", outputs=lambda attrs: ("output0", "output1"), types=_whole_types)
def sample_unique_zipfian(*, range_max: int, shape: tuple[int, ...] = (), device: Device) -> tuple[Tensor, Tensor]:
    """Numbers of classes below `range_max`, no class twice in a row, and how many draws each row took.

    The draws are those of a log-uniform distribution, ``P(class) = log((class+2) / (class+1)) / log(range_max+1)``,
    close to that of words ordered by how frequent they are.
    """
    if len(shape) != 2 or shape[1] > range_max:
        raise ArgumentError(
            f"_sample_unique_zipfian: attribute shape: expected rows and at most {range_max} samples, as there are no "
            f"more classes; got {shape}"
        )
    if device.type == "meta":
        return torch.empty(shape, dtype=torch.int64, device=device), torch.empty(
            shape[0], dtype=torch.int64, device=device
        )
    rows = [_distinct(shape[1], range_max) for _ in range(shape[0])]
    samples = torch.tensor([drawn for drawn, _ in rows], dtype=torch.int64, device=device).reshape(shape)
    return samples, torch.tensor([tries for _, tries in rows], dtype=torch.int64, device=device)


def _distinct(count: int, classes: int) -> tuple[list[int], int]:
    """So many different classes in the order in which they were drawn, and the number of draws."""
    found: dict[int, None] = {}
    tries = 0
    while len(found) < count:
        draws = (torch.rand(2 * count, dtype=torch.float64) * log(classes + 1)).exp().long() - 1
        for drawn in draws.clamp(0, classes - 1).tolist():
            tries += 1
            found[drawn] = None
            if len(found) == count:
                break
    return list(found), tries
