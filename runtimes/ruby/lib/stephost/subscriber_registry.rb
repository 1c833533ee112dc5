# The subscribers of this process: those of the handler files, and those that were registered by hand.
require "singleton"
require_relative "base_subscriber"

module Stephost
  module DomainEvents
    class SubscriberRegistry
      include Singleton

      def initialize
        reset!
      end

      # @param subscriber_class [Class] below BaseSubscriber
      # @return [BaseSubscriber]
      def register(subscriber_class)
        @subscribers.find { |subscriber| subscriber.instance_of?(subscriber_class) } || register_instance(subscriber_class.new)
      end

      # @param subscriber [BaseSubscriber]
      def register_instance(subscriber)
        @subscribers << subscriber
        subscriber
      end

      # @return [Array<BaseSubscriber>]
      def all
        @subscribers.dup
      end

      def start_all!
        @subscribers.each(&:start!)
      end

      def stop_all!
        @subscribers.each(&:stop!)
      end

      # @return [Hash]
      def stats
        active = @subscribers.count(&:active?)
        {total: @subscribers.size, active: active, patterns: @subscribers.flat_map { |each| each.class.subscribes_to }.uniq}
      end

      def reset!
        @subscribers = []
      end
    end
  end
end
