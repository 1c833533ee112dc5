# Outcomes of handlers → entries of a `result` message (PROTOCOL.md §3.1), with limits and clean text.
require_relative "json_text"
require_relative "step_result"

module Stephost
  module WireResult
    TEXT_CHARS_MAX = 16_384
    BACKTRACE_LINES_MAX = 50

    # @param outcome [Types::StepHandlerCallResult::Success, Types::StepHandlerCallResult::Error]
    # @param handler [Handler] named when the result cannot be written
    def self.entry(step_uuid, outcome, handler:, execution_time_ms:)
      return failed(step_uuid, outcome, execution_time_ms) unless outcome.success?

      base = {"step_uuid" => step_uuid, "execution_time_ms" => execution_time_ms, "success" => true}
      return base.merge(yielded(outcome)) if outcome.checkpoint?

      {
        **base, **decided(outcome.result),
        "metadata" => JsonText.write(outcome.metadata || {}, root: "metadata"),
        "result" => JsonText.write(outcome.result)
      }
    rescue JsonText::Unwritable => error
      message = "Handler `#{handler.callable}` (#{handler.file}) returned what JSON cannot hold: #{error.message}"
      failure(step_uuid, "invalid_result", message, execution_time_ms: execution_time_ms)
    end

    # A failure that the runtime itself gives.
    def self.failure(step_uuid, error_type, message, retryable: false, execution_time_ms: 0)
      outcome = Types::StepHandlerCallResult.error(error_type: error_type, message: message, retryable: retryable)
      failed(step_uuid, outcome, execution_time_ms)
    end

    # The result keeps them too: orchestration reads them there.
    OUTCOMES = {"decision_point_outcome" => "decision", "batch_processing_outcome" => "batches"}.freeze

    # @return [Hash] the `outcome` of a result that has one, however the handler made it
    def self.decided(result)
      return {} unless result.is_a?(Hash)

      OUTCOMES.each do |key, kind|
        document = result[key] || result[key.to_sym]
        return {"outcome" => {"kind" => kind, "document" => JsonText.write(document)}} if document.is_a?(Hash)
      end
      {}
    end
    private_class_method :decided

    def self.yielded(checkpoint)
      # A cursor may be null; results that are nil were never accumulated.
      data = checkpoint.to_h.reject { |name, value| name == :accumulated_results && value.nil? }
      document = JsonText.write(data, root: "checkpoint")
      {"metadata" => "{}", "result" => "null", "outcome" => {"kind" => "checkpoint", "document" => document}}
    end
    private_class_method :yielded

    def self.failed(step_uuid, outcome, execution_time_ms)
      {
        "step_uuid" => step_uuid, "execution_time_ms" => execution_time_ms, "success" => false,
        "metadata" => object_text(outcome.metadata),
        "error" => {
          "message" => text(outcome.message),
          "error_type" => text(outcome.error_type),
          "error_code" => outcome.error_code && text(outcome.error_code),
          "retryable" => outcome.retryable ? true : false,
          "retry_after_s" => seconds(outcome.retry_after),
          "backtrace" => (outcome.backtrace || []).first(BACKTRACE_LINES_MAX).map { |line| text(line) },
          "context" => object_text(outcome.context)
        }
      }
    end
    private_class_method :failed

    # The failure matters more than what hangs on it: what cannot be written is left out.
    def self.object_text(value)
      value.is_a?(Hash) ? JsonText.write(value) : "{}"
    rescue JsonText::Unwritable
      "{}"
    end
    private_class_method :object_text

    # UTF-8 without NUL: PostgreSQL takes no other text.
    def self.text(value)
      value.to_s[0, TEXT_CHARS_MAX].encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub.delete("\0")
    end
    private_class_method :text

    def self.seconds(value)
      value.ceil.clamp(0, 2**31) if value.is_a?(Numeric) && value.real? && value.to_f.finite?
    end
    private_class_method :seconds
  end
end
