# The shape of `execute` (PROTOCOL.md §3.2): the one message that comes once for every call, so its checks are fast.
require_relative "messages"

module Stephost
  module ExecuteMessage
    TYPE = "execute"
    MODES = %w[single batch].freeze
    # For publishers and subscribers: rare, so they take the closer look.
    EVENT_MODES = %w[publish published deliver].freeze
    FIELDS = %w[type call_id mode callable method resolver deadline_ms traceparent requests].freeze
    REQUEST_TEXTS = %w[
      step_uuid task_uuid correlation_id step_name task workflow_step dependency_results step_definition
    ].freeze
    REQUEST_SIZE = REQUEST_TEXTS.size + 1

    # One look at each field of a message as every host of this version sends it: all fields, and none that is unknown.
    # @return [Boolean] false: it is another message, or one that needs a closer look
    def self.plain?(message)
      type, id, mode, callable, method, resolver, deadline, trace, requests = message.values_at(*FIELDS)
      type == TYPE && message.size == FIELDS.size && MODES.include?(mode) && Messages.text?(id) &&
        Messages.text?(callable) && Messages.integer?(deadline) && (method.nil? || Messages.text?(method)) &&
        (resolver.nil? || Messages.text?(resolver)) && (trace.nil? || Messages.text?(trace)) &&
        requests.is_a?(Array) && counted?(mode, requests) && requests.all? { |request| plain_request?(request) }
    end

    # @param message [Hash] of values that may appear
    # @raise [ProtocolViolation] bad_message, with the field
    def self.check(message)
      _, id, mode, callable, method, resolver, deadline, trace, requests = message.values_at(*FIELDS)
      texts = {"call_id" => id, "callable" => callable}
      texts.each { |name, value| value.is_a?(String) or ill_typed(name) }
      optional = {"method" => method, "resolver" => resolver, "traceparent" => trace}
      optional.each { |name, value| value.nil? || value.is_a?(String) or ill_typed(name) }
      check_mode(mode, message["event"])
      deadline.is_a?(Integer) or ill_typed("deadline_ms")
      requests.is_a?(Array) or ill_typed("requests")
      counted?(mode, requests) or Messages.bad("`#{mode}` has #{requests.size} requests.")
      requests.each { |request| check_request(request) }
    end

    def self.check_mode(mode, event)
      has_event = EVENT_MODES.include?(mode)
      has_event || MODES.include?(mode) or ill_typed("mode")
      (event.nil? && !has_event) || event.is_a?(String) or ill_typed("event")
    end
    private_class_method :check_mode

    def self.counted?(mode, requests)
      requests.size == 1 || (mode == "batch" && !requests.empty?)
    end
    private_class_method :counted?

    # Written out: a loop over names costs as much as reading the message.
    def self.plain_request?(request)
      return false unless request.is_a?(Hash) && request.size == REQUEST_SIZE && Messages.integer?(request["attempts"])

      request.values_at(*REQUEST_TEXTS).all? { |value| Messages.text?(value) }
    end
    private_class_method :plain_request?

    def self.check_request(request)
      Messages.bad("A request is not a map.") unless request.is_a?(Hash)
      REQUEST_TEXTS.each { |name| request[name].is_a?(String) or ill_typed(name) }
      request["attempts"].is_a?(Integer) or ill_typed("attempts")
    end
    private_class_method :check_request

    def self.ill_typed(name)
      Messages.bad("The field `#{name}` of `execute` is missing or ill-typed.")
    end
    private_class_method :ill_typed
  end
end
