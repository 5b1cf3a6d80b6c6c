"""Blocks of about a size: how many items make one is learned from the one before."""


class BlockLength:
    """How many items are taken for the next block, so that it has about `size` bytes.

    It grows by no more than four times at once, as the next items may be larger, and never beyond `most`.
    """

    def __init__(self, size: int, first: int, most: int) -> None:
        self.size = size
        self._most = most
        self.items = first

    def learn(self, items: int, size: int) -> None:
        """Take in that a block of so many items had so many bytes.

        >>> length = BlockLength(1000, first=64, most=1024)
        >>> length.learn(64, 1600)
        >>> length.items
        40
        """
        self.items = max(1, min(items * self.size // max(size, 1), 4 * self.items, self._most))
