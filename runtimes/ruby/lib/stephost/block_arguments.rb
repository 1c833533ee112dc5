# The keyword arguments of a handler's block: results of steps, task fields, and what its kind adds.
require_relative "indifferent_hash"

module Stephost
  module StepHandler
    class BlockArguments
      # @param name [String] of the handler
      # @param depends_on [Hash] keyword → step name, or keyword → [step name, class built from the result]
      # @param inputs [Array<Symbol>, Class] task fields by name, or a class built from the task context
      def initialize(name, block, depends_on:, inputs:)
        raise ArgumentError, "the handler #{name.inspect} needs a block" unless block

        @name = name
        @block = block
        @depends_on = depends_on
        @inputs = inputs
        @keywords = block.parameters.select { |kind, _| [:key, :keyreq].include?(kind) }.map(&:last)
        @takes_any = block.parameters.any? { |kind, _| kind == :keyrest }
      end

      # @return [Array<String>]
      def step_names
        @depends_on.values.map { |step_name, _| step_name.to_s }
      end

      # @param about [Hash{Symbol => Object}] what a block may name and need not: `context:` and the like
      # @return [Object] what the block returned
      # @raise [ArgumentError] the block and its declaration do not fit
      def run(context, **about)
        arguments = dependencies(context).merge(inputs(context))
        check(arguments, about)
        @block.call(**arguments, **(@takes_any ? about : about.slice(*@keywords)))
      end

      private

      def dependencies(context)
        @depends_on.to_h do |keyword, (step_name, model)|
          value = context.get_dependency_result(step_name)
          [keyword.to_sym, (model && value.is_a?(Hash)) ? build(model, value) : value]
        end
      end

      def inputs(context)
        return @inputs.to_h { |name| [name.to_sym, context.get_input(name)] } if @inputs.is_a?(Array)

        {inputs: build(@inputs, context.context.compact).tap { |model| model.validate! if model.respond_to?(:validate!) }}
      rescue Errors::Error
        raise
      rescue => error
        # No retry changes the task.
        raise Errors::ValidationError, "the task does not fit #{@inputs}: #{error.message}"
      end

      # A model takes only the fields that it names; the context usually holds more.
      def build(model, hash)
        fields = IndifferentHash.wrap(hash).deep_symbolize_keys
        return model.new(*fields.values_at(*model.members)) if model <= Struct && !model.keyword_init?

        names = [:attribute_names, :members].find { |reader| model.respond_to?(reader) }
        model.new(**(names ? fields.slice(*model.public_send(names)) : fields))
      end

      # Ruby's own message would name neither the handler nor the declaration that has to change.
      def check(arguments, about)
        required = @block.parameters.filter_map { |kind, name| name if kind == :keyreq }
        missing = required - arguments.keys - about.keys
        if missing.any?
          raise ArgumentError, "the block of #{@name.inspect} asks for #{list(missing)}; name it in `depends_on:` or `inputs:`"
        end

        unknown = @takes_any ? [] : arguments.keys - @keywords
        return if unknown.empty?

        raise ArgumentError, "the block of #{@name.inspect} does not take #{list(unknown)}, which its declaration names"
      end

      def list(names)
        names.map { |name| "`#{name}:`" }.join(", ")
      end
    end
  end
end
