# frozen_string_literal: true

# Says when it started, in microseconds since 1970.

require "stephost"

module Bench
  class Now < Stephost::StepHandler::Base
    def call(_context)
      success(result: {started_us: Process.clock_gettime(Process::CLOCK_REALTIME, :microsecond)})
    end
  end
end
