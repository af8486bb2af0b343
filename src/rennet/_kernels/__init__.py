"""Kernels of the recurrence, behind one narrow door. May import `_recurrence` and the base, no operators."""
