# Divides a number of items among batch workers. Source of the shape: handler-api §0.4.
module Stephost
  module Cursors
    # @param total_items [Integer] from 0
    # @param worker_count [Integer] from 1; there are fewer cursors when some would be empty
    # @return [Array<Hash{String => Object}>] `batch_id` ("001" …), `start_cursor`, `end_cursor` (exclusive), `batch_size`
    # @raise [ArgumentError]
    def self.for_workers(total_items, worker_count)
      unless worker_count.is_a?(Integer) && worker_count.positive?
        raise ArgumentError, "worker_count is #{worker_count.inspect}; it must be an integer from 1"
      end

      check_total(total_items)
      total_items.zero? ? [] : of_size(total_items, (total_items + worker_count - 1) / worker_count)
    end

    # @param batch_size [Integer] from 1; the last batch may be smaller
    # @return [Array<Hash{String => Object}>] as for_workers
    # @raise [ArgumentError]
    def self.of_size(total_items, batch_size)
      unless batch_size.is_a?(Integer) && batch_size.positive?
        raise ArgumentError, "batch_size is #{batch_size.inspect}; it must be an integer from 1"
      end

      check_total(total_items)
      (0...total_items).step(batch_size).each_with_index.map do |start, index|
        stop = [start + batch_size, total_items].min
        {"batch_id" => id(index), "start_cursor" => start, "end_cursor" => stop, "batch_size" => stop - start}
      end
    end

    # @param index [Integer] from 0
    def self.id(index)
      format("%03d", index + 1)
    end

    def self.check_total(total_items)
      return if total_items.is_a?(Integer) && !total_items.negative?

      raise ArgumentError, "total_items is #{total_items.inspect}; it must be an integer from 0"
    end
    private_class_method :check_total
  end
end
