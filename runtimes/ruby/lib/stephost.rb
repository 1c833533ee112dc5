# The package for authors of Ruby handlers: everything under `Stephost`, nothing that runs a process.
require_relative "stephost/version"
require_relative "stephost/errors"
require_relative "stephost/step_result"
require_relative "stephost/step_context"
require_relative "stephost/step_handler"
require_relative "stephost/decision_capable"
require_relative "stephost/functional"

# Handlers use these without a require; they load when they are first used.
autoload :Logger, "logger"
autoload :SecureRandom, "securerandom"
require "time"

module Stephost
  autoload :StepLogger, File.expand_path("stephost/step_logger", __dir__)

  # @return [StepLogger] a Logger whose records carry level, fields and the running step
  def self.logger
    @logger ||= StepLogger.new
  end
end
