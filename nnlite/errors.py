"""The project's one exception of its own."""


class FormatError(ValueError):
    """A file is damaged, truncated or of another kind; the message names the file and the place."""
