# Says which failures are worth another try, and how long to wait for it.
require "stephost"

class ChargeCard < Stephost::StepHandler::Base
  def handler_name = "examples.charge_card"

  def call(context)
    case context.get_input("card")
    when "declined"
      raise Stephost::Errors::PermanentError.new("the card was declined", error_code: "DECLINED")
    when "busy"
      raise Stephost::Errors::RetryableError.new("the bank is busy", retry_after: 30)
    when "flaky"
      raise Stephost::Errors::RetryableError, "the flaky card failed" unless context.is_retry?
    end

    success(result: {charge_id: "ch_#{context.task_uuid}", last_try: context.is_last_retry?})
  end
end
