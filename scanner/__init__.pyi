from scanner.log_filter import MaskingFilter as MaskingFilter
from scanner.masker import Masker as Masker
from scanner.masker import mask as mask
from scanner.structlog_processor import MaskingProcessor as MaskingProcessor

__version__: str
