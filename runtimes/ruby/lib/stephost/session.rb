# One conversation with a host: reads messages until it ends, answers ping, cancel and shutdown.
require_relative "frames"
require_relative "messages"

module Stephost
  class Session
    READ_BYTES = 65_536
    EXIT_DONE = 0
    EXIT_FAULT = 70

    # @param input [IO] the frames of the host
    def initialize(input:, outbox:, executor:, frame_bytes_max:)
      @input = input
      @outbox = outbox
      @executor = executor
      @frames = Frames::Reader.new(frame_bytes_max)
    end

    # @return [Integer] the exit code: 0 when the host closed or said `shutdown`, 70 after a violation of the protocol
    def run
      loop do
        @frames.feed(@input.readpartial(READ_BYTES)) do |payload|
          code = handle(Messages.decode(payload))
          return code if code
        end
      end
    rescue EOFError
      EXIT_DONE
    rescue ProtocolViolation => violation
      warn "stephost: #{violation.code}: #{violation.message}"
      @outbox.send({"type" => "error", "code" => violation.code, "message" => violation.message})
      EXIT_FAULT
    end

    private

    # @return [Integer, nil] an exit code when the session is over
    def handle(message)
      case message["type"]
      when "execute" then @executor.execute(message)
      when "cancel" then @executor.cancel(message["call_id"], message["reason"])
      when "ping" then @outbox.send({"type" => "pong", "nonce" => message["nonce"]})
      when "shutdown" then return EXIT_DONE
      when "error"
        warn "stephost: the host reports #{message["code"]}: #{message["message"]}"
        return EXIT_FAULT
      end
      nil
    end
  end
end
