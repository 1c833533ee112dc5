# Callable → handler, and which names were refused. Rules: handler-api §2.
require_relative "handler"
require_relative "target"

module Stephost
  class HandlerDirectory
    class NotFound < StandardError; end

    RESOLVERS = %w[explicit_mapping class_constant class_lookup].freeze

    # @return [Array<Handler>] those that serve
    attr_reader :handlers
    # @return [Array<Hash>] `{file, message}` for names that two places declare
    attr_reader :load_failures

    # @param candidates [Array<Handler>]
    def initialize(candidates)
      @load_failures = []
      @handlers = candidates.group_by(&:callable).flat_map { |callable, same| refuse_duplicates(callable, same) }
      @by_callable = @handlers.to_h { |handler| [handler.callable, handler] }
      drop_ambiguous_aliases
      @by_alias = @handlers.flat_map { |handler| handler.aliases.map { |name| [name, handler] } }.to_h
      @by_constant = @handlers.to_h { |handler| [handler.handler_class.name, handler] }
      @targets = [*@by_alias, *@by_callable].to_h
        .select { |_, handler| handler.method?(Target::METHOD_DEFAULT) }
        .transform_values { |handler| Target.new(handler, Target::METHOD_DEFAULT) }
    end

    # @return [Array<String>] names of authors' resolvers
    def resolvers
      Stephost.autoload?(:Registry) ? [] : Registry::HandlerRegistry.instance.resolver_chain.custom.map(&:name)
    end

    # @param method [String, nil] nil: `call`
    # @return [Target]
    # @raise [NotFound]
    def target(callable, method, resolver)
      found = @targets[callable] if method.nil? && resolver.nil?
      found || find(callable, method || Target::METHOD_DEFAULT, resolver)
    end

    # @param resolver [String, nil] nil: any way of finding it
    # @return [Handler]
    # @raise [NotFound]
    def resolve(callable, resolver)
      handler = case resolver
      when nil then @by_callable[callable] || @by_alias[callable] || authored(callable, resolver)
      when "explicit_mapping" then declared(callable)
      when "class_constant", "class_lookup" then @by_constant[callable]
      else authored(callable, resolver)
      end
      handler or raise NotFound, "No Ruby handler is called `#{callable}`#{" (resolver `#{resolver}`)" if resolver}."
    end

    private

    def find(callable, method, resolver)
      handler = resolve(callable, resolver)
      return Target.new(handler, method) if handler.method?(method)

      raise NotFound,
        "Handler `#{handler.callable}` (#{handler.file}) has no public method `#{method}`: add it, or correct `handler.method`."
    end

    # By a resolver of an author, or by any of them.
    def authored(callable, resolver)
      chain = Registry::HandlerRegistry.instance.resolver_chain unless Stephost.autoload?(:Registry)
      if resolver && chain&.get_resolver(resolver).nil?
        raise NotFound,
          "The resolver `#{resolver}` is unknown; known are #{[*RESOLVERS, *chain&.custom&.map(&:name)].join(", ")}."
      end

      found = chain&.resolve(Registry::HandlerDefinition.new(callable: callable, resolver: resolver, initialization: {}))
      Handler.new(found.class, file: Declarations.all[found.class].to_s, root: "", callable: callable) if found
    end

    def declared(callable)
      handler = @by_callable[callable]
      handler if handler&.declared?
    end

    # Neither of two declarations can be the right one, so none serves.
    def refuse_duplicates(callable, same)
      return same if same.size == 1

      places = same.map { |handler| place(handler) }
      message = "The callable `#{callable}` is declared twice: #{places.join(" and ")}. Rename one of them."
      @load_failures.concat(places.uniq.map { |file| {"file" => file, "message" => message} })
      []
    end

    def place(handler)
      handler.file.start_with?("/") ? handler.file : File.join(handler.root, handler.file)
    end

    def drop_ambiguous_aliases
      counts = @handlers.flat_map(&:aliases).tally
      ambiguous = counts.keys.select { |name| counts[name] > 1 || @by_callable.key?(name) }
      @handlers.each { |handler| handler.drop_aliases(ambiguous) }
    end
  end
end
