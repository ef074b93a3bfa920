"""keysweep: finds leaked keys, judges them, and shows none of them."""

__version__ = "0.1.0"
