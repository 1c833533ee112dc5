# What the Ruby SDK adds to a call: a step from its request to its entry, against the same work in a bare function.
# Prints {"import_ms", "bare_us", "sdk_us"}; medians of rounds.
require "json"
require "rbconfig"

started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
require_relative "../../../runtimes/ruby/lib/stephost"
import_ms = (Process.clock_gettime(Process::CLOCK_MONOTONIC) - started) * 1000

require_relative "../../../runtimes/ruby/lib/stephost/handler"
require_relative "../../../runtimes/ruby/lib/stephost/step_run"
require_relative "../../../runtimes/ruby/lib/stephost/target"

ROUNDS = 15
CALLS = 5_000
TASK = JSON.generate(task: {task_uuid: "t", context: {name: "Ada"}}, task_name: "t", task_version: "1", namespace_name: "n")
REQUEST = {
  "step_uuid" => "s", "task_uuid" => "t", "correlation_id" => "c", "step_name" => "greet", "attempts" => 0,
  "task" => TASK, "workflow_step" => "{}", "dependency_results" => "{}", "step_definition" => "{}"
}.freeze

class Greet < Stephost::StepHandler::Base
  def call(context)
    success(result: {greeting: "Hello, #{context.get_input("name")}!"})
  end
end

# As much of a call as a step needs.
Call = Struct.new(:target, :cancellation, :deadline_at, :traceparent, :interrupted, :checkpoints)
handler = Stephost::Handler.new(Greet, file: "greet.rb", root: "handlers")
call = Call.new(Stephost::Target.new(handler, "call"), Stephost::Cancellation.new, 0.0, nil, false, nil)

def microseconds
  times = Array.new(ROUNDS) do
    started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    CALLS.times { yield }
    (Process.clock_gettime(Process::CLOCK_MONOTONIC) - started) * 1_000_000 / CALLS
  end
  times.sort[ROUNDS / 2]
end

bare = microseconds { JSON.generate("greeting" => "Hello, #{JSON.parse(TASK)["task"]["context"]["name"]}!") }
sdk = microseconds { Stephost::StepRun.new(call, REQUEST).entry }
puts JSON.generate(import_ms: import_ms.round(2), bare_us: bare.round(2), sdk_us: sdk.round(2))
