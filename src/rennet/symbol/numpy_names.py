"""Names that graphs written by MXNet's NumPy interface, and by MXNet 2, have for operators of 1.9.1.

Only those are here that are the same operator under another name, attributes and all. They are understood in files;
what is written has the operator's own name.
"""

from __future__ import annotations

__all__ = ["NUMPY_NAMES"]

NUMPY_NAMES = {
    "_np_repeat": "repeat",
    "_npi_Custom": "Custom",
    "_npi_argsort": "argsort",
    "_npi_cast": "Cast",
    "_npi_clip": "clip",
    "_npi_det": "_linalg_det",
    "_npi_expand_dims": "expand_dims",
    "_npi_full": "_full",
    "_npi_hypot_scalar": "_hypot_scalar",
    "_npi_inv": "_linalg_inverse",
    "_npi_maximum": "broadcast_maximum",
    "_npi_maximum_scalar": "_maximum_scalar",
    "_npi_minimum": "broadcast_minimum",
    "_npi_minimum_scalar": "_minimum_scalar",
    "_npi_random_randint": "_random_randint",
    "_npi_rnn_param_concat": "_rnn_param_concat",
    "_npi_shuffle": "_shuffle",
    "_npi_slice": "slice",
    "_npi_slogdet": "_linalg_slogdet",
    "_npi_sort": "sort",
    "_npi_swapaxes": "SwapAxis",
    "_npi_take": "take",
    "_npi_tile": "tile",
    "_npx_activation": "Activation",
    "_npx_batch_dot": "batch_dot",
    "_npx_batch_flatten": "Flatten",
    "_npx_batch_norm": "BatchNorm",
    "_npx_cast": "Cast",
    "_npx_convolution": "Convolution",
    "_npx_deconvolution": "Deconvolution",
    "_npx_dropout": "Dropout",
    "_npx_embedding": "Embedding",
    "_npx_erf": "erf",
    "_npx_erfinv": "erfinv",
    "_npx_fully_connected": "FullyConnected",
    "_npx_gamma": "gamma",
    "_npx_gammaln": "gammaln",
    "_npx_layer_norm": "LayerNorm",
    "_npx_leaky_relu": "LeakyReLU",
    "_npx_log_softmax": "log_softmax",
    "_npx_one_hot": "one_hot",
    "_npx_pick": "pick",
    "_npx_pooling": "Pooling",
    "_npx_reshape_like": "reshape_like",
    "_npx_rnn": "RNN",
    "_npx_sequence_mask": "SequenceMask",
    "_npx_slice": "slice",
    "_npx_smooth_l1": "smooth_l1",
    "_npx_softmax": "softmax",
    "_npx_topk": "topk",
}
