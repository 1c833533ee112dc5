# A handler and the method of it that a call asks for: found once, run for every call.
module Stephost
  class Target
    METHOD_DEFAULT = "call"

    # @return [Handler]
    attr_reader :handler

    # @param method [String] a public method that the handler's class offers
    def initialize(handler, method)
      @handler = handler
      @method = method.to_sym
    end

    # @param context [Types::StepContext]
    # @return [Object] whatever the author's method returns
    def run(context)
      @handler.instance(context).public_send(@method, context)
    end
  end
end
