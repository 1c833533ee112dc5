"""`python -m stephost`: starts the Python runtime; the host does this, see runtimes/python/README.md."""

import sys

from .main import run

run(sys.argv[1:])
