# The one writer of the wire: frames gather here and leave together, in the order in which they came.
require "io/wait"
require_relative "frames"
require_relative "messages"
require_relative "wire_result"

module Stephost
  class Outbox
    # Log lines above this, because the host does not read, are refused; everything else is bounded by the calls in flight.
    PENDING_BYTES_MAX = 4_194_304
    # A thread of a handler writes its lines itself up to this: it fits into the socket, so it never waits for the host.
    DIRECT_BYTES_MAX = 65_536

    # @param output [IO] the wire, binary
    def initialize(output, frame_bytes_max)
      @output = output
      @frame_bytes_max = frame_bytes_max
      @pending = String.new(encoding: Encoding::BINARY)
      @pending_mutex = Mutex.new
      @writing = Mutex.new
      @packer = MessagePack::Packer.new
      @packing = Mutex.new
      @alarms = Thread::Queue.new
    end

    # The thread that writes what others posted while they go on.
    def start
      @writer = Thread.new do
        loop do
          @alarms.pop
          flush
        end
      end
      @writer.name = "stephost outbox"
      self
    end

    # Writes it, and everything that came before, before it returns. Not for threads that a handler may interrupt.
    # @param message [Hash] any but `result`
    def send(message)
      append(encode(message))
      flush
    end

    # At once where nobody else writes and the socket has room, because the next thing that the handler does may be the end of
    # this process; else it is left to the writer.
    # @return [Boolean] false when it was refused, because the host reads too slowly
    def post_log(message)
      return false if @pending.bytesize > PENDING_BYTES_MAX

      append(encode(message))
      write_at_once or alarm
      true
    end

    # @raise [Errors::CheckpointNotStored] when no frame can hold it
    def post_checkpoint(call_id:, step_uuid:, checkpoint_id:, data:)
      payload = encode(
        {
          "type" => "checkpoint", "call_id" => call_id, "step_uuid" => step_uuid, "checkpoint_id" => checkpoint_id,
          "data" => data
        }
      )
      if payload.bytesize > @frame_bytes_max
        raise Errors::CheckpointNotStored, "The checkpoint has #{payload.bytesize} bytes, a frame holds #{@frame_bytes_max}."
      end

      append(payload)
      alarm
    end

    # Gathers a result; `flush` or `alarm` sends it. Entries that are too large for a frame become failures, the largest first.
    def add_result(call_id, entries)
      payload = encode_result(call_id, entries)
      while payload.bytesize > @frame_bytes_max
        index = entries.each_index.max_by { |place| encode(entries[place]).bytesize }
        entries[index] = too_large(entries[index])
        payload = encode_result(call_id, entries)
      end
      append(payload)
    end

    # The caller goes on with something that may take long: the writer sends what there is.
    def alarm
      @alarms << true if @alarms.empty? && !@pending.empty?
    end

    # Returns when all that was added before is written, or the host is gone.
    def flush
      @writing.synchronize { write_pending }
    end

    private

    # Nothing may end the thread in the middle of a frame: neither a cancel nor a Timeout of the handler's own.
    # @return [Boolean] whether nothing is left to write
    def write_at_once
      return false unless @pending.bytesize <= DIRECT_BYTES_MAX && @output.wait_writable(0)

      Thread.handle_interrupt(Object => :never) do
        next false unless @writing.try_lock

        begin
          write_pending
        ensure
          @writing.unlock
        end
        @pending.empty?
      end
    end

    def encode_result(call_id, entries)
      encode({"type" => "result", "call_id" => call_id, "results" => entries})
    end

    # With one packer for all: making one costs more than using it.
    def encode(message)
      @packing.synchronize do
        @packer.write(message).to_s
      ensure
        @packer.clear
      end
    end

    def too_large(entry)
      bytes = encode(entry).bytesize
      WireResult.failure(
        entry["step_uuid"], "invalid_result",
        "The result has #{bytes} bytes, a frame holds #{@frame_bytes_max}; store the data elsewhere and return a reference.",
        execution_time_ms: entry["execution_time_ms"]
      )
    end

    def write_pending
      until @pending.empty?
        write(@pending_mutex.synchronize do
          bytes = @pending
          @pending = String.new(encoding: Encoding::BINARY)
          bytes
        end)
      end
    end

    # In one step: a handler's own Timeout may end its thread anywhere, but never between a length and its payload.
    def append(payload)
      frame = Frames.encode(payload)
      @pending_mutex.synchronize { @pending << frame }
    end

    # Without waiting where the socket has room: a thread that keeps the interpreter's lock saves two switches.
    def write(bytes)
      until bytes.empty?
        written = @output.write_nonblock(bytes, exception: false)
        if written == :wait_writable
          @output.wait_writable
        else
          bytes = bytes.byteslice(written..)
        end
      end
    rescue Errno::EPIPE, Errno::ECONNRESET
      # The host is gone; the end of the input says so to the session.
    end
  end
end
