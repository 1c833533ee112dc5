# Readers over the checkpoint that a step had when a run of it began. Source of names: handler-api §1.1.
module Stephost
  # For whatever has a `checkpoint`: an indifferent hash, or nil.
  module StoredCheckpoint
    def has_checkpoint?
      !checkpoint.nil?
    end

    # Where to go on.
    def checkpoint_cursor
      checkpoint && checkpoint["cursor"]
    end

    def checkpoint_items_processed
      (checkpoint && checkpoint["items_processed"]) || 0
    end

    def accumulated_results
      checkpoint && checkpoint["accumulated_results"]
    end
  end
end
