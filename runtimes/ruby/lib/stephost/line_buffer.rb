# What one step printed to one stream: whole lines leave, the beginning of a line waits for its end.
module Stephost
  class LineBuffer
    BYTES_MAX = 8192
    # Room for the words that say that a line was cut.
    MARK_BYTES_MAX = 40

    def initialize
      @partial = String.new(encoding: Encoding::BINARY)
    end

    # Yields each line that is now complete, without its end, as clean UTF-8 of at most BYTES_MAX bytes.
    # @param text [String] of any encoding
    def append(text)
      LineBuffer.bytes_of(text).each_line do |piece|
        ended = piece.delete_suffix!("\n")
        keep(piece)
        yield take if ended
      end
    end

    # @return [String, nil] the beginning of a line that never ended
    def rest
      take unless @partial.empty?
    end

    # @return [String] UTF-8 of at most BYTES_MAX bytes; what was cut is said at the end
    def self.clip(text)
      clean = text.dup.force_encoding(Encoding::UTF_8).scrub
      return clean if clean.bytesize <= BYTES_MAX

      # The cut may split a character: what is left of it goes.
      kept = clean.byteslice(0, BYTES_MAX - MARK_BYTES_MAX).scrub("")
      "#{kept}… (cut at #{kept.bytesize} bytes)"
    end

    # @return [String] the UTF-8 bytes of a text of any encoding; what is no text stays as it is
    def self.bytes_of(text)
      return text.b if [Encoding::UTF_8, Encoding::US_ASCII, Encoding::BINARY].include?(text.encoding)

      text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).b
    rescue EncodingError
      text.b
    end

    private

    # Of a line without an end only the beginning is held, and a byte more, which tells that it must be cut.
    def keep(piece)
      room = BYTES_MAX + 1 - @partial.bytesize
      @partial << ((piece.bytesize > room) ? piece.byteslice(0, room) : piece)
    end

    def take
      line = LineBuffer.clip(@partial.delete_suffix("\r"))
      @partial = String.new(encoding: Encoding::BINARY)
      line
    end
  end
end
