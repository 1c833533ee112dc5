# The checkpoints of one call that wait for the host's word.
require_relative "errors"

module Stephost
  class Checkpoints
    def initialize(outbox, call_id)
      @outbox = outbox
      @call_id = call_id
      @last_id = 0
      @waiting = {}
      @mutex = Mutex.new
    end

    # Returns when the host has stored it.
    # @param data [String] a JSON object
    # @raise [Errors::CheckpointNotStored]
    def save(step_uuid, data)
      answer = Thread::Queue.new
      id = @mutex.synchronize { (@last_id += 1).tap { |checkpoint_id| @waiting[checkpoint_id] = answer } }
      @outbox.post_checkpoint(call_id: @call_id, step_uuid: step_uuid, checkpoint_id: id, data: data)
      stored, message = answer.pop
      raise Errors::CheckpointNotStored, message || "The host did not store the checkpoint." unless stored
    ensure
      @mutex.synchronize { @waiting.delete(id) }
    end

    # @param message [Hash] a `checkpointed`; unknown ids are ignored
    def settle(message)
      @mutex.synchronize { @waiting[message["checkpoint_id"]] }&.push([message["stored"], message["message"]])
    end
  end
end
