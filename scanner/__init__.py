"""keysweep: finds leaked keys, judges them, and shows none of them.

`scanner.mask(text)`, `scanner.Masker`, `scanner.MaskingFilter` and `scanner.MaskingProcessor` are loaded when they are
first used; their types stand in `__init__.pyi`.
"""

__version__ = "0.1.0"

_HOMES = {
    "mask": "scanner.masker",
    "Masker": "scanner.masker",
    "MaskingFilter": "scanner.log_filter",
    "MaskingProcessor": "scanner.structlog_processor",
}
__all__ = ["Masker", "MaskingFilter", "MaskingProcessor", "__version__", "mask"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'scanner' has no attribute '{name}'")
    from importlib import import_module  # noqa: PLC0415 - importing the package loads nothing

    return getattr(import_module(_HOMES[name]), name)
