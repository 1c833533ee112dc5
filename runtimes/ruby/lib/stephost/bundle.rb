# The Gemfile beside the handlers: what it names can be required, and nothing of this runtime has to stand in it.
module Stephost
  module Bundle
    class Broken < StandardError; end

    # msgpack first, because a bundle hides every gem that it does not name. All else loads after it, so that the versions
    # of the bundle win over those that come with Ruby.
    # @raise [Broken] one line with the cure
    def self.activate
      load_msgpack
      gemfile = ENV.fetch("BUNDLE_GEMFILE", "")
      set_up(gemfile) unless gemfile.empty?
    end

    def self.load_msgpack
      require "msgpack"
    rescue LoadError
      raise Broken, "Ruby's msgpack is missing. Install it: apt-get install ruby-msgpack, or: gem install msgpack"
    end
    private_class_method :load_msgpack

    def self.set_up(gemfile)
      require "bundler/setup"
    rescue LoadError, StandardError, SystemExit => error
      reason = error.message.gsub(/\e\[\d*m/, "").split("\n").map(&:strip).reject(&:empty?).first(2).join(" ")
      raise Broken, "The bundle of #{gemfile} does not load: #{reason} Install it: BUNDLE_GEMFILE=#{gemfile} bundle install"
    end
    private_class_method :set_up
  end
end
