"""`python -m nnlite` is the command `nnlite`."""

from nnlite.cli import main

raise SystemExit(main())
