"""A handler that does nothing: what is left is the way to it and back."""

from stephost import StepHandler


class Noop(StepHandler):
    handler_name = "bench.noop"

    def call(self, _context):
        return self.success({})
