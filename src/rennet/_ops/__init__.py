"""Operators: one record each, on torch tensors. May import the rooms below (kernels, formats, recurrence, base)."""
