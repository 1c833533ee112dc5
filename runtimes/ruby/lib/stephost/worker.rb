# The worker is the host: handler files that would start one are told so.
require_relative "errors"

module Stephost
  module Worker
    class Bootstrap
      # @raise [Errors::ConfigurationError] always: a worker in this process would compete with the host for its steps
      def self.start!(**)
        raise Errors::ConfigurationError, "This process runs handlers for a worker that is up already; " \
          "start a worker with `stephost worker --handlers DIRECTORY`."
      end
    end
  end
end
