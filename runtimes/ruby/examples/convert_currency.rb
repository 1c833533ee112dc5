# Asks an HTTP service; its answer decides whether a failure is worth another try.
require "stephost"

class ConvertCurrency < Stephost::StepHandler::Base
  include Stephost::StepHandler::Mixins::API

  def handler_name = "examples.convert_currency"

  def call(context)
    from, to, status = %w[from to status].map { |field| context.get_input(field) }
    # Anything but a success raises: 404 for good, 429 and 503 for another try, after `Retry-After` if there is one.
    response = get(status ? "/status/#{status}" : "/echo", params: {from: from, to: to})
    api_success(data: {**response.body["query"].transform_keys(&:to_sym), status: response.status}, status: response.status)
  end
end
