# Shapes the domain events of a step whose template names it as `publisher`. Source of names: handler-api §1.1.
require_relative "declarations"
require_relative "published_events"

module Stephost
  module DomainEvents
    # A subclass is found with its file. `step_result` is the stored result of the step (`success`, `result`, `error` …),
    # `event_declaration` what the template declares (`name`, `schema`, `condition` …); both are indifferent hashes.
    class BasePublisher
      def self.inherited(subclass)
        super
        Declarations.note(subclass, caller_locations(1))
      end

      # @return [String] what a template writes under `publisher`
      def name
        Declarations.snake_case(self.class.name || "publisher")
      end

      # @param step_context [Types::StepContext, nil]
      # @return [Object] the business payload
      def transform_payload(step_result, _event_declaration, _step_context = nil)
        step_result["result"]
      end

      # @return [Boolean]
      def should_publish?(_step_result, _event_declaration, _step_context = nil)
        true
      end

      # @return [Hash] beside what every event says of its step
      def additional_metadata(_step_result, _event_declaration, _step_context = nil)
        {}
      end

      # @return [Boolean] false: the event is not published
      def before_publish(_event_name, _payload, _metadata)
        true
      end

      def after_publish(event_name, payload, metadata)
      end

      # @param error [StandardError] why it was not sent
      def on_publish_error(event_name, error, _payload)
        logger.error("The event #{event_name} was not published: #{error.message}")
      end

      # Asks the methods above, one after the other. Override it to publish several events, or others (`publish_event`).
      # @param ctx [Hash] `event_name`, `step_result`, `event_declaration`, `step_context`
      def publish(ctx)
        about = [ctx[:step_result], ctx[:event_declaration], ctx[:step_context]]
        return unless should_publish?(*about)

        payload = transform_payload(*about)
        metadata = additional_metadata(*about) || {}
        publish_event(ctx[:event_name], payload, metadata) unless before_publish(ctx[:event_name], payload, metadata) == false
      end

      # Only within `publish`.
      # @raise [Errors::ConfigurationError] elsewhere
      def publish_event(event_name, payload, metadata = {})
        PublishedEvents.add(event_name, payload, metadata)
      end

      def logger
        Stephost.logger
      end
    end

    # For steps that name no publisher of their own: the result is the payload.
    class DefaultPublisher < BasePublisher
      def name
        "default"
      end
    end
  end
end
