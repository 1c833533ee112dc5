# What the other side did against PROTOCOL.md; it ends the session.
module Stephost
  class ProtocolViolation < StandardError
    # @return [String] a code of PROTOCOL.md §4
    attr_reader :code

    def initialize(code, message)
      super(message)
      @code = code
    end
  end
end
