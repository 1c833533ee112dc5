# Descriptors 0, 1 and 2: taken away from user code before any of it loads (PROTOCOL.md §1).
module Stephost
  module Stdio
    Wire = Struct.new(:input, :output)

    # Moves the wire to private descriptors and gives handlers an empty stdin and a stdout that is stderr.
    # It works on descriptors, so C extensions and grandchildren are covered too; `dup` sets close-on-exec.
    # @return [Wire] binary IO objects of the host's two pipes
    def self.take_over
      wire = Wire.new($stdin.dup.binmode, $stdout.dup.binmode)
      wire.output.sync = true
      $stdin.reopen(File::NULL, "r")
      $stdout.reopen($stderr)
      # Unbuffered: `puts` is one write, so lines of parallel handlers stay whole, and a fork repeats nothing.
      $stdout.sync = $stderr.sync = true
      wire
    end
  end
end
