"""What doesn't fit into memory: frames on disk, in segments."""

from collections.abc import Iterator

import polars as pl

from fanfold_steps.columnar import runs
from fanfold_steps.columnar.shape import Shape
from fanfold_steps.memory.scratch import Scratch


class FrameSpills:
    """A task's frames on disk; each segment is read by itself."""

    def __init__(self, scratch: Scratch, name: str = "frames") -> None:
        self._scratch = scratch
        self._name = name
        self._sizes: list[int] = []

    def __len__(self) -> int:
        return len(self._sizes)

    def write(self, shape: Shape, segments: list[pl.DataFrame]) -> None:
        """Put one more frame of each segment on disk."""
        packed = runs.pack([[frame] for frame in segments], shape)
        self._sizes.append(self._scratch.spill(self._key(len(self)), packed))

    def read(self, segment: int) -> Iterator[pl.DataFrame]:
        """A segment's frames, in the order in which they were written."""
        for number, size in enumerate(self._sizes):
            for frame, _ in runs.read_segment(self._scratch.objects, self._key(number), size, segment):
                if frame.height:
                    yield frame

    def remove(self) -> None:
        """Give the disk's room back."""
        for number in range(len(self)):
            self._scratch.objects.delete(self._key(number))

    def _key(self, number: int) -> str:
        return f"{self._name}-{number}.run"
