"""The project's one exception of its own, and those of others that a damaged file causes."""

import struct
import zipfile

DAMAGE = (  # what zipfile, json and NumPy raise when they read nonsense
    zipfile.BadZipFile, struct.error, EOFError, LookupError, ValueError, TypeError, AttributeError, OverflowError, RuntimeError,
    MemoryError,
)


class FormatError(ValueError):
    """A file is damaged, truncated or of another kind; the message names the file and the place."""


def shortened(error):
    """What an error of another library says, in one line of at most 200 characters: some quote half of the file."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:199] + "…"
