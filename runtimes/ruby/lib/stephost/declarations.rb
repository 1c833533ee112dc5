# Which handlers, publishers and subscribers exist and which file declared each: filled while handler files load.
module Stephost
  module Declarations
    LIBRARY = File.expand_path("..", __dir__)
    @declared = {}
    @depends_on = {}

    # @param locations [Array<Thread::Backtrace::Location>] the stack of the declaration; the author's file is its first
    #   entry outside this library
    def self.note(handler_class, locations)
      return if library_class?(locations.first)

      paths = locations.map(&:absolute_path)
      file = paths.find { |path| path && !path.start_with?("#{LIBRARY}/") }
      @declared[handler_class] = file if file
    end

    # Steps whose results a declaration asks for by name.
    # @param names [Array<String>]
    def self.note_dependencies(handler_class, names)
      @depends_on[handler_class] = names
    end

    # @return [Array<String>] empty for a class that asks while it runs
    def self.dependencies_of(handler_class)
      @depends_on.fetch(handler_class, [])
    end

    # A base class of this package, which loads when a handler file first names it.
    def self.library_class?(location)
      location.absolute_path&.start_with?("#{LIBRARY}/") && location.label.start_with?("<module:")
    end
    private_class_method :library_class?

    # @param constant [String] "A::FirstCharge"
    # @return [String] "first_charge"
    def self.snake_case(constant)
      constant.split("::").last.gsub(/([a-z\d])([A-Z])|([A-Z])([A-Z][a-z])/, '\1\3_\2\4').downcase
    end

    # @return [Hash{Class => String}] class → absolute path, in the order of declaration
    def self.all
      @declared
    end
  end
end
