# A handler that takes its process down, for the soak.
require "stephost"

class KillsItself < Stephost::StepHandler::Base
  def handler_name
    "bench.kills_itself"
  end

  def call(_context)
    Process.kill(:KILL, Process.pid)
  end
end
