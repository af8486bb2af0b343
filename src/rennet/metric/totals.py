"""Metrics whose value is a function of totals over everything seen, such as a table of hits, and not a quotient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..base import one_of
from .contract import EvalMetric


class Counts(NamedTuple):
    """How often each class was predicted for each label; tables of different sizes can be added.

    >>> total = Counts(np.ones((1, 1), int)) + Counts(np.ones((2, 2), int))
    >>> total.table.tolist()
    [[2, 1], [1, 1]]
    """

    table: np.ndarray[Any, Any]
    """(C, C); the row is the prediction, the column the label."""

    def __add__(self, other: Counts) -> Counts:  # pyright: ignore[reportIncompatibleMethodOverride]
        size = max(len(self.table), len(other.table))
        total = np.zeros((size, size), np.int64)
        for table in (self.table, other.table):
            total[: len(table), : len(table)] += table
        return Counts(total)


class Moments(NamedTuple):
    """Means and sums of products of deviations from them, of two variables.

    Deviations are summed rather than the numbers, which would cancel out where these are far from zero.
    """

    count: int
    mean_x: float
    mean_y: float
    square_x: float
    square_y: float
    product: float

    def __add__(self, other: Moments) -> Moments:  # pyright: ignore[reportIncompatibleMethodOverride]
        count = self.count + other.count
        if count == 0:
            return self
        share = other.count / count
        apart_x, apart_y = other.mean_x - self.mean_x, other.mean_y - self.mean_y
        weight = self.count * share
        return Moments(
            count,
            self.mean_x + apart_x * share,
            self.mean_y + apart_y * share,
            self.square_x + other.square_x + apart_x * apart_x * weight,
            self.square_y + other.square_y + apart_y * apart_y * weight,
            self.product + other.product + apart_x * apart_y * weight,
        )


class TotalsMetric(EvalMetric):
    """Base of metrics that are a function of totals, which a subclass gives as `_worth`.

    Parameters
    ----------
    name, output_names, label_names
        See `EvalMetric`.
    nothing : Counts or Moments
        The totals before anything was seen.
    average : {'macro', 'micro'}, optional
        Whether `get` is the mean of the values of single parts, or the value of their totals (default). Only a metric
        whose users may choose gives it.
    **kwargs
        As for `EvalMetric`.
    """

    def __init__(
        self,
        name: str,
        output_names: Sequence[str] | None,
        label_names: Sequence[str] | None,
        nothing: Any,
        average: str | None = None,
        **kwargs: Any,
    ) -> None:
        if average is not None:
            kwargs["average"] = one_of("average", average, ("macro", "micro"))
        self.average = average or "micro"
        self._nothing = nothing
        super().__init__(name, output_names, label_names, **{"has_global_stats": True, **kwargs})

    def _worth(self, totals: Any) -> float:
        """The value of totals."""
        raise NotImplementedError

    def _take_in(self, totals: Any, count: int) -> None:
        """Add a part's totals, or its value; `count` is how much it counts where the totals are added."""
        if self.average == "macro":
            self._add(self._worth(totals), 1)
            return
        self._totals += totals
        self._global_totals += totals
        self.num_inst += count
        self.global_num_inst += count
        self.sum_metric = self._worth(self._totals) * self.num_inst
        self.global_sum_metric = self._worth(self._global_totals) * self.global_num_inst

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self._totals = self._global_totals = self._nothing

    def reset_local(self) -> None:
        """Forget what `get` answers, but not what `get_global` does."""
        super().reset_local()
        self._totals = self._nothing
