# The watch: a thread without the interpreter's lock that answers the host, and the kernel's signal when the host dies.
module Stephost
  module Watch
    PR_SET_PDEATHSIG = 1

    # Its code is native/pinger.c. Without it the process still asks to die with the host.
    # @return [Boolean] whether the host's tokens are answered, also while a handler holds the interpreter's lock
    def self.start(descriptor:, library:)
      return true if descriptor && library && watched?(descriptor, library)

      die_with_host
      false
    end

    def self.watched?(descriptor, library)
      require "fiddle"
      function = Fiddle::Function.new(Fiddle.dlopen(library)["stephost_watch"], [Fiddle::TYPE_INT], Fiddle::TYPE_INT)
      code = function.call(descriptor)
      code.zero? or refuse(library, SystemCallError.new(code).message)
    rescue LoadError, StandardError => error
      refuse(library, error.message)
    end
    private_class_method :watched?

    def self.refuse(library, reason)
      warn "stephost: the watch #{library} does not run: #{reason.lines.first.to_s.strip}. The host pings over the wire instead."
      false
    end
    private_class_method :refuse

    # The symbol comes from the process itself, so no library is needed; where Fiddle is missing, the wire's end must do.
    def self.die_with_host
      require "fiddle"
      prctl = Fiddle::Function.new(
        Fiddle::Handle::DEFAULT["prctl"], [Fiddle::TYPE_INT, Fiddle::TYPE_LONG], Fiddle::TYPE_INT
      )
      prctl.call(PR_SET_PDEATHSIG, Signal.list.fetch("KILL"))
    rescue LoadError, Fiddle::DLError
      nil
    end
    private_class_method :die_with_host
  end
end
