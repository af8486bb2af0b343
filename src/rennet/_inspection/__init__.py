"""What is in a file of arrays, a graph, or a file of states; may import every room below the command line.

`summaries` tells kinds of file apart and gathers plain dicts, which JSON can hold; `layers` recognises recurrent layers
by the names and shapes of their parameters, `graphs` looks at operators and at what would be fused; `text` makes lines
of a dict for people.
"""

from __future__ import annotations

from .summaries import inspect_file
from .text import to_text

__all__ = ["inspect_file", "to_text"]
