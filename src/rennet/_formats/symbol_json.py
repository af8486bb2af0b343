"""``-symbol.json``: JSON <-> node records. This is the door; the two directions have a file each."""

from __future__ import annotations

from .graph_reader import parse_graph
from .graph_record import Entry, GraphRecord, NodeRecord
from .graph_writer import render_graph

__all__ = ["Entry", "GraphRecord", "NodeRecord", "parse_graph", "render_graph"]
