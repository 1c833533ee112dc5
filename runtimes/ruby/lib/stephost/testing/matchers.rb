# RSpec matchers over a HandlerRun: `expect(run_handler(Greet, context: {name: "Ada"})).to succeed_with("greeting" => …)`.
require "rspec/expectations"

# The result has these fields, or is this value.
RSpec::Matchers.define :succeed_with do |expected|
  match do |run|
    run.success? && (expected.is_a?(Hash) ? values_match?(a_hash_including(expected),
      run.result) : values_match?(expected, run.result))
  end
  failure_message { |run| "expected a success with #{expected}, got #{run.inspect}" }
end

# No other try would help; `message` is a text, a Regexp or a matcher.
RSpec::Matchers.define :fail_permanently do |message = nil, code: nil|
  match do |run|
    !run.success? && !run.retryable? && (code.nil? || code == run.error["error_code"]) &&
      (message.nil? || values_match?(message.is_a?(String) ? a_string_including(message) : message, run.error["message"]))
  end
  failure_message { |run|
    "expected a permanent failure#{" (#{message})" if message}#{" with the code #{code}" if code}, got #{run.inspect}"
  }
end

# Another try may help; `after` is the wished wait in seconds.
RSpec::Matchers.define :fail_retryably do |message = nil, after: nil|
  match do |run|
    run.retryable? && (after.nil? || after == run.error["retry_after_s"]) &&
      (message.nil? || values_match?(message.is_a?(String) ? a_string_including(message) : message, run.error["message"]))
  end
  failure_message { |run|
    "expected a retryable failure#{" (#{message})" if message}#{" after #{after} s" if after}, got #{run.inspect}"
  }
end

# These branches run; without any, none does.
RSpec::Matchers.define :decide_on do |*steps|
  match { |run| run.success? && !run.branches.nil? && values_match?(steps.map(&:to_s), run.branches) }
  failure_message { |run| "expected the branches #{steps}, got #{run.branches&.inspect || run.inspect}" }
end

# The run ends with a checkpoint there.
RSpec::Matchers.define :yield_checkpoint do |cursor:, items_processed: nil|
  match do |run|
    document = run.outcome["document"] if run.outcome && run.outcome["kind"] == "checkpoint"
    document && values_match?(cursor, document["cursor"]) &&
      (items_processed.nil? || values_match?(items_processed, document["items_processed"]))
  end
  failure_message { |run| "expected a checkpoint at #{cursor}, got #{run.outcome || run.inspect}" }
end
