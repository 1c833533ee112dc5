# Collects what a publisher publishes while its `publish` runs.
require_relative "errors"

module Stephost
  module DomainEvents
    module PublishedEvents
      KEY = :stephost_published_events

      # @return [Array<Hash>] `event_name`, `payload`, `metadata` each, of the calls that the block made
      def self.collect
        before = Thread.current[KEY]
        Thread.current[KEY] = events = []
        yield
        events
      ensure
        Thread.current[KEY] = before
      end

      # @raise [Errors::ConfigurationError] nobody collects
      def self.add(event_name, payload, metadata)
        events = Thread.current[KEY]
        if events.nil?
          raise Errors::ConfigurationError, "Events are published by publishers only: declare #{event_name} under " \
            "`publishes_events` of the step, and name a publisher there."
        end

        events << {event_name: event_name.to_s, payload: payload, metadata: metadata || {}}
        nil
      end
    end
  end

  # Handlers written for Tasker reach the same under this name.
  module FFI
    # @param event [Hash] `event_name`, `payload`, `metadata`
    def self.publish_domain_event(event)
      fields = event.to_h.transform_keys(&:to_sym)
      DomainEvents::PublishedEvents.add(fields.fetch(:event_name), fields[:payload], fields[:metadata])
    end
  end
end
