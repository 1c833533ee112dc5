//! JSON documents as text: numbers keep their digits, and what jsonb cannot hold is refused before it is sent.

use std::fmt;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::ser::{CharEscape, Formatter};
use serde_json::{Deserializer, Serializer, Value};

/// Levels of nesting in a result (PROTOCOL.md §5).
const RESULT_DEPTH_MAX: usize = 200;
/// Levels of nesting in a document from the host; deeper ones could exhaust the stack of the thread.
const DOCUMENT_DEPTH_MAX: usize = 1_000;
/// Decimal places that PostgreSQL's numeric can hold before and after the point.
const NUMERIC_DIGITS_MAX: i64 = 131_072;
const NUMERIC_SCALE_MAX: i64 = 16_383;

/// Why a value cannot become a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidDocument(pub String);

impl fmt::Display for InvalidDocument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The text of one JSON value, as jsonb can hold it.
pub fn to_json_text<T: Serialize + ?Sized>(value: &T) -> Result<String, InvalidDocument> {
    let mut bytes = Vec::with_capacity(128);
    let mut serializer = Serializer::with_formatter(&mut bytes, ExactFormatter { depth: 0 });
    value.serialize(&mut serializer).map_err(|error| InvalidDocument(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| InvalidDocument(error.to_string()))
}

/// The text of one JSON object; anything else is refused.
pub fn to_object_text<T: Serialize + ?Sized>(value: &T) -> Result<String, InvalidDocument> {
    let text = to_json_text(value)?;
    if text.starts_with('{') {
        Ok(text)
    } else {
        Err(InvalidDocument(format!("an object is needed, not {}", text.chars().take(40).collect::<String>())))
    }
}

/// The value of a document that the host sent.
pub fn parse_document(text: &str) -> Result<Value, InvalidDocument> {
    if depth_of(text) > DOCUMENT_DEPTH_MAX {
        return Err(InvalidDocument(format!("it nests deeper than {DOCUMENT_DEPTH_MAX} levels")));
    }
    let mut deserializer = Deserializer::from_str(text);
    deserializer.disable_recursion_limit();
    let value = Value::deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| InvalidDocument(error.to_string()))
}

/// The deepest nesting of brackets outside strings.
fn depth_of(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

struct ExactFormatter {
    depth: usize,
}

impl ExactFormatter {
    fn enter(&mut self) -> io::Result<()> {
        self.depth += 1;
        if self.depth > RESULT_DEPTH_MAX {
            return Err(refuse(format!("it nests deeper than {RESULT_DEPTH_MAX} levels")));
        }
        Ok(())
    }
}

impl Formatter for ExactFormatter {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.enter()?;
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"]")
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.enter()?;
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"}")
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        if matches!(escape, CharEscape::AsciiControl(0)) {
            return Err(refuse("it holds a NUL character, which jsonb cannot store".to_owned()));
        }
        // The formatter that serde_json uses by default knows every other escape.
        serde_json::ser::CompactFormatter.write_char_escape(writer, escape)
    }

    fn write_f32<W: ?Sized + Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        writer.write_all(positional(&format!("{value:?}"))?.as_bytes())
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(positional(&format!("{value:?}"))?.as_bytes())
    }

    fn write_number_str<W: ?Sized + Write>(&mut self, writer: &mut W, value: &str) -> io::Result<()> {
        writer.write_all(positional(value)?.as_bytes())
    }
}

fn refuse(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// A number without exponent: jsonb would turn `1e16` into an integer, so a float is written out with `.0`.
fn positional(number: &str) -> io::Result<String> {
    let Some((mantissa, exponent)) = number.split_once(['e', 'E']) else {
        return Ok(number.to_owned());
    };
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |digits| ("-", digits));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.parse::<i64>().ok().filter(|exponent| exponent.abs() <= NUMERIC_DIGITS_MAX);
    let Some(point) = exponent.map(|exponent| whole.len() as i64 + exponent) else {
        return Err(refuse(format!("the number {number} is beyond what jsonb can hold")));
    };
    let digits = format!("{whole}{fraction}");
    if point > NUMERIC_DIGITS_MAX || digits.len() as i64 - point > NUMERIC_SCALE_MAX {
        return Err(refuse(format!("the number {number} is beyond what jsonb can hold")));
    }
    Ok(if point <= 0 {
        format!("{sign}0.{}{digits}", "0".repeat(point.unsigned_abs() as usize))
    } else if point as usize >= digits.len() {
        format!("{sign}{digits}{}.0", "0".repeat(point as usize - digits.len()))
    } else {
        let (whole, fraction) = digits.split_at(point as usize);
        format!("{sign}{whole}.{fraction}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rewritten(text: &str) -> String {
        to_json_text(&parse_document(text).expect("a document")).expect("a result")
    }

    #[test]
    fn numbers_keep_their_digits() {
        for text in ["1.0", "9223372036854775807", "1234567890123456789012345678901234567890", "-0.10", "0.1000"] {
            assert_eq!(rewritten(text), text);
        }
    }

    #[test]
    fn numbers_are_written_without_exponent() {
        for (text, expected) in [("1e16", "10000000000000000.0"), ("1.5e-3", "0.0015"), ("-12.5E1", "-125.0")] {
            assert_eq!(rewritten(text), expected);
        }
        assert_eq!(to_json_text(&1e16_f64).expect("a float"), "10000000000000000.0");
        assert_eq!(to_json_text(&json!(2.5e17)).expect("a float"), "250000000000000000.0");
        assert_eq!(to_json_text(&1.25_f32).expect("a float"), "1.25");
        assert_eq!(rewritten("1.25e1"), "12.5");
    }

    #[test]
    fn what_jsonb_cannot_hold_is_refused_with_the_reason() {
        let nul = to_json_text(&json!({ "value": "a\0b" })).expect_err("NUL");
        assert!(nul.0.contains("NUL"), "{nul}");
        let huge = to_json_text(&parse_document("1e200000").expect("a document")).expect_err("too large");
        assert!(huge.0.contains("1e"), "{huge}");
        let deep = (0..201).fold(json!(1), |inner, _| json!([inner]));
        assert!(to_json_text(&deep).expect_err("depth").0.contains("200"));
    }

    #[test]
    fn an_escaped_backslash_before_u0000_is_no_nul() {
        assert_eq!(rewritten(r#""\\u0000""#), r#""\\u0000""#);
    }

    #[test]
    fn only_an_object_is_an_object() {
        assert_eq!(to_object_text(&json!({ "a": 1 })), Ok(r#"{"a":1}"#.to_owned()));
        assert!(to_object_text(&json!([1])).is_err());
    }

    #[test]
    fn a_document_that_would_exhaust_the_stack_is_refused() {
        let text = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(parse_document(&text).is_err());
        let brackets_in_a_string = format!("\"{}\"", "[".repeat(100_000));
        assert!(parse_document(&brackets_in_a_string).is_ok());
    }
}
