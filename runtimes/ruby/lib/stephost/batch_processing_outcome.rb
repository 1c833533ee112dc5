# What a batch analyzer asks orchestration for: workers with a cursor each, or none. Source: handler-api §0.4, §1.1.
require_relative "errors"

module Stephost
  module Types
    module BatchProcessingOutcome
      NoBatches = Struct.new(:type)
      CreateBatches = Struct.new(:type, :worker_template_name, :worker_count, :cursor_configs, :total_items)
      CURSOR_KEYS = %w[batch_id start_cursor end_cursor batch_size].freeze

      def self.no_batches
        NoBatches.new("no_batches")
      end

      # @param cursor_configs [Array<Hash>] one for each worker: `batch_id`, `start_cursor`, `end_cursor`, `batch_size`
      # @raise [Errors::PermanentError] INVALID_BATCH_OUTCOME: no worker, a range that is empty or negative, an id twice
      def self.create_batches(worker_template_name:, cursor_configs:, total_items:, worker_count: cursor_configs.size)
        cursors = cursor_configs.map { |cursor| cursor.to_h.transform_keys(&:to_s) }
        invalid("`worker_template_name` is missing") if worker_template_name.to_s.empty?
        invalid("`cursor_configs` is empty; return `no_batches_outcome` when there is nothing to do") if cursors.empty?
        invalid("worker_count is #{worker_count} and there are #{cursors.size} cursors") if worker_count != cursors.size
        cursors.each { |cursor| check_cursor(cursor) }
        twice = cursors.map { |cursor| cursor["batch_id"] }.tally.find { |_, count| count > 1 }
        invalid("the batch_id #{twice.first.inspect} comes twice") if twice
        CreateBatches.new("create_batches", worker_template_name.to_s, worker_count, cursors, total_items)
      end

      # @param hash [Hash] with `type`; keys are strings or symbols
      # @raise [Errors::PermanentError] INVALID_BATCH_OUTCOME
      def self.from_hash(hash)
        fields = hash.to_h.transform_keys(&:to_sym)
        case fields[:type].to_s
        when "no_batches" then no_batches
        when "create_batches"
          create_batches(**fields.slice(:worker_template_name, :worker_count, :cursor_configs, :total_items))
        else invalid("its type is #{fields[:type].inspect}; it may be \"create_batches\" or \"no_batches\"")
        end
      end

      def self.check_cursor(cursor)
        missing = CURSOR_KEYS - cursor.keys
        invalid("the cursor #{cursor["batch_id"].inspect} has no #{missing.join(", ")}") if missing.any?
        start, stop, size = cursor.values_at("start_cursor", "end_cursor", "batch_size")
        sized = size.is_a?(Integer) && size.positive?
        invalid("the batch #{cursor["batch_id"].inspect} has the size #{size.inspect}") unless sized
        return unless start.is_a?(Integer) && stop.is_a?(Integer) && stop <= start

        invalid("the batch #{cursor["batch_id"].inspect} goes from #{start} to #{stop}, which is empty")
      end
      private_class_method :check_cursor

      def self.invalid(problem)
        raise Errors::PermanentError.new("The batches are not valid: #{problem}.", error_code: "INVALID_BATCH_OUTCOME")
      end
      private_class_method :invalid
    end
  end
end
