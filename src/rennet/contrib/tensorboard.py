"""TensorBoard's files are written by ``torch.utils.tensorboard``."""

from ._refused import refused

LogMetricsCallback = refused(
    "mx.contrib.tensorboard.LogMetricsCallback",
    "give a callback of your own that passes param.eval_metric.get_name_value() to torch.utils.tensorboard",
)
