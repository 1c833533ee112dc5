# Domain events: the step's own publisher shapes the event that the template declares, a subscriber hears of it.
require "stephost"

class SendReceipt < Stephost::StepHandler::Base
  def handler_name = "examples.send_receipt"

  def call(context)
    success(result: {email: context.get_input("email")})
  end
end

class ReceiptPublisher < Stephost::DomainEvents::BasePublisher
  def name = "receipt_publisher"

  def should_publish?(step_result, _event_declaration, _step_context = nil)
    !step_result[:result][:email].end_with?("@example.invalid")
  end

  def transform_payload(step_result, _event_declaration, _step_context = nil)
    {to: step_result[:result][:email]}
  end

  def additional_metadata(_step_result, _event_declaration, _step_context = nil)
    {channel: "email"}
  end
end

class ReceiptLog < Stephost::DomainEvents::BaseSubscriber
  subscribes_to "receipt.*"

  def handle(event)
    logger.info("receipt sent to #{event[:business_payload][:to]}")
  end
end
