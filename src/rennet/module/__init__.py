"""``mx.mod``: training and running symbols. May import rooms 1 to 9, no other surface."""

from .base_module import BaseModule
from .bucketing_module import BucketingModule
from .feed_forward import FeedForward
from .module import Module
from .python_module import PythonLossModule, PythonModule
from .sequential_module import SequentialModule

__all__ = [
    "BaseModule",
    "BucketingModule",
    "FeedForward",
    "Module",
    "PythonLossModule",
    "PythonModule",
    "SequentialModule",
]
