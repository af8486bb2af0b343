"""The loss of a sequence of labels that says nothing of when each of them is (Graves et al., 2006)."""

from __future__ import annotations

from typing import Any

from ...base import one_of
from ..parameter_dict import ParameterDict
from .contract import Loss

__all__ = ["CTCLoss"]


class CTCLoss(Loss):
    """Connectionist temporal classification: minus the log probability of all alignments that spell the label.

    The last class is the blank, and labels are padded with -1.

    Parameters
    ----------
    layout : {'NTC', 'TNC'}
        Order of batch, time and classes in the predictions, which are scores before the softmax.
    label_layout : {'NT', 'TN'}
        Order of batch and time in the labels.
    weight : float, optional
        A factor.
    prefix, params
        As for every Block.

    Examples
    --------
    >>> import rennet as mx
    >>> loss = mx.gluon.loss.CTCLoss()
    >>> loss(mx.nd.zeros((1, 2, 3)), mx.nd.array([[1, -1]])).asnumpy().round(3).tolist()
    [1.098...]
    """

    def __init__(
        self,
        layout: str = "NTC",
        label_layout: str = "NT",
        weight: float | None = None,
        prefix: str | None = None,
        params: ParameterDict | None = None,
    ) -> None:
        one_of("CTCLoss: layout", layout, ("NTC", "TNC"))
        one_of("CTCLoss: label_layout", label_layout, ("NT", "TN"))
        super().__init__(weight, label_layout.index("N"), prefix=prefix, params=params)
        self._layout, self._label_layout = layout, label_layout

    def hybrid_forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        F: Any,
        pred: Any,
        label: Any,
        pred_lengths: Any = None,
        label_lengths: Any = None,
        sample_weight: Any = None,
    ) -> Any:
        """The loss of each sequence; lengths and `sample_weight` have shape ``(N,)``."""
        if self._layout == "NTC":
            pred = F.swapaxes(pred, 0, 1)
        if self._label_layout == "TN":
            label = F.swapaxes(label, 0, 1)
        loss = F.CTCLoss(
            pred,
            label,
            pred_lengths,
            label_lengths,
            use_data_lengths=pred_lengths is not None,
            use_label_lengths=label_lengths is not None,
            blank_label="last",
        )
        return self._weighted(F, loss, sample_weight)
