# Resolvers in the order of their priority; the first that gives a handler wins. Source: handler-api §2.
require_relative "handler_definition"
require_relative "resolvers"

module Stephost
  module Registry
    class ResolverChain
      # @return [ResolverChain] explicit mapping, then constants
      def self.default
        new.add_resolver(Resolvers::ExplicitMappingResolver.new).add_resolver(Resolvers::ClassConstantResolver.new)
      end

      def initialize
        @resolvers = []
      end

      # @return [ResolverChain] itself
      def add_resolver(resolver)
        @resolvers = [*@resolvers, resolver].sort_by.with_index { |each, index| [each.priority, index] }
        self
      end

      def remove_resolver(name)
        @resolvers = @resolvers.reject { |resolver| resolver.name == name.to_s }
        self
      end

      # @return [Resolvers::BaseResolver, nil]
      def get_resolver(name)
        @resolvers.find { |resolver| resolver.name == name.to_s }
      end

      # @param definition [HandlerDefinition] one with a resolver asks only that one
      # @return [Object, nil] a handler, or its class
      # @raise [Errors::ConfigurationError] the resolver is unknown
      def resolve(definition, config = {})
        asked(definition).each do |resolver|
          next unless resolver.can_resolve?(definition, config)

          found = resolver.resolve(definition, config)
          return found.is_a?(Class) ? found.new : found if found
        end
        nil
      end

      def can_resolve?(definition, config = {})
        asked(definition).any? { |resolver| resolver.can_resolve?(definition, config) }
      end

      # @raise [Errors::ConfigurationError] the chain has no explicit mapping
      def register(name, handler_class)
        mapping = get_resolver("explicit_mapping") or raise Errors::ConfigurationError, "The chain has no `explicit_mapping`."
        mapping.register(name, handler_class)
      end

      # @return [Array<Hash>]
      def chain_info
        @resolvers.map { |each| {name: each.name, priority: each.priority, callables: each.registered_callables} }
      end

      def resolver_names
        @resolvers.map(&:name)
      end

      # @return [Array<Resolvers::BaseResolver>] those of authors
      def custom
        @resolvers.grep_v(Resolvers::BuiltIn)
      end

      private

      def asked(definition)
        return @resolvers if definition.resolver.nil?

        named = get_resolver(definition.resolver)
        known = resolver_names.join(", ")
        raise Errors::ConfigurationError, "The resolver `#{definition.resolver}` is unknown; known are #{known}." if named.nil?

        [named]
      end
    end
  end
end
