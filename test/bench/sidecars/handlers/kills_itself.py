"""A handler that takes its process down, for the soak."""

import os
import signal

from stephost import StepHandler


class KillsItself(StepHandler):
    handler_name = "bench.kills_itself"

    def call(self, _context):
        os.kill(os.getpid(), signal.SIGKILL)
