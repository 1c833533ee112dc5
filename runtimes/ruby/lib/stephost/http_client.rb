# An HTTP client for handlers on Ruby's own net/http: one base address, JSON in and out, limits on every wait.
require "json"
require "net/http"
require "securerandom"
require "uri"
require_relative "errors"
require_relative "http_response"

module Stephost
  class HttpClient
    METHODS = {
      get: Net::HTTP::Get, post: Net::HTTP::Post, put: Net::HTTP::Put, patch: Net::HTTP::Patch, delete: Net::HTTP::Delete
    }.freeze
    TIMEOUT_DEFAULT_S = 30

    # @return [Hash{String => String}] sent with every request
    attr_reader :headers
    # @return [Numeric] seconds
    attr_accessor :timeout, :open_timeout
    # @return [String, nil]
    attr_accessor :url

    # @param url [String, nil] nil: only absolute addresses are asked
    # @param auth [Hash, nil] `type: bearer` with `token`, `type: basic` with `username` and `password`, or `type: api_key` with
    #   `key` and `header` (X-API-Key)
    def initialize(url: nil, timeout: nil, open_timeout: nil, headers: {}, auth: nil)
      @url = url
      @timeout = timeout || TIMEOUT_DEFAULT_S
      @open_timeout = open_timeout || @timeout
      @headers = {"Accept" => "application/json"}.merge(headers.to_h.transform_keys(&:to_s), auth_headers(auth))
    end

    def get(path, params: {}, headers: {})
      request(:get, path, params: params, headers: headers)
    end

    def delete(path, params: {}, headers: {})
      request(:delete, path, params: params, headers: headers)
    end

    # @param data [Object, String] a String is sent as it is, anything else as JSON
    def post(path, data: {}, headers: {})
      request(:post, path, data: data, headers: headers)
    end

    def put(path, data: {}, headers: {})
      request(:put, path, data: data, headers: headers)
    end

    def patch(path, data: {}, headers: {})
      request(:patch, path, data: data, headers: headers)
    end

    # @return [HttpResponse] whatever its status
    # @raise [Errors::TimeoutError, Errors::NetworkError] there was no answer
    # @raise [Errors::ConfigurationError] there is no address to ask
    def request(method, path, params: {}, data: nil, headers: {})
      address = address_of(path, params)
      request = METHODS.fetch(method.to_sym).new(address)
      @headers.merge(headers.transform_keys(&:to_s)).each { |name, value| request[name] = value.to_s }
      write_body(request, data)
      exchange(address, request)
    end

    # @param file_path [String]
    # @param fields [Hash] further fields of the form
    # @return [HttpResponse]
    def upload(path, file_path, field_name: "file", fields: {})
      parts = fields.map { |name, value| [name.to_s, value.to_s] }
      file = File.open(file_path, "rb")
      request = Net::HTTP::Post.new(address = address_of(path, {}))
      @headers.each { |name, value| request[name] = value.to_s }
      request.set_form([*parts, [field_name.to_s, file, {filename: File.basename(file_path)}]], "multipart/form-data")
      exchange(address, request)
    ensure
      file&.close
    end

    private

    def address_of(path, params)
      absolute = path.to_s.match?(%r{\Ahttps?://})
      if url.nil? && !absolute
        raise Errors::ConfigurationError, "There is no address for #{path.inspect}: set `url` in the handler's `initialization`."
      end

      address = URI(absolute ? path.to_s : "#{url.to_s.chomp("/")}/#{path.to_s.delete_prefix("/")}")
      query = [address.query, (URI.encode_www_form(params) unless params.empty?)].compact
      address.query = query.join("&") if query.any?
      address
    rescue URI::InvalidURIError => error
      raise Errors::ConfigurationError, "The address is not valid: #{error.message}"
    end

    def write_body(request, data)
      return if data.nil?

      request.body = data.is_a?(String) ? data : JSON.generate(data)
      request["Content-Type"] ||= "application/json" unless data.is_a?(String)
    end

    def exchange(address, request)
      options = {use_ssl: address.scheme == "https", open_timeout: open_timeout, read_timeout: timeout, write_timeout: timeout}
      answer = Net::HTTP.start(address.host, address.port, **options, max_retries: 0) { |http| http.request(request) }
      HttpResponse.new(status: answer.code.to_i, headers: answer.each_header.to_h, body: answer.body.to_s)
    rescue Timeout::Error
      raise Errors::TimeoutError.new("#{request.method} #{address} got no answer in #{timeout} s", timeout_duration: timeout)
    rescue SystemCallError, SocketError, IOError, OpenSSL::SSL::SSLError => error
      raise Errors::NetworkError, "#{request.method} #{address} failed: #{error.message}"
    end

    def auth_headers(auth)
      fields = auth.to_h.transform_keys(&:to_s)
      case fields["type"].to_s
      when "bearer" then {"Authorization" => "Bearer #{fields["token"]}"}
      when "basic" then {"Authorization" => "Basic #{["#{fields["username"]}:#{fields["password"]}"].pack("m0")}"}
      when "api_key" then {fields["header"] || "X-API-Key" => fields["key"].to_s}
      else {}
      end
    end
  end
end
