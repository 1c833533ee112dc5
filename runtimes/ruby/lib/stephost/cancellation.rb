# The flag that a cancel sets: the one thing that a call's thread and the session share.
module Stephost
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
