//! What a wire message may be made of, read strictly: everything that PROTOCOL.md §3 forbids is refused here.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Integers stay within ±(2^53−1), because one of the runtimes is JavaScript.
const INTEGER_MAX: i64 = (1 << 53) - 1;

/// One value of a message.
#[derive(Debug, PartialEq)]
pub enum WireValue {
    Nil,
    Bool(bool),
    Int(i64),
    Text(String),
    Array(Vec<WireValue>),
    Map(HashMap<String, WireValue>),
}

impl WireValue {
    /// The one value of a payload; bytes after it are an error.
    pub fn decode(mut payload: &[u8]) -> Result<Self, String> {
        let mut deserializer = rmp_serde::Deserializer::new(&mut payload);
        let value = Self::deserialize(&mut deserializer).map_err(|error| error.to_string())?;
        if payload.is_empty() {
            Ok(value)
        } else {
            Err(format!("{} bytes follow the value", payload.len()))
        }
    }
}

impl<'de> Deserialize<'de> for WireValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WireVisitor)
    }
}

struct WireVisitor;

/// Floats, binary data, extension types and text that is not UTF-8 have no visit method here: serde refuses them by name.
impl<'de> Visitor<'de> for WireVisitor {
    type Value = WireValue;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("nil, a boolean, an integer, text, an array or a map")
    }

    fn visit_unit<E: Error>(self) -> Result<WireValue, E> {
        Ok(WireValue::Nil)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<WireValue, E> {
        Ok(WireValue::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<WireValue, E> {
        if (-INTEGER_MAX..=INTEGER_MAX).contains(&value) {
            Ok(WireValue::Int(value))
        } else {
            Err(E::custom("an integer lies beyond ±(2^53-1)"))
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<WireValue, E> {
        self.visit_i64(i64::try_from(value).unwrap_or(i64::MAX))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<WireValue, E> {
        Ok(WireValue::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<WireValue, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(WireValue::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<WireValue, A::Error> {
        let mut map = HashMap::new();
        while let Some(key) = entries.next_key()? {
            let WireValue::Text(key) = key else {
                return Err(A::Error::custom("a key is no string"));
            };
            map.insert(key, entries.next_value()?);
        }
        Ok(WireValue::Map(map))
    }
}
