# Log lines with fields, under the name that handlers written for Tasker use.
module Stephost
  module Tracing
    class << self
      # @param message [String]
      # @param fields [Hash] beside the text
      [:trace, :debug, :info, :warn, :error].each do |level|
        define_method(level) { |message, fields = {}| log(level, message, fields) }
      end

      private

      # The host knows no level below `debug`.
      def log(level, message, fields)
        Stephost.logger.public_send((level == :trace) ? :debug : level, message, **fields.to_h.transform_keys(&:to_sym))
      end
    end
  end
end
