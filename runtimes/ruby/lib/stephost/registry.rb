# Handlers that files register by hand, and the ways in which a callable becomes one. Source of names: handler-api §1.1, §2.
require "singleton"
require_relative "resolver_chain"

module Stephost
  module Registry
    # Declaring a class is enough to serve it; registering gives it a further name.
    class HandlerRegistry
      include Singleton

      # @return [ResolverChain]
      attr_reader :resolver_chain

      def initialize
        clear!
      end

      # @param name [String] what a template writes under `handler.callable`
      # @param handler_class [Class]
      # @raise [ArgumentError] it is no class of handlers
      def register_handler(name, handler_class)
        unless handler_class.is_a?(Class) && handler_class <= StepHandler::Base
          raise ArgumentError,
            "register_handler(#{name.inspect}, …) takes a class below StepHandler::Base, not #{handler_class.inspect}"
        end

        @registered[name.to_s] = handler_class
        @resolver_chain.register(name.to_s, handler_class)
        handler_class
      end
      alias_method :register, :register_handler

      # @param spec [String, HandlerDefinition] a callable, or with method and resolver
      # @return [Object, nil] a new handler
      def resolve_handler(spec)
        @resolver_chain.resolve(HandlerDefinition.of(spec))
      end
      alias_method :resolve, :resolve_handler

      def handler_available?(spec)
        @resolver_chain.can_resolve?(HandlerDefinition.of(spec))
      end
      alias_method :is_registered, :handler_available?

      # @return [Array<String>]
      def registered_handlers
        @registered.keys
      end
      alias_method :list_handlers, :registered_handlers

      # @return [Hash{String => Class}]
      def registrations
        @registered.dup
      end

      # @param resolver [Resolvers::BaseResolver]
      def add_resolver(resolver)
        @resolver_chain.add_resolver(resolver)
      end

      # @return [Hash] templates are the host's: only the handlers are known here
      def template_discovery_info
        {template_path: ENV["TASKER_TEMPLATE_PATH"], handlers: registered_handlers.size}
      end

      # The runtime loads the handler files by itself.
      # @return [Integer] how many names are registered
      def bootstrap_handlers!
        registered_handlers.size
      end

      def clear!
        @registered = {}
        @resolver_chain = ResolverChain.default
      end
    end
  end
end
