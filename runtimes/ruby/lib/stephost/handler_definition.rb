# What a template says of a step's handler. Source: handler-api §0.2.
module Stephost
  module Registry
    HandlerDefinition = Struct.new(:callable, :handler_method, :resolver, :initialization, keyword_init: true) do
      # @param spec [String, Symbol, HandlerDefinition, #callable]
      def self.of(spec)
        return spec if spec.is_a?(HandlerDefinition)
        return new(callable: spec.to_s, initialization: {}) unless spec.respond_to?(:callable)

        about = [:handler_method, :resolver].to_h { |name| [name, (spec.public_send(name) if spec.respond_to?(name))] }
        new(callable: spec.callable, initialization: {}, **about)
      end
    end
  end
end
