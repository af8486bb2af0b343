"""Kernels of the recurrence, behind one narrow door. May import `_recurrence` and the base; knows nothing of operators."""
