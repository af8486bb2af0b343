"""Cells written once for arrays and symbols (`F` is ``nd`` or ``sym``). May import rooms 1 to 8."""
