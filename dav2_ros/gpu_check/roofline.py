# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Count what a network has to compute and to move, from its architecture: the least time that hardware can take for it.

Run as a module it prints the table of docs/engines.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dav2_ros.network.presets import PATCH, PRESETS, Preset
from dav2_ros.resize import ResizePlan

FRAME = (480, 640)  # height, width of the camera's pictures


@dataclass(frozen=True)
class Operation:
    """A matrix product, convolution or attention: what comes between is fused into one of them at best."""

    name: str
    flops: int  # a multiplication and an addition are two
    moved: int  # elements read and written: what goes in and comes out of a batch
    weights: int = 0  # elements, read once for the whole batch


@dataclass(frozen=True)
class Roofline:
    """What a network has to do for one batch."""

    operations: tuple[Operation, ...]
    itemsize: int  # bytes per element

    @property
    def flops(self) -> int:
        """Return the floating point operations."""
        return sum(operation.flops for operation in self.operations)

    @property
    def nbytes(self) -> int:
        """Return the bytes read and written, each operation's input and output once."""
        return sum(self._nbytes(operation) for operation in self.operations)

    def least_ms(self, flops_s: float, bytes_s: float) -> float:
        """Return the time that the operations take one after the other, each bound by arithmetic or by memory."""
        return 1e3 * sum(max(o.flops / flops_s, self._nbytes(o) / bytes_s) for o in self.operations)

    def memory_share(self, flops_s: float, bytes_s: float) -> float:
        """Return the share of `least_ms` that is spent in operations bound by memory."""
        bound = sum(b / bytes_s for o in self.operations if (b := self._nbytes(o)) / bytes_s > o.flops / flops_s)
        return 1e3 * bound / self.least_ms(flops_s, bytes_s)

    def _nbytes(self, operation: Operation) -> int:
        return self.itemsize * (operation.moved + operation.weights)


def roofline(
    preset: str, net_height: int, net_width: int, *, batch: int = 1, itemsize: int = 2, folded: bool = False
) -> Roofline:
    """Count a network's work for a batch of (net_height, net_width) inputs.

    `folded` is as the engines compute it (engines.fold): 1x1 convolutions before upsampling, on fewer pixels.
    """
    h, w = net_height // PATCH, net_width // PATCH
    size = PRESETS[preset]
    operations = (*_encoder(size, h * w, batch), *_head(size, h, w, batch, folded))
    return Roofline(operations, itemsize)


def _linear(name: str, rows: int, inputs: int, outputs: int) -> Operation:
    return Operation(name, 2 * rows * inputs * outputs, rows * (inputs + outputs), inputs * outputs)


def _conv(name: str, pixels: int, inputs: int, outputs: int, side: int = 3, pixels_in: int = 0) -> Operation:
    """Count a convolution with `pixels` at its output; a transposed one of equal kernel and stride is a product."""
    weights = inputs * outputs * side**2
    return Operation(name, 2 * pixels * weights, (pixels_in or pixels) * inputs + pixels * outputs, weights)


def _encoder(size: Preset, patches: int, batch: int) -> Iterator[Operation]:
    dim, tokens = size.embed_dim, patches + 1
    rows = batch * tokens
    yield _linear('patch embedding', batch * patches, 3 * PATCH**2, dim)
    for _ in range(size.blocks):
        yield _linear('qkv', rows, dim, 3 * dim)
        yield Operation('attention', 4 * batch * tokens**2 * dim, 4 * rows * dim)
        yield _linear('projection', rows, dim, dim)
        if size.swiglu:
            hidden = (int(4 * dim * 2 / 3) + 7) // 8 * 8
            yield _linear('feed-forward', rows, dim, 2 * hidden)
            yield _linear('feed-forward', rows, hidden, dim)
        else:
            yield _linear('feed-forward', rows, dim, 4 * dim)
            yield _linear('feed-forward', rows, 4 * dim, dim)


def _head(size: Preset, h: int, w: int, batch: int, folded: bool) -> Iterator[Operation]:
    f, patches = size.features, batch * h * w
    maps = [16 * patches, 4 * patches, patches, batch * ((h + 1) // 2) * ((w + 1) // 2)]  # pixels of the four maps
    for channels in size.out_channels:
        yield _linear('project', patches, size.embed_dim, channels)
    for channels, side in zip(size.out_channels[:2], (4, 2)):
        yield _linear('enlarge', patches, channels, channels * side**2)
    last = size.out_channels[3]
    yield _conv('shrink', maps[3], last, last, pixels_in=patches)
    for channels, pixels in zip(size.out_channels, maps):
        yield _conv('to features', pixels, channels, f)
    larger = [64 * patches, *maps[:3]]  # what each fusion enlarges its map to
    for pixels, enlarged, units in zip(maps, larger, (2, 2, 2, 1)):  # the deepest has no skip
        for _ in range(2 * units):
            yield _conv('refine', pixels, f, f)
        yield _linear('fuse', pixels if folded else enlarged, f, f)
    yield _conv('output 1', 64 * patches, f, f // 2)
    yield _conv('output 2', PATCH**2 * patches, f // 2, 32, pixels_in=64 * patches)
    yield _linear('output 3', PATCH**2 * patches, 32, 1)


def table(presets: tuple[str, ...] = ('vitt', 'vits', 'vitb', 'vitl'), sizes: tuple[int, ...] = (252, 518)) -> str:
    """Return a Markdown table of what one picture takes in fp16, batch 1."""
    lines = [
        '| preset | network input | GFLOP | MB moved | of it weights | FLOP per byte |',
        '|---|---|---|---|---|---|',
    ]
    for preset in presets:
        for size in sizes:
            plan = ResizePlan.lower_bound(*FRAME, size)
            work = roofline(preset, plan.net_height, plan.net_width, folded=True)
            weights = 2 * sum(operation.weights for operation in work.operations)
            lines.append(
                f'| {preset} | {plan.net_width}x{plan.net_height} | {1e-9 * work.flops:.1f} | {1e-6 * work.nbytes:.0f} '
                f'| {1e-6 * weights:.0f} | {work.flops / work.nbytes:.0f} |'
            )
    return '\n'.join(lines)


if __name__ == '__main__':
    print(table())
