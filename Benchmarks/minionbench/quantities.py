"""Sizes, rates and times as people write and read them."""
from __future__ import annotations

import argparse
import math
import re
import statistics
from typing import Sequence

MIB = 1 << 20


def size_of(text: str) -> int:
    """Bytes of `64M` or `1G`; units are powers of 1024."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([KMG]?)", text.strip(), re.IGNORECASE)
    size = int(float(match[1]) * {"": 1, "K": 1 << 10, "M": MIB, "G": 1 << 30}[match[2].upper()]) if match else 0
    if not 1 <= size <= 1 << 40:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; give one such as 64M or 1G")
    return size


def bits_of(text: str) -> float:
    """Bits per second of `100mbit` or `1gbit`, as `tc` writes rates."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([kmg])bit", text.strip(), re.IGNORECASE)
    rate = float(match[1]) * {"k": 1e3, "m": 1e6, "g": 1e9}[match[2].lower()] if match else 0
    if not 1e3 <= rate <= 1e12:
        raise argparse.ArgumentTypeError(f"{text!r} is no rate; give one such as 100mbit")
    return rate


def positive(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 1000000")
    return int(text)


def human(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size:.3g} {unit}" if size < 100 else f"{size:.0f} {unit}"
        size /= 1024
    raise AssertionError


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], percent: int) -> float:
    """The least value that so many percent of them do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
