# The package for authors of Ruby handlers: everything under `Stephost`, nothing that runs a process.
require_relative "stephost/version"
require_relative "stephost/errors"
require_relative "stephost/step_result"
require_relative "stephost/step_context"
require_relative "stephost/step_handler"
require_relative "stephost/functional"

# Handlers use these without a require; loading them costs nothing until then.
autoload :Logger, "logger"
autoload :SecureRandom, "securerandom"
require "time"

module Stephost
  # @return [Logger] lines on stderr, which the host collects
  def self.logger
    @logger ||= Logger.new($stderr)
  end
end
