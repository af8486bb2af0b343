"""What the recurrences are: their math, their table, their parameter layout. Imports nothing, not even torch."""
