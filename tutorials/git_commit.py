"""Which version of the project a recorded figure belongs to."""

import subprocess
from pathlib import Path


def commit():
    """The short name of git's current commit, or None outside a clone."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    except FileNotFoundError:  # git is not installed
        return None
    return done.stdout.strip() or None
