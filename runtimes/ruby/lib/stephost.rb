# The package for authors of Ruby handlers: everything under `Stephost`, nothing that runs a process.
require_relative "stephost/version"
require_relative "stephost/errors"
require_relative "stephost/step_result"
require_relative "stephost/step_context"
require_relative "stephost/step_handler"
require_relative "stephost/functional"

# Handlers use these without a require; they load when they are first used.
autoload :Logger, "logger"
autoload :SecureRandom, "securerandom"
require "time"

module Stephost
  # What few handlers use loads when it is first named.
  {
    StepLogger: "step_logger", HttpClient: "http_client", HttpResponse: "http_response", Cursors: "cursors"
  }.each { |name, file| autoload name, File.expand_path("stephost/#{file}", __dir__) }

  # Handlers written for Tasker ask for it so.
  module Logger
    def self.instance
      Stephost.logger
    end
  end

  {
    Registry: "registry", Client: "client", Observability: "observability", Tracing: "tracing", Worker: "worker",
    Handlers: "handlers"
  }.each { |name, file| autoload name, File.expand_path("stephost/#{file}", __dir__) }

  module StepHandler
    {Api: "api_capable", Batchable: "batchable_capable", Decision: "decision_capable"}.each do |name, file|
      autoload name, File.expand_path("stephost/#{file}", __dir__)
    end

    module Mixins
      {API: "api_capable", Batchable: "batchable_capable", Decision: "decision_capable"}.each do |name, file|
        autoload name, File.expand_path("stephost/#{file}", __dir__)
      end
    end
  end

  module DomainEvents
    {
      BasePublisher: "base_publisher", DefaultPublisher: "base_publisher", PublishedEvents: "published_events",
      BaseSubscriber: "base_subscriber", PublisherRegistry: "publisher_registry", SubscriberRegistry: "subscriber_registry"
    }.each { |name, file| autoload name, File.expand_path("stephost/#{file}", __dir__) }
  end
  autoload :FFI, File.expand_path("stephost/published_events", __dir__)

  module BatchProcessing
    autoload :BatchWorkerContext, File.expand_path("stephost/batch_worker_context", __dir__)
    autoload :BatchAggregationScenario, File.expand_path("stephost/aggregation", __dir__)
  end

  module Types
    autoload :DecisionPointOutcome, File.expand_path("stephost/decision_point_outcome", __dir__)
    autoload :BatchProcessingOutcome, File.expand_path("stephost/batch_processing_outcome", __dir__)
  end

  # @return [StepLogger] a Logger whose records carry level, fields and the running step
  def self.logger
    @logger ||= StepLogger.new
  end
end
