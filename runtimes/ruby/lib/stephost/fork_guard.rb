# What keeps a process that a handler forks away from the host: it closes the wire and never gives a result.
module Stephost
  module ForkGuard
    EXIT_DONE = 0
    EXIT_RAISED = 1
    @child = false

    # Every way of forking in Ruby (fork, Process.fork, IO.popen("-")) passes `_fork`.
    module Hook
      def _fork
        super.tap { |pid| ForkGuard.enter if pid.zero? }
      end

      # It would end this process and go on in another that nobody watches.
      def daemon(*)
        raise NotImplementedError, "Process.daemon would end the runtime; start another program with Process.spawn."
      end
    end

    # @param in_child [Proc] closes what belongs to the parent
    def self.install(&in_child)
      @in_child = in_child
      Process.singleton_class.prepend(Hook)
    end

    def self.enter
      @child = true
      @in_child.call
    end

    # @return [Boolean] whether this process is a fork of the runtime
    def self.child?
      @child
    end

    # Ends a child whose handler came to its end: only the parent's run of it has a result.
    # @param error [Exception, nil] what the handler raised
    def self.leave(error = nil)
      Process.exit!(error.status) if error.is_a?(SystemExit)
      Process.exit!(EXIT_DONE) if error.nil?
      warn error.full_message(highlight: false)
      Process.exit!(EXIT_RAISED)
    end
  end
end
