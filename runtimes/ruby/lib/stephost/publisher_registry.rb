# The publishers of this process by name: those of the handler files, and those that were registered by hand.
require "singleton"
require_relative "base_publisher"

module Stephost
  module DomainEvents
    class PublisherRegistry
      include Singleton

      class PublisherNotFoundError < Errors::ConfigurationError; end

      class RegistryFrozenError < Errors::ConfigurationError; end

      def initialize
        reset!
      end

      # @param publisher [BasePublisher]
      # @raise [RegistryFrozenError]
      def register(publisher)
        change { @publishers[publisher.name.to_s] = publisher }
      end

      # @return [BasePublisher, nil]
      def get(name)
        @publishers[name.to_s]
      end

      # @return [BasePublisher]
      def get_or_default(name)
        get(name) || @default
      end

      # @return [BasePublisher]
      # @raise [PublisherNotFoundError]
      def get_strict(name)
        get(name) or raise PublisherNotFoundError, "No publisher is called `#{name}`; there are: #{registered_names.join(", ")}."
      end

      def registered?(name)
        @publishers.key?(name.to_s)
      end

      def registered_names
        @publishers.keys
      end

      def unregister(name)
        change { @publishers.delete(name.to_s) }
      end

      def clear
        change { @publishers.clear }
      end

      # @param names [Array<String>]
      # @raise [PublisherNotFoundError] naming those that are missing
      def validate_required!(names)
        missing = names.map(&:to_s) - registered_names
        raise PublisherNotFoundError, "No publisher is called #{missing.map { |name| "`#{name}`" }.join(", ")}." if missing.any?

        true
      end

      # Nothing is registered any more until `reset!`.
      def freeze!
        @frozen = true
      end

      def frozen?
        @frozen
      end

      def reset!
        @publishers = {}
        @default = DefaultPublisher.new
        @frozen = false
      end

      private

      def change
        raise RegistryFrozenError, "The publishers are frozen; register them while the handler files load." if @frozen

        yield
      end
    end
  end
end
