# Which handler classes exist and which file declared each: filled while handler files load.
module Stephost
  module Declarations
    LIBRARY = File.expand_path("..", __dir__)
    @declared = {}

    # @param locations [Array<Thread::Backtrace::Location>] the stack of the declaration; the author's file is its first
    #   entry outside this library
    def self.note(handler_class, locations)
      paths = locations.map(&:absolute_path)
      file = paths.find { |path| path && !path.start_with?("#{LIBRARY}/") }
      @declared[handler_class] = file if file
    end

    # @return [Hash{Class => String}] class → absolute path, in the order of declaration
    def self.all
      @declared
    end
  end
end
