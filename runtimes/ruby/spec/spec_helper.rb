# What every spec needs: the library, the shared vectors, and the real process behind its sockets.
$LOAD_PATH.unshift(File.expand_path("../lib", __dir__))
require "stephost"
require_relative "support/runtime_process"
require_relative "support/vectors"
require_relative "support/with_runtime"

RSpec.configure do |config|
  config.disable_monkey_patching!
  config.order = :random
  config.expect_with(:rspec) { |expectations| expectations.syntax = :expect }
end
