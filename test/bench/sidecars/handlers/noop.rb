# A handler that does nothing: what is left is the way to it and back.
require "stephost"

class Noop < Stephost::StepHandler::Base
  def handler_name
    "bench.noop"
  end

  def call(_context)
    success(result: {})
  end
end
