# One handler class as the runtime knows it: its names, its origin, and how an instance is made for a call.
require_relative "step_handler"

module Stephost
  class Handler
    # The base's `call` runs them.
    ENTRIES = [:process, :process_batch].freeze

    attr_reader :callable, :aliases, :capabilities, :file, :root, :version, :handler_class

    # @param file [String] relative to `root` where it lies below it
    # @param callable [String, nil] the name under which it was registered; nil: its own
    def initialize(handler_class, file:, root:, callable: nil)
      @handler_class = handler_class
      @file = file
      @root = root
      @version = handler_class::VERSION.to_s
      @declared_name = callable || find_declared_name
      @callable = @declared_name || handler_class.name
      @aliases = find_aliases
      @capabilities = find_capabilities
      @batch = find_batch
      @takes_config = takes_config?
      @reads_config = reads_config?
    end

    # True when the author wrote the name; a derived one never stands against another handler's.
    def declared?
      !@declared_name.nil?
    end

    def announcement
      {
        "callable" => callable, "aliases" => aliases, "file" => file, "root" => root, "version" => version,
        "capabilities" => capabilities, "on_crash" => handler_class.on_crash.name, "batch" => @batch,
        "depends_on" => Declarations.dependencies_of(handler_class)
      }.compact
    end

    # Aliases that mean something else elsewhere are ambiguous and go.
    def drop_aliases(names)
      @aliases -= names
    end

    # @return [Boolean] whether the class offers `name` as a handler method of its own; others stand for `call`
    def method?(name)
      return false unless handler_class.public_method_defined?(name)
      return true if name.to_s == Target::METHOD_DEFAULT && ENTRIES.any? { |entry| handler_class.public_method_defined?(entry) }

      !StepHandler::Base.ancestors.include?(handler_class.instance_method(name).owner)
    end

    # @param context [Types::StepContext] of the step; its configuration is parsed only for a class that may look at it
    # @return [StepHandler::Base] a new one for every call
    def instance(context)
      made = (@takes_config && @reads_config) ? handler_class.new(config: context.step_config) : handler_class.new
      made.serve(context)
    end

    private

    def takes_config?
      handler_class.instance_method(:initialize).parameters.any? { |kind, name| kind == :keyrest || name == :config }
    end

    # The reader `config` asks the step when it is called. A class with an `initialize` of its own, or whose files name the
    # variable, needs the value at once.
    def reads_config?
      return true unless handler_class.instance_method(:initialize).owner == StepHandler::Base

      authored = handler_class.ancestors.take_while { |ancestor| ancestor != StepHandler::Base }
      files = authored.map { |ancestor| Declarations.all[ancestor] || Object.const_source_location(ancestor.name.to_s)&.first }
      files.any? { |path| path.nil? || File.read(path, encoding: "BINARY").include?("@config") }
    rescue NameError, SystemCallError
      true
    end

    # `handler_name` is an instance method; it is asked without running `initialize`, which may need a configuration.
    def find_declared_name
      return if handler_class.instance_method(:handler_name).owner == StepHandler::Base

      name = handler_class.allocate.handler_name
      name.to_s unless name.nil? || name.to_s.empty?
    rescue => error
      warn "stephost: #{handler_class}#handler_name needs more than a bare object (#{error.message}); its class name serves."
    end

    # Every handler can `process`; saying so would tell the host nothing.
    def find_capabilities
      Array(handler_class.allocate.capabilities).map(&:to_s) - ["process"]
    rescue => error
      warn "stephost: #{handler_class}#capabilities needs more than a bare object (#{error.message}); none are announced."
      []
    end

    def find_batch
      return handler_class.batch if handler_class.batch.nil? || handler_class.public_method_defined?(:process_batch)

      warn "stephost: #{handler_class} declares `batch` and has no `process_batch`; its steps come one by one."
    end

    # `A::B::C` is reached as `A::B::C`, `B::C`, `C`, and as `c` when it declares no name.
    def find_aliases
      return [] if handler_class.name.nil?

      parts = handler_class.name.split("::")
      suffixes = parts.each_index.map { |index| parts.drop(index).join("::") }
      suffixes << handler_class.allocate.handler_name unless declared?
      suffixes.uniq - [callable]
    end
  end
end
