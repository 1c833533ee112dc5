# Handlers as blocks: `step_handler("name", depends_on:, inputs:) { … }` and its kinds. Source: handler-api §1.1.
require_relative "block_arguments"
require_relative "step_handler"

module Stephost
  module StepHandler
    # Used by `include` at the top level of a file or by `extend` in a module. Each call returns a handler class; declaring it
    # is enough, it is found with its file. All take
    #
    # * `depends_on:` keyword → step name, or keyword → [step name, class built from the result]
    # * `inputs:` an Array of task fields by name, or a class built from the task context
    # * `version:` and `on_crash:` (see Base.on_crash)
    #
    # and give the block what these name, and `context:` if it asks for it.
    module Functional
      # @yieldreturn [Hash, Object] the step's result
      # @return [Class]
      def step_handler(name, depends_on: {}, inputs: [], version: "1.0.0", on_crash: :backoff, &block)
        arguments = BlockArguments.new(name, block, depends_on: depends_on, inputs: inputs)
        Functional.declare(Base, name, arguments, version, on_crash) do |_, context|
          Functional.result_of(arguments.run(context, context: context))
        end
      end

      # @yieldreturn [Functional::Decision]
      # @return [Class]
      def decision_handler(name, depends_on: {}, inputs: [], version: "1.0.0", on_crash: :backoff, &block)
        arguments = BlockArguments.new(name, block, depends_on: depends_on, inputs: inputs)
        Functional.declare(StepHandler::Decision, name, arguments, version, on_crash) do |handler, context|
          Functional.decide(handler, arguments.run(context, context: context))
        end
      end

      # @param worker_template [String] the template's step for the workers
      # @yieldreturn [Functional::BatchConfig]
      # @return [Class]
      def batch_analyzer(name, worker_template:, depends_on: {}, inputs: [], version: "1.0.0", on_crash: :backoff, &block)
        arguments = BlockArguments.new(name, block, depends_on: depends_on, inputs: inputs)
        Functional.declare(Batchable, name, arguments, version, on_crash) do |handler, context|
          Functional.analyze(handler, worker_template, arguments.run(context, context: context))
        end
      end

      # The block may also ask for `batch_context:`. Workers without work do not reach it.
      # @yieldreturn [Hash, Object] the step's result
      # @return [Class]
      def batch_worker(name, depends_on: {}, inputs: [], version: "1.0.0", on_crash: :backoff, &block)
        arguments = BlockArguments.new(name, block, depends_on: depends_on, inputs: inputs)
        Functional.declare(Batchable, name, arguments, version, on_crash) do |handler, context|
          batch_context = handler.get_batch_context(context)
          handler.handle_no_op_worker(batch_context) ||
            Functional.result_of(arguments.run(context, context: context, batch_context: batch_context))
        end
      end

      # The block may also ask for `api:`, which has the methods of Mixins::API.
      # @param timeout [Numeric, nil] seconds
      # @yieldreturn [Hash, Object] the step's result
      # @return [Class]
      def api_handler(
        name, base_url:, depends_on: {}, inputs: [], version: "1.0.0", on_crash: :backoff,
        timeout: nil, open_timeout: nil, headers: {}, &block
      )
        arguments = BlockArguments.new(name, block, depends_on: depends_on, inputs: inputs)
        client = {url: base_url, timeout: timeout, open_timeout: open_timeout, headers: headers}
        Functional.declare(Api, name, arguments, version, on_crash) do |handler, context|
          handler.instance_variable_set(:@connection, HttpClient.new(**client))
          Functional.result_of(arguments.run(context, context: context, api: handler))
        end
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

      # What the block of an analyzer returns: workers for so many items, so many each.
      class BatchConfig < Struct.new(:total_items, :batch_size, :metadata, keyword_init: true)
        def initialize(total_items:, batch_size:, metadata: {})
          super
        end
      end

      # @return [Class] a handler class below `base`, whose `call` yields itself and the context
      def self.declare(base, name, arguments, version, on_crash, &call)
        Class.new(base) do
          const_set(:VERSION, version)
          on_crash(on_crash)
          define_method(:handler_name) { name.to_s }
          define_method(:call) { |context| call.call(self, context) }
          Declarations.note_dependencies(self, arguments.step_names)
        end
      end

      def self.result_of(output)
        case output
        when Hash then Types::StepHandlerCallResult.success(result: output)
        when nil then Types::StepHandlerCallResult.success(result: {})
        else output
        end
      end

      def self.decide(handler, output)
        return output if Types::StepHandlerCallResult.result?(output)

        expect(Decision, output, "Decision.route(steps) or Decision.skip(reason)", "INVALID_DECISION_OUTCOME")
        return handler.decision_no_branches(result_data: output.about) if output.steps.empty?

        handler.decision_success(steps: output.steps, result_data: output.about)
      end

      def self.analyze(handler, worker_template, output)
        return output if Types::StepHandlerCallResult.result?(output)

        expect(BatchConfig, output, "BatchConfig.new(total_items:, batch_size:)", "INVALID_BATCH_OUTCOME")
        cursors = Cursors.of_size(output.total_items, output.batch_size)
        return handler.no_batches_outcome(reason: "no items", metadata: output.metadata) if cursors.empty?

        handler.create_batches_outcome(
          worker_template_name: worker_template, cursor_configs: cursors,
          total_items: output.total_items, metadata: output.metadata
        )
      end

      def self.expect(type, output, wanted, error_code)
        return if output.is_a?(type)

        raise Errors::PermanentError.new("The block returned #{output.class}; return #{wanted}.", error_code: error_code)
      end
      private_class_method :expect
    end
  end
end
