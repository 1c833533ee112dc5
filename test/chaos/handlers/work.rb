# frozen_string_literal: true

# The chaos run's handlers in Ruby: each run is logged by itself, so that the checker need not believe the database.

require "securerandom"
require "stephost"

module Chaos
  class Work < Stephost::StepHandler::Base
    def handler_name = "chaos.ruby"

    def call(context)
      run = SecureRandom.uuid
      done = context.checkpoint_items_processed
      log = lambda do |phase|
        # One write to a file opened for appending is whole and in order, also among processes.
        line = "#{phase} #{context.step_uuid} #{context.retry_count} #{done} #{run}\n"
        File.open(context.get_task_field("log"), "a") { |file| file.syswrite(line) }
      end

      log.call("begin")
      sleep(context.get_config("work_ms") / 1000.0)
      if context.retry_count < context.get_config("failures")
        log.call("failure")
        raise Stephost::Errors::RetryableError, "flaky, run=#{run}"
      end
      if done < context.get_config("rows")
        log.call("yield")
        return checkpoint_yield(cursor: "row #{done}", items_processed: done + 1)
      end
      log.call("success")
      success(result: {run: run})
    end
  end
end
