"""Bytes that are a function of a seed and an offset, so that no file of any size has to exist anywhere."""
from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Iterator

_BLOCK = 1 << 20
#: Odd, so that no two blocks (and no two pieces) of a file below 256 GiB are alike.
_TURN = 4099


@lru_cache(maxsize=64)
def _pattern(seed: str) -> memoryview:
    return memoryview(hashlib.shake_128(seed.encode()).digest(_BLOCK) * 2)


@lru_cache(maxsize=256)
def _digest(size: int, seed: str, algorithm: str) -> str:
    hasher = hashlib.new(algorithm)
    for chunk in Content(size, seed).chunks():
        hasher.update(chunk)
    return hasher.hexdigest()


class Content:
    """`size` bytes. Equal seeds give equal bytes at equal offsets."""

    def __init__(self, size: int, seed: str = "a"):
        self.size = size
        self.seed = seed

    @property
    def etag(self) -> str:
        return f'"{self.seed}-{self.size}"'

    def chunks(self, start: int = 0, end: int = -1, step: int = 1 << 18) -> Iterator[memoryview]:
        end = self.size if end < 0 else min(end, self.size)
        pattern = _pattern(self.seed)
        while start < end:
            block, within = divmod(start, _BLOCK)
            count = min(step, _BLOCK - within, end - start)
            position = block * _TURN % _BLOCK + within
            yield pattern[position : position + count]
            start += count

    def bytes(self, start: int = 0, end: int = -1) -> bytes:
        return b"".join(self.chunks(start, end))

    def digest(self, algorithm: str = "sha256") -> str:
        return _digest(self.size, self.seed, algorithm)
