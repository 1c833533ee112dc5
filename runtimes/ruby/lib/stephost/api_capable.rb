# Calls of HTTP services: `include TaskerCore::StepHandler::Mixins::API`. Source of names: handler-api §1.1.
require_relative "step_handler"

module Stephost
  module StepHandler
    module Mixins
      # Answers that are no success raise: 4xx for good, 408, 425, 429 and 5xx so that the step is tried again, after
      # `Retry-After` where the service says so. The configuration knows `url`, `timeout`, `open_timeout` (seconds), `headers`
      # and `auth`.
      module API
        def capabilities
          [*super, "api"]
        end

        # @return [HttpClient]
        def connection
          @connection ||= begin
            known = config.to_h.transform_keys(&:to_sym).slice(:url, :timeout, :open_timeout, :headers, :auth)
            HttpClient.new(**known.compact)
          end
        end

        # @yieldparam connection [HttpClient] `headers`, `timeout=`, `open_timeout=`, `url=`
        def configure_connection
          yield connection
          connection
        end

        # @return [HttpResponse]
        def get(path, params: {}, headers: {})
          process_response(connection.get(path, params: params, headers: headers))
        end

        def post(path, data: {}, headers: {})
          process_response(connection.post(path, data: data, headers: headers))
        end

        def put(path, data: {}, headers: {})
          process_response(connection.put(path, data: data, headers: headers))
        end

        def delete(path, params: {}, headers: {})
          process_response(connection.delete(path, params: params, headers: headers))
        end

        # As a multipart form.
        def api_upload_file(path, file_path, field_name: "file", additional_fields: {})
          process_response(connection.upload(path, file_path, field_name: field_name, fields: additional_fields))
        end

        # Asks page after page while the answer names the next one (`next_cursor`, or the pagination key itself).
        # @return [Array] what the pages hold under `data`, `items` or `results`, or as a list; with a block each page is
        #   yielded as well
        def api_paginated_request(path, method: :get, pagination_key: "cursor", limit_key: "limit", max_pages: 100, limit: nil)
          items = []
          params = limit.nil? ? {} : {limit_key => limit}
          max_pages.times do
            response = process_response(connection.request(method, path, params: params))
            yield response if block_given?
            items.concat(Pages.items(response.body))
            cursor = Pages.next_cursor(response.body, pagination_key) or return items
            params = params.merge(pagination_key => cursor)
          end
          items
        end

        # @param response [HttpResponse]
        # @return [HttpResponse] the same, when it is a success
        # @raise [Errors::PermanentError, Errors::RetryableError]
        def process_response(response)
          return response if response.success?

          message = "The service answered #{response.status}: #{response.excerpt}"
          context = {"status" => response.status}
          raise Errors::RetryableError.new(message, retry_after: response.retry_after, context: context) if response.retryable?

          raise Errors::PermanentError.new(message, error_code: "HTTP_#{response.status}", context: context)
        end

        def api_success(data:, status: 200, headers: {}, execution_time_ms: nil, metadata: {})
          about = {status: status, headers: headers, execution_time_ms: execution_time_ms}.compact
          success(result: data, metadata: {**about, **metadata})
        end

        # @param status [Integer, nil] nil: there was no answer, and the step is tried again
        # @param headers [Hash] of the answer; `Retry-After` becomes the wish for the wait
        def api_failure(message:, status: nil, error_type: nil, headers: {}, execution_time_ms: nil, metadata: {})
          retryable = status.nil? || HttpResponse.retryable_status?(status)
          about = {status: status, headers: headers, execution_time_ms: execution_time_ms}.compact
          result = failure(
            message: message, error_type: error_type || (retryable ? "RetryableError" : "PermanentError"),
            error_code: status && "HTTP_#{status}", retryable: retryable, metadata: {**about, **metadata}
          )
          result.retry_after = HttpResponse.retry_after(headers)
          result
        end
      end

      # Where services put the items of a page and the way to the next.
      module Pages
        def self.items(body)
          return body if body.is_a?(Array)

          body.is_a?(Hash) ? Array(body.values_at("data", "items", "results").compact.first) : []
        end

        def self.next_cursor(body, pagination_key)
          return unless body.is_a?(Hash)

          places = [body, body["pagination"], body["meta"]].grep(Hash)
          places.flat_map { |place| place.values_at("next_#{pagination_key}", "next_cursor") }.compact.first
        end
      end
      private_constant :Pages
    end

    # The class from before mixins.
    class Api < Base
      include Mixins::API
    end
  end
end
