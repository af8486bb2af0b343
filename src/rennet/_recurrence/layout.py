"""The flat parameter vector of the fused RNN, as a list of slots.

All weights first, layer by layer, in each layer the left-to-right direction before the right-to-left one, in each
direction ``i2h``, ``h2h`` and, with projection, ``h2r``; then all biases in the same order (``h2r`` has none). Every
matrix is stored row by row, its gates one below the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from .modes import MODES


class Slot(NamedTuple):
    """One matrix or bias inside the flat vector."""

    layer: int
    direction: int
    """0 left to right, 1 right to left."""
    group: str
    """``'i2h'``, ``'h2h'`` or ``'h2r'``."""
    kind: str
    """``'weight'`` or ``'bias'``."""
    shape: tuple[int, ...]
    offset: int
    gates: tuple[str, ...]
    """Suffixes of the gates stacked along the first axis; ``('',)`` where there is nothing to tell apart."""

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.shape[0] * (self.shape[1] if len(self.shape) == 2 else 1)

    @property
    def cell(self) -> str:
        """The direction and layer as names spell them: ``l0``, ``r0``, ``l1`` ..."""
        return f"{'lr'[self.direction]}{self.layer}"

    @property
    def field(self) -> str:
        """What it is within its layer and direction, e.g. ``i2h_weight``."""
        return f"{self.group}_{self.kind}"

    def name(self, gate: str = "") -> str:
        """The parameter's name after the cell's prefix, e.g. ``l0_i2h_weight`` or, for a gate, ``l0_i2h_f_weight``."""
        return f"{self.cell}_{self.group}{gate}_{self.kind}"

    def parts(self) -> Iterator[Part]:
        """Each gate's share, in the order of the vector."""
        shape = (self.shape[0] // len(self.gates), *self.shape[1:])
        size = self.size // len(self.gates)
        for place, gate in enumerate(self.gates):
            yield Part(self.name(gate), shape, self.offset + place * size, size)


class Part(NamedTuple):
    """One gate's matrix or bias inside the flat vector."""

    name: str
    shape: tuple[int, ...]
    offset: int
    size: int


class Layout(NamedTuple):
    """The sizes that decide the layout of a fused RNN's parameters."""

    mode: str
    hidden_size: int
    num_layers: int = 1
    bidirectional: bool = False
    projection_size: int | None = None

    @property
    def directions(self) -> int:
        """1 or 2."""
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> int:
        """Width of one direction's output: the projection's if there is one."""
        return self.projection_size or self.hidden_size

    def slots(self, input_size: int) -> Iterator[Slot]:
        """Every slot, in the order of the vector.

        >>> for slot in Layout("gru", 2).slots(3):
        ...     print(slot.name(), slot.shape, slot.offset)
        l0_i2h_weight (6, 3) 0
        l0_h2h_weight (6, 2) 18
        l0_i2h_bias (6,) 30
        l0_h2h_bias (6,) 36
        """
        gates = MODES[self.mode].gates
        rows = len(gates) * self.hidden_size
        offset = 0
        for kind in ("weight", "bias"):
            for layer in range(self.num_layers):
                width = input_size if layer == 0 else self.directions * self.output_size
                groups = [("i2h", (rows, width), gates), ("h2h", (rows, self.output_size), gates)]
                if self.projection_size and kind == "weight":
                    groups.append(("h2r", (self.projection_size, self.hidden_size), ("",)))
                for direction in range(self.directions):
                    for group, shape, names in groups:
                        slot = Slot(
                            layer, direction, group, kind, shape if kind == "weight" else shape[:1], offset, names
                        )
                        yield slot
                        offset += slot.size

    def size(self, input_size: int) -> int:
        """Number of elements of the whole vector.

        >>> Layout("lstm", 5, num_layers=2).size(4)
        460
        """
        return sum(slot.size for slot in self.slots(input_size))

    def input_size(self, total: int) -> int | None:
        """The input size that gives a vector of `total` elements, or None if there is none.

        >>> Layout("lstm", 5, num_layers=2).input_size(460)
        4
        """
        per_input = self.directions * MODES[self.mode].num_gates * self.hidden_size
        size, rest = divmod(total - self.size(0), per_input)
        return size if rest == 0 and size > 0 else None

    def unpack(self, vector: Any) -> dict[str, Any]:
        """Each slot's matrix or bias under its name, from a vector of any kind of array.

        They share the vector's memory wherever slices and reshaped arrays do.

        Raises
        ------
        ValueError
            If no input size gives a vector of this length.
        """
        (total,) = vector.shape
        input_size = self.input_size(total)
        if input_size is None:
            raise ValueError(f"a vector of {total} fits no input size of {self}")
        return {
            slot.name(): vector[slot.offset : slot.offset + slot.size].reshape(slot.shape)
            for slot in self.slots(input_size)
        }

    def pack(self, parts: Mapping[str, Any], concatenate: Callable[[list[Any]], Any]) -> Any:
        """The reverse of `unpack`; `concatenate` joins vectors.

        Raises
        ------
        ValueError
            If a slot is missing, superfluous, or of another shape.
        """
        input_size = parts["l0_i2h_weight"].shape[1] if "l0_i2h_weight" in parts else 0
        slots = {slot.name(): slot for slot in self.slots(input_size)}
        missing, extra = sorted(slots.keys() - parts.keys()), sorted(parts.keys() - slots.keys())
        if missing or extra:
            raise ValueError(
                f"{self}: missing: {', '.join(missing) or 'none'}; superfluous: {', '.join(extra) or 'none'}"
            )
        for name, slot in slots.items():
            if tuple(parts[name].shape) != slot.shape:
                raise ValueError(f"{name}: expected shape {slot.shape}, got {tuple(parts[name].shape)}")
        return concatenate([parts[name].reshape(-1) for name in slots])
