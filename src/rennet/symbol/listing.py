"""A graph as lines for people to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .._graph import Entry, Node, in_order


def listing(heads: Iterable[Entry]) -> str:
    """Outputs, then variables and operators in the order of a run, in MXNet's form.

    A variable's version is the number of operators that have written into it by then: auxiliary states are.
    """
    heads = list(heads)
    if all(node.op is None for node, _ in heads) and len(heads) == 1:
        return f"Variable:{heads[0][0].name}\n"
    lines = ["Symbol Outputs:", *(f"\toutput[{place}]={_shown(head)}" for place, head in enumerate(heads))]
    versions: Counter[int] = Counter()
    for node in in_order(heads):
        if node.op is None:
            lines.append(f"Variable:{node.name}")
            continue
        versions.update(id(state) for state, _ in node.states)
        lines += ["-" * 20, f"Op:{node.op.name}, Name={node.name}", "Inputs:"]
        for place, (child, index) in enumerate(node.inputs):
            version = f" version={versions[id(child)]}" if child.op is None else ""
            lines.append(f"\targ[{place}]={_shown((child, index))}{version}")
        lines += _attributes(node)
    return "\n".join(lines) + "\n"


def _shown(entry: Entry) -> str:
    node, index = entry
    return f"{node.name}({index})"


def _attributes(node: Node) -> list[str]:
    return ["Attrs:", *(f"\t{key}={value}" for key, value in sorted(node.attrs.items()))] if node.attrs else []
