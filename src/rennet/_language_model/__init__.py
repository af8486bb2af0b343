"""The language model behind `rennet train` and `rennet sample`; may import every room below the command line.

Only the command line imports it. It is built from the public parts that a user's own program would be built from.
"""
