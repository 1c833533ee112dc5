# Hears of fast and broadcast domain events in this process. Source of names: handler-api §1.1.
require_relative "declarations"

module Stephost
  module DomainEvents
    # A subclass with `subscribes_to` is found with its file. Events are indifferent hashes: `event_id`, `event_name`,
    # `event_version`, `metadata`, `business_payload`, `execution_result`, `payload`.
    class BaseSubscriber
      class << self
        def inherited(subclass)
          super
          Declarations.note(subclass, caller_locations(1))
        end

        # @param patterns [Array<String>] names of events; `*` stands for any text
        # @return [Array<String>] without arguments: what was declared, also by the class above
        def subscribes_to(*patterns)
          @patterns = patterns.flatten.map(&:to_s) if patterns.any?
          @patterns || ((self == BaseSubscriber) ? [] : superclass.subscribes_to)
        end
        alias_method :patterns, :subscribes_to
      end

      # To be written by the author.
      def handle(event)
        raise NotImplementedError, "#{self.class} has no `handle(event)`."
      end

      # @return [Boolean] false: the event is not handled
      def before_handle(_event)
        true
      end

      def after_handle(event)
      end

      def on_handle_error(event, error)
        logger.error("#{self.class} failed on #{event["event_name"]}: #{error.message}")
      end

      # @param event [Hash]
      # @raise whatever `handle` raises, after `on_handle_error`
      def deliver(event)
        return if before_handle(event) == false

        handle(event)
        after_handle(event)
      rescue => error
        on_handle_error(event, error)
        raise
      end

      # A stopped subscriber takes no event until it is started again.
      def start!
        @stopped = false
        self
      end

      def stop!
        @stopped = true
        self
      end

      def active?
        !@stopped
      end

      # @param event_name [String]
      def matches?(event_name)
        self.class.subscribes_to.any? { |pattern| File.fnmatch?(pattern, event_name) }
      end

      def logger
        Stephost.logger
      end
    end
  end
end
