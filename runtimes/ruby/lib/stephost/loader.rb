# Finds and loads the handler files below the roots; a file that does not load becomes a load failure.
require_relative "declarations"
require_relative "handler"

module Stephost
  class Loader
    IGNORED_DIRECTORIES = %w[node_modules target __pycache__].freeze
    PATTERN_FLAGS = File::FNM_DOTMATCH

    # @return [Array<Handler>]
    attr_reader :handlers
    # @return [Array<Hash>] `{file, message}` each
    attr_reader :load_failures
    # @return [Hash{Class => Hash}] publishers and subscribers with `file` and `root`
    attr_reader :event_places

    # @param ignore [Array<String>] names of files and directories that are not loaded; `*` and `?` stand for any text
    def initialize(ignore: [])
      @ignore = ignore
      @handlers = []
      @load_failures = []
      @event_places = {}
      @seen = Declarations.all.keys
      @broken = []
    end

    # @param roots [Array<String>] the `--handlers` directories as the host wrote them
    def load(roots)
      present = roots.select { |root| File.directory?(root) || fail_file(root, "The handlers directory does not exist.") }
      # All roots first, so that files may require each other whatever the order.
      present.each { |root| $LOAD_PATH.unshift(File.realpath(root)) }
      present.each { |root| load_root(root) }
      collect_registered
      self
    end

    private

    def load_root(root)
      real_root = File.realpath(root)
      listed = files(real_root).to_h { |path| [File.realpath(path), path.delete_prefix("#{real_root}/")] }
      listed.each { |path, relative| load_file(path, File.join(root, relative)) }
      collect(root, listed)
    end

    def files(directory)
      Dir.children(directory).sort.flat_map do |name|
        path = File.join(directory, name)
        next [] if ignored?(name)

        if File.directory?(path)
          (IGNORED_DIRECTORIES.include?(name) || File.symlink?(path)) ? [] : files(path)
        else
          name.end_with?(".rb") ? [path] : []
        end
      end
    end

    # Hidden names cover `.venv` and `.git`.
    def ignored?(name)
      name.start_with?(".") || @ignore.any? { |pattern| File.fnmatch?(pattern, name, PATTERN_FLAGS) }
    end

    # Anything may be raised while a file loads, `exit` included; the other files still serve.
    def load_file(path, shown)
      require path
    rescue Exception => error # rubocop:disable Lint/RescueException
      @broken << path
      fail_file(shown, explain(error, path))
    end

    def collect(root, listed)
      fresh = Declarations.all.except(*@seen)
      @seen.concat(fresh.keys)
      fresh.each do |handler_class, path|
        next if @broken.include?(path)

        file = listed.fetch(path, path)
        if !(handler_class < StepHandler::Base)
          @event_places[handler_class] = {"file" => file, "root" => root}
        elsif serves?(handler_class)
          @handlers << Handler.new(handler_class, file: file, root: root)
        end
      end
    end

    # What files registered by hand, or what their resolvers say that they resolve. Most files do neither.
    def collect_registered
      return if Stephost.autoload?(:Registry)

      registry = Registry::HandlerRegistry.instance
      resolved = registry.resolver_chain.custom.map { |resolver| resolved_by(resolver, registry) }
      resolved.reduce(registry.registrations, :merge).each do |name, handler_class|
        @handlers << registered(name, handler_class) unless @handlers.any? { |handler| handler.callable == name }
      end
    end

    # What a resolver raises must not keep the others from serving.
    # @return [Hash{String => Class}]
    def resolved_by(resolver, registry)
      resolver.registered_callables.to_h do |name|
        [name, registry.resolve(Registry::HandlerDefinition.of(name)).class]
      end.reject { |_, handler_class| handler_class == NilClass }
    rescue => error
      fail_file("resolver #{resolver.class}", "#{error.class}: #{error.message}")
      {}
    end

    def registered(name, handler_class)
      known = @handlers.find { |handler| handler.handler_class == handler_class }
      Handler.new(handler_class, file: known&.file || Declarations.all[handler_class].to_s, root: known&.root.to_s,
        callable: name)
    end

    # A class without a public method of its own is a base for others.
    def serves?(handler_class)
      return false if handler_class.name.nil? && handler_class.instance_method(:handler_name).owner == StepHandler::Base

      own = handler_class.public_instance_methods - StepHandler::Base.public_instance_methods
      own.any? || handler_class.instance_method(:call).owner != StepHandler::Base
    end

    # @return [String] one sentence with the line
    def explain(error, path)
      return "The file calls `exit` while it loads." if error.is_a?(SystemExit)

      first_line = error.message.lines.first.to_s.strip
      if error.is_a?(SyntaxError) && (match = first_line.match(/\A(?<file>.+?):(?<line>\d+): (?<text>.+)\z/))
        return "#{"in #{match[:file]}, " unless match[:file] == path}line #{match[:line]}: #{match[:text]}"
      end

      line = error.backtrace_locations&.find { |location| location.absolute_path == path }&.lineno
      "#{"line #{line}: " if line}#{error.class}: #{first_line}"
    end

    def fail_file(file, message)
      @load_failures << {"file" => file, "message" => message.scrub}
      nil
    end
  end
end
