# One conversation with a host: reads messages until it ends, answers ping, cancel, reload and shutdown.
require_relative "decoder"
require_relative "frames"

module Stephost
  class Session
    READ_BYTES = 65_536
    EXIT_DONE = 0
    EXIT_FAULT = 70

    # @param input [IO] the frames of the host
    # @param heartbeat [Heartbeat]
    def initialize(input:, outbox:, executor:, heartbeat:, frame_bytes_max:)
      @input = input
      @outbox = outbox
      @executor = executor
      @heartbeat = heartbeat
      @frames = Frames::Reader.new(frame_bytes_max)
      @decoder = Decoder.new
    end

    # Reads once and does what the messages say. Never called by two threads at once.
    # @return [Integer, nil] nil to go on; 0 when the host closed, said `shutdown`, or `reload` and nothing is left to finish;
    #   70 after a violation of the protocol
    def turn
      take(@input.readpartial(READ_BYTES))
    rescue EOFError, Errno::ECONNRESET
      EXIT_DONE
    rescue ProtocolViolation => violation
      warn "stephost: #{violation.code}: #{violation.message}"
      @outbox.send({"type" => "error", "code" => violation.code, "message" => violation.message})
      EXIT_FAULT
    end

    private

    # The calls of one read begin together.
    # @return [Integer, nil] an exit code when the session is over
    def take(bytes)
      @frames.feed(bytes) do |payload|
        code = handle(@decoder.decode(payload))
        return code if code
      end
      @executor.dispatch
      @heartbeat.wake
      return unless @executor.drained?

      @outbox.flush
      EXIT_DONE
    end

    def handle(message)
      case message["type"]
      when "execute" then @executor.admit(message)
      when "cancel" then @executor.cancel(message["call_id"], reason: message["reason"], grace_ms: message["grace_ms"])
      when "checkpointed" then @executor.settle_checkpoint(message)
      when "ping" then @outbox.send({"type" => "pong", "nonce" => message["nonce"]})
      when "reload" then @executor.drain
      when "shutdown" then return EXIT_DONE
      when "error"
        warn "stephost: the host reports #{message["code"]}: #{message["message"]}"
        return EXIT_FAULT
      end
      nil
    end
  end
end
