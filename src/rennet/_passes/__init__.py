"""Rewriting graphs before they run: unrolled recurrences become fused ones. May import rooms 1 to 6 and the graph.

A recurrence that was unrolled by hand or by a cell, here or in a file of any age, is recognised by its structure alone:

1. `terms`: the math of each recurrence (`_recurrence.pointwise`), run on terms, gives the pattern that its steps have.
2. `steps`: every node that may be the output of a step is compared with the patterns. `masks`: zoneout and variational
   dropout around it.
3. `chains`: steps that share weights and hand states on form a chain.
4. `closure`: a chain must be closed: nothing outside looks at its gates, and no input depends on its own outputs, as a
   decoder's may. `lengths`: results that are looked at only within lengths.
5. `sequences`: the inputs of all steps, and what is computed from all outputs alike, as one array with a time axis.
   `pairs`: of two chains, one forwards and one backwards over one sequence.
   `unknown`: loops of dense layers that are none of these, to be reported.
6. `singles`: steps that no fused recurrence has taken, each as one node that makes one step.
7. `rewriting`: the graph in which each chain or pair is one node that goes through the door to the kernels, put
   together by `rebuilding`, with `shortcuts` for what turns something around and back. `drawing`: random masks, drawn
   before the chains that they are for.

Beside that, `dense_softmax` joins a softmax output to the dense layer before it.

The symbol is not touched: what is given are other outputs for a program to compute, which have the same values.
"""

from __future__ import annotations

from .dense_softmax import with_dense_softmax
from .rewriting import Recurrence, fused

__all__ = ["Recurrence", "fused", "with_dense_softmax"]
