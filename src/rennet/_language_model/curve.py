"""The picture of a training run: perplexity over updates."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Sequence

from .._formats.atomic import write_atomic
from ..base import ArgumentError

__all__ = ["draw_curve"]


def draw_curve(
    path: str | os.PathLike[str],
    updates: Sequence[int],
    train_perplexity: Sequence[float],
    heldout: Sequence[tuple[int, float]],
    unigram: float,
) -> None:
    """Draw the perplexities of a training run to a PNG file.

    Parameters
    ----------
    path : str or PathLike
        The file, which is replaced as a whole or not at all.
    updates, train_perplexity : sequence of int, sequence of float
        The points of the training curve. Those that are not finite are left out.
    heldout : sequence of (int, float)
        Updates, and the perplexity of the held-out sentences after them.
    unigram : float
        The perplexity to beat, a dashed line.

    Raises
    ------
    ArgumentError
        If `updates` and `train_perplexity` are not of one length.
    OSError
        If the file cannot be written.
    """
    if len(updates) != len(train_perplexity):
        raise ArgumentError(
            f"train_perplexity: expected one for each of the {len(updates)} updates, got {len(train_perplexity)}"
        )
    # Slow to import, and pyplot, which would look for a display and keep every figure, stays out.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained", facecolor="white")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    train = _finite(list(zip(updates, train_perplexity, strict=True)))
    judged = _finite(heldout)
    if train:
        mark = "o" if len(train) == 1 else ""  # a line through one point is nothing to see
        axes.plot(*zip(*train, strict=True), color="#8fb4d9", linewidth=1.4, marker=mark, label="training")
    if judged:
        axes.plot(
            *zip(*judged, strict=True), color="#b3261e", linewidth=1.8, marker="o", markersize=5, label="held-out"
        )
        update, perplexity = judged[-1]
        axes.annotate(
            f"{perplexity:.3g}", (update, perplexity), xytext=(0, 8), textcoords="offset points",
            ha="center", color="#b3261e", annotation_clip=False,
        )  # fmt: skip
    axes.axhline(unigram, color="#555555", linestyle="--", linewidth=1.2, label=f"unigram, held-out ({unigram:.3g})")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True))
    axes.set_xlim(left=0)
    axes.set_xlabel("updates")
    axes.set_ylabel("perplexity (log scale)")
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    png = io.BytesIO()
    canvas.print_png(png)
    write_atomic(path, png.getvalue())


def _finite(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    return [(update, perplexity) for update, perplexity in points if 0 < perplexity < math.inf]
