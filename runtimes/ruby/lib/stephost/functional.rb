# Handlers as blocks: `step_handler("name", depends_on:, inputs:) { … }`. Source: handler-api §1.1.
require_relative "decision_capable"
require_relative "step_handler"

module Stephost
  module StepHandler
    # Used by `include` at the top level of a file or by `extend` in a module.
    module Functional
      # @param depends_on [Hash] keyword → step name, or keyword → [step name, class built from the result]
      # @param inputs [Array<Symbol>, Class] task fields by name, or a class built from the task context
      # @param on_crash [Symbol] `:backoff` or `:retry`, see Base.on_crash
      # @return [Class] a handler class; declaring it is enough, it is found with its file
      def step_handler(name, **options, &block)
        Functional.declare(Base, name, **options, &block)
      end

      # As `step_handler`; the block returns `Decision.route(steps, **about)` or `Decision.skip(reason, **about)`.
      # @return [Class]
      def decision_handler(name, **options, &block)
        Functional.declare(StepHandler::Decision, name, **options, &block)
      end

      # What the block of a decision returns.
      Decision = Struct.new(:steps, :about) do
        # @param steps [String, Array<String>] the branches to create
        # @param about [Hash] beside the decision in the step's result
        def self.route(steps, **about)
          new(Array(steps), about)
        end

        def self.skip(reason, **about)
          new([], {reason: reason, **about})
        end
      end

      # @return [Class] a handler class below `base`, whose `call` runs the block
      def self.declare(base, name, depends_on: {}, inputs: [], version: "1.0.0", on_crash: :backoff, &block)
        raise ArgumentError, "the handler #{name.inspect} needs a block" unless block

        Class.new(base) do
          const_set(:VERSION, version)
          on_crash(on_crash)
          define_method(:handler_name) { name.to_s }
          define_method(:call) do |context|
            output = Functional.run(block, context, depends_on, inputs)
            (base == Base) ? output : Functional.decide(self, output)
          end
        end
      end

      def self.decide(handler, output)
        return output if Types::StepHandlerCallResult.result?(output)

        unless output.is_a?(Decision)
          raise Errors::PermanentError.new(
            "The decision `#{handler.handler_name}` returned #{output.class}; return Decision.route or Decision.skip.",
            error_code: "INVALID_DECISION_OUTCOME"
          )
        end
        return handler.decision_no_branches(result_data: output.about) if output.steps.empty?

        handler.decision_success(steps: output.steps, result_data: output.about)
      end

      def self.run(block, context, depends_on, inputs)
        arguments = dependencies(context, depends_on).merge(input_arguments(context, inputs))
        arguments[:context] = context if takes_context?(block)
        output = block.call(**arguments)
        case output
        when Hash then Types::StepHandlerCallResult.success(result: output)
        when nil then Types::StepHandlerCallResult.success(result: {})
        else output
        end
      end

      def self.dependencies(context, depends_on)
        depends_on.to_h do |keyword, (step_name, model)|
          value = context.get_dependency_result(step_name)
          [keyword.to_sym, (model && value.is_a?(Hash)) ? build(model, value) : value]
        end
      end
      private_class_method :dependencies

      def self.input_arguments(context, inputs)
        return inputs.to_h { |name| [name.to_sym, context.get_input(name)] } if inputs.is_a?(Array)

        {inputs: build(inputs, context.context.compact).tap { |model| model.validate! if model.respond_to?(:validate!) }}
      end
      private_class_method :input_arguments

      # A model takes only the fields that it names; the context usually holds more.
      def self.build(model, hash)
        fields = IndifferentHash.wrap(hash).deep_symbolize_keys
        return model.new(*fields.values_at(*model.members)) if model <= Struct && !model.keyword_init?

        names = [:attribute_names, :members].find { |reader| model.respond_to?(reader) }
        model.new(**(names ? fields.slice(*model.public_send(names)) : fields))
      end
      private_class_method :build

      # A block that does not name `context:` is called without it.
      def self.takes_context?(block)
        block.parameters.any? { |kind, name| kind == :keyrest || name == :context }
      end
      private_class_method :takes_context?
    end
  end
end
