"""`tasker_core.errors`: see `stephost.errors`."""

from stephost.errors import *  # noqa: F403
