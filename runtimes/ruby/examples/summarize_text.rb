# Work and result apart: `process` counts, `process_results` says what the step stores of it.
require "stephost"

class SummarizeText < Stephost::StepHandler::Base
  def handler_name = "examples.summarize_text"

  def process(context)
    context.get_input("text").to_s.split
  end

  def process_results(context, words)
    success(
      result: {words: words.size, summary: "#{words.size} words"},
      metadata: {characters: context.get_input("text").to_s.length}
    )
  end
end
