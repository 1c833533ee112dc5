# The publishers and subscribers that serve: announced to the host by name, found by it.
require_relative "publisher_registry"
require_relative "subscriber_registry"

module Stephost
  class EventCode
    # @param places [Hash{Class => Hash}] class → `file` and `root` where a handler file declared it
    def initialize(places)
      @places = places
      @publishers = DomainEvents::PublisherRegistry.instance
      @subscribers = DomainEvents::SubscriberRegistry.instance
      register_declared
    end

    # @return [Hash{String => Array<Hash>}] for `hello`
    def announcement
      publishers = @publishers.registered_names.map { |name| {"name" => name, **place(@publishers.get(name).class)} }
      subscribers = named_subscribers.map do |name, subscriber|
        {"name" => name, **place(subscriber.class), "patterns" => subscriber.class.subscribes_to}
      end
      {"publishers" => publishers, "subscribers" => subscribers}
    end

    # @return [DomainEvents::BasePublisher, nil]
    def publisher(name)
      @publishers.get(name)
    end

    # @return [DomainEvents::BaseSubscriber, nil]
    def subscriber(name)
      named_subscribers[name]
    end

    private

    # What was registered by hand goes first: it may need arguments.
    def register_declared
      @places.each_key do |declared|
        if declared < DomainEvents::BaseSubscriber
          @subscribers.register(declared) if declared.subscribes_to.any?
        elsif @publishers.registered_names.none? { |name| @publishers.get(name).instance_of?(declared) }
          @publishers.register(declared.new)
        end
      rescue => error
        warn "stephost: #{declared} cannot be made (#{error.message}); register an instance of it."
      end
    end

    def named_subscribers
      @subscribers.all.to_h { |subscriber| [Declarations.snake_case(subscriber.class.name || "subscriber"), subscriber] }
    end

    def place(declared)
      @places.fetch(declared) { {"file" => "", "root" => ""} }
    end
  end
end
