"""The project's one exception of its own, and those of others that a damaged file causes."""

import struct
import zipfile

DAMAGE = (  # what zipfile, json and NumPy raise when they read nonsense
    zipfile.BadZipFile, struct.error, EOFError, LookupError, ValueError, TypeError, AttributeError, OverflowError, RuntimeError,
    MemoryError,
)


class FormatError(ValueError):
    """A file is damaged, truncated or of another kind; the message names the file and the place."""
