# A call of a publisher or a subscriber → its entry. The modes are those of PROTOCOL.md §3.2.
require_relative "indifferent_hash"
require_relative "json_text"
require_relative "published_events"
require_relative "step_context"
require_relative "wire_result"

module Stephost
  class EventRun
    # @param call [Call]
    # @param message [Hash] an `execute` with an `event`
    # @param event_code [EventCode]
    def initialize(call, message, event_code)
      @call = call
      @message = message
      @request = message["requests"].first
      @event_code = event_code
    end

    # @return [Array<Hash>]
    def entries
      name = @message["callable"]
      target = (@message["mode"] == "deliver") ? @event_code.subscriber(name) : @event_code.publisher(name)
      return [missing(name)] if target.nil?

      event = IndifferentHash.wrap(JsonText.parse(@message["event"]))
      [succeeded(Thread.handle_interrupt(StepRun::INTERRUPTIBLE) { public_send(@message["mode"], target, event) })]
    rescue Cancelled
      @call.cancelled
    rescue Exception => error # rubocop:disable Lint/RescueException
      ForkGuard.leave(error) if ForkGuard.child?
      [failed(error)]
    end

    # @return [Hash] the events of a finished step
    def publish(publisher, event)
      declaration = event["declaration"]
      context = Types::StepContext.from_request(@request, @call)
      events = DomainEvents::PublishedEvents.collect do
        publisher.publish(
          event_name: declaration["name"], step_result: event["execution_result"],
          event_declaration: declaration, step_context: context
        )
      end
      {events: events}
    end

    # What became of an event.
    def published(publisher, event)
      name, payload = event.values_at("event_name", "payload")
      if event["error"]
        publisher.on_publish_error(name, Errors::Error.new(event["error"]), payload)
      else
        publisher.after_publish(name, payload, event["metadata"])
      end
      nil
    end

    def deliver(subscriber, event)
      subscriber.deliver(event) if subscriber.active?
      nil
    end

    private

    def succeeded(result)
      entry = {"step_uuid" => @request["step_uuid"], "execution_time_ms" => 0, "success" => true, "metadata" => "{}"}
      entry.merge("result" => JsonText.write(result))
    end

    def failed(error)
      WireResult.failure(@request["step_uuid"], error.class.name.to_s, error.message)
    end

    def missing(name)
      WireResult.failure(@request["step_uuid"], "handler_not_found", "No #{@message["mode"]} code is called `#{name}`.")
    end
  end
end
