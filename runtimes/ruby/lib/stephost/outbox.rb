# The one writer of the wire: whole frames, one at a time, from any thread.
require_relative "frames"
require_relative "messages"
require_relative "wire_result"

module Stephost
  class Outbox
    # @param output [IO] binary and unbuffered
    def initialize(output, frame_bytes_max)
      @output = output
      @frame_bytes_max = frame_bytes_max
      @mutex = Mutex.new
    end

    # @param message [Hash] any but `result`
    def send(message)
      write(Messages.encode(message))
    end

    # Entries that are too large for a frame become failures, the largest first.
    def send_result(call_id, entries)
      payload = encode_result(call_id, entries)
      while payload.bytesize > @frame_bytes_max
        index = entries.each_index.max_by { |place| Messages.encode(entries[place]).bytesize }
        entries[index] = too_large(entries[index])
        payload = encode_result(call_id, entries)
      end
      write(payload)
    end

    private

    def encode_result(call_id, entries)
      Messages.encode({"type" => "result", "call_id" => call_id, "results" => entries})
    end

    def too_large(entry)
      bytes = Messages.encode(entry).bytesize
      WireResult.failure(
        entry["step_uuid"], "invalid_result",
        "The result has #{bytes} bytes, a frame holds #{@frame_bytes_max}; store the data elsewhere and return a reference.",
        execution_time_ms: entry["execution_time_ms"]
      )
    end

    def write(payload)
      @mutex.synchronize { @output.write(Frames.encode(payload)) }
    rescue Errno::EPIPE
      # The host is gone; the end of the input says so to the session.
    end
  end
end
