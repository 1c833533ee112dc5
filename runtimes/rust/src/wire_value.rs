//! What a wire message may be made of, read strictly: everything that PROTOCOL.md §3 forbids is refused here.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Integers stay within ±(2^53−1), because one of the runtimes is JavaScript.
const INTEGER_MAX: i64 = (1 << 53) - 1;

/// Room made before a map is read; a message may announce more than it has.
const ENTRIES_EXPECTED: usize = 16;

/// One value of a message; texts are those of the payload.
#[derive(Debug, PartialEq)]
pub enum WireValue<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    Text(&'a str),
    Array(Vec<WireValue<'a>>),
    /// In the order of the message; of a key that comes twice, the last counts.
    Map(Vec<(&'a str, WireValue<'a>)>),
}

impl<'a> WireValue<'a> {
    /// The one value of a payload; bytes after it are an error.
    pub fn decode(payload: &'a [u8]) -> Result<Self, String> {
        let mut deserializer = rmp_serde::Deserializer::from_read_ref(payload);
        let value = Self::deserialize(&mut deserializer).map_err(|error| error.to_string())?;
        // Without a byte left there is no marker of another value to read.
        match IgnoredAny::deserialize(&mut deserializer) {
            Err(rmp_serde::decode::Error::InvalidMarkerRead(_)) => Ok(value),
            _ => Err("bytes follow the value".to_owned()),
        }
    }
}

impl<'de> Deserialize<'de> for WireValue<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WireVisitor)
    }
}

struct WireVisitor;

/// Floats, binary data, extension types and text that is not UTF-8 have no visit method here: serde refuses them by name.
impl<'de> Visitor<'de> for WireVisitor {
    type Value = WireValue<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("nil, a boolean, an integer, text, an array or a map")
    }

    fn visit_unit<E: Error>(self) -> Result<WireValue<'de>, E> {
        Ok(WireValue::Nil)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<WireValue<'de>, E> {
        Ok(WireValue::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<WireValue<'de>, E> {
        if (-INTEGER_MAX..=INTEGER_MAX).contains(&value) {
            Ok(WireValue::Int(value))
        } else {
            Err(E::custom("an integer lies beyond ±(2^53-1)"))
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<WireValue<'de>, E> {
        self.visit_i64(i64::try_from(value).unwrap_or(i64::MAX))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<WireValue<'de>, E> {
        Ok(WireValue::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<WireValue<'de>, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(WireValue::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<WireValue<'de>, A::Error> {
        let mut map = Vec::with_capacity(entries.size_hint().unwrap_or(0).min(ENTRIES_EXPECTED));
        while let Some(key) = entries.next_key()? {
            let WireValue::Text(key) = key else {
                return Err(A::Error::custom("a key is no string"));
            };
            map.push((key, entries.next_value()?));
        }
        Ok(WireValue::Map(map))
    }
}
