# The flag that a cancel sets, and the error that interrupts a thread which does not look at it.
module Stephost
  # Raised in a handler that waits (sleep, IO, a queue) past half of the grace of its cancel. Not a StandardError, so that
  # `rescue => error` does not swallow it; an `ensure` runs as always.
  class Cancelled < Exception # rubocop:disable Lint/InheritException
  end

  class Cancellation
    # @return [String, nil] `timeout`, `shutdown` or `lease_lost`; nil while nobody cancelled
    attr_reader :reason

    def cancel(reason)
      @reason ||= reason
    end

    def cancelled?
      !@reason.nil?
    end
  end
end
