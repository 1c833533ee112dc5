# What an HTTP service answered: status, headers, and the body as JSON where it is JSON.
require "json"
require "time"

module Stephost
  class HttpResponse
    RETRYABLE = [408, 425, 429].freeze
    EXCERPT_CHARS = 500

    # @return [Integer]
    attr_reader :status
    # @return [Hash{String => String}] lower-case names
    attr_reader :headers
    # @return [Object, String]
    attr_reader :body

    # @param body [String]
    def initialize(status:, headers:, body:)
      @status = status
      @headers = headers.transform_keys { |name| name.to_s.downcase }
      @body = parse(body)
    end

    def success?
      status.between?(200, 299)
    end

    # @return [String] the beginning of the body, for messages
    def excerpt
      (body.is_a?(String) ? body : JSON.generate(body))[0, EXCERPT_CHARS]
    end

    # A later try may meet another answer.
    def retryable?
      HttpResponse.retryable_status?(status)
    end

    # @return [Float, Integer, nil] seconds of `Retry-After`, which is a number or a date
    def retry_after
      HttpResponse.retry_after(headers)
    end

    def self.retryable_status?(status)
      status >= 500 || RETRYABLE.include?(status)
    end

    def self.retry_after(headers)
      text = headers.find { |name, _| name.to_s.casecmp?("retry-after") }&.last
      return if text.nil?
      return Float(text) if text.to_s.match?(/\A\d+(\.\d+)?\z/)

      [Time.httpdate(text.to_s) - Time.now, 0].max
    rescue ArgumentError
      nil
    end

    private

    def parse(body)
      return body unless headers["content-type"].to_s.include?("json") && !body.to_s.empty?

      JSON.parse(body)
    rescue JSON::ParserError
      body
    end
  end
end
