//! Reads a JSON value into a type of the handler's.
//!
//! serde_json's own way hands exact numbers to serde as a private map. Types that buffer (`#[serde(flatten)]`, tagged and
//! untagged enums) then see a map where a number stood. Here a number is handed over as the native one that fits: digits
//! beyond `f64` survive in a `Value` that is asked for as such, and integers beyond 64 bits in any `Value`.

use std::any::{Any, TypeId};

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, EnumAccess, IntoDeserializer, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Number, Value};

/// The value as a `T`, without copying what `T` does not keep.
pub fn read<T: DeserializeOwned + 'static>(value: &Value) -> Result<T, Error> {
    if TypeId::of::<T>() == TypeId::of::<Value>() {
        let mut copy: Option<Value> = Some(value.clone());
        if let Some(exact) = (&mut copy as &mut dyn Any).downcast_mut::<Option<T>>().and_then(Option::take) {
            return Ok(exact);
        }
    }
    T::deserialize(Reader(value))
}

#[derive(Clone, Copy)]
struct Reader<'de>(&'de Value);

impl<'de> IntoDeserializer<'de, Error> for Reader<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => visit_number(number, visitor),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => {
                let mut sequence = SeqDeserializer::new(items.iter().map(Reader));
                let value = visitor.visit_seq(&mut sequence)?;
                sequence.end().map(|()| value)
            }
            Value::Object(fields) => {
                let mut map = MapDeserializer::new(fields.iter().map(|(key, value)| (key.as_str(), Reader(value))));
                let value = visitor.visit_map(&mut map)?;
                map.end().map(|()| value)
            }
        }
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_i128(visitor)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_u128(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Object(fields) if fields.len() == 1 => match fields.iter().next() {
                Some((variant, content)) => visitor.visit_enum(Variant { variant, content }),
                None => self.0.deserialize_enum(name, variants, visitor),
            },
            // A bare name, or nothing that is a variant: serde_json's own words for it are good.
            _ => self.0.deserialize_enum(name, variants, visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

fn visit_number<'de, V: Visitor<'de>>(number: &'de Number, visitor: V) -> Result<V::Value, Error> {
    if let Some(value) = number.as_u64() {
        return visitor.visit_u64(value);
    }
    if let Some(value) = number.as_i64() {
        return visitor.visit_i64(value);
    }
    match number.as_f64() {
        Some(value) if number.as_str().contains(['.', 'e', 'E']) => visitor.visit_f64(value),
        // An integer beyond 64 bits, or beyond every float.
        _ => number.deserialize_any(visitor),
    }
}

/// One variant with its content, `{"variant": content}`.
struct Variant<'de> {
    variant: &'de str,
    content: &'de Value,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Error;
    type Variant = Reader<'de>;

    fn variant_seed<S: serde::de::DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), Error> {
        Ok((seed.deserialize(self.variant.into_deserializer())?, Reader(self.content)))
    }
}

impl<'de> VariantAccess<'de> for Reader<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        serde::Deserialize::deserialize(self)
    }

    fn newtype_variant_seed<S: serde::de::DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json_text::{parse_document, to_json_text};
    use serde::Deserialize;

    fn from_text<T: DeserializeOwned + 'static>(text: &str) -> T {
        read(&parse_document(text).expect("a document")).expect("a value of the type")
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Payment {
        Card { cents: i64, rate: f64 },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Amount {
        Whole(u64),
        Text(String),
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Order {
        id: Option<u8>,
        #[serde(flatten)]
        rest: Rest,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Rest {
        total: i64,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    enum Shape {
        Empty,
        Circle(f64),
        Box { width: u32 },
    }

    #[test]
    fn numbers_reach_types_that_buffer() {
        let payment: Payment = from_text(r#"{"kind":"card","cents":5,"rate":0.50}"#);
        assert_eq!(payment, Payment::Card { cents: 5, rate: 0.5 });
        assert_eq!(from_text::<Vec<Amount>>(r#"[7,"x"]"#), [Amount::Whole(7), Amount::Text("x".to_owned())]);
        assert_eq!(from_text::<Order>(r#"{"id":null,"total":-3}"#), Order { id: None, rest: Rest { total: -3 } });
    }

    #[test]
    fn enums_of_every_shape() {
        assert_eq!(from_text::<Shape>(r#""Empty""#), Shape::Empty);
        assert_eq!(from_text::<Shape>(r#"{"Circle":1.5}"#), Shape::Circle(1.5));
        assert_eq!(from_text::<Shape>(r#"{"Box":{"width":2}}"#), Shape::Box { width: 2 });
    }

    #[test]
    fn a_value_stays_exact() {
        let text = r#"[1.0,1.50,9223372036854775807,123456789012345678901234567890,0.1]"#;
        assert_eq!(to_json_text(&from_text::<Value>(text)).expect("a result"), text);
        assert_eq!(from_text::<Vec<Value>>("[1.0,123456789012345678901234567890]").len(), 2);
        assert_eq!(from_text::<(f64, f64)>("[1,1.50]"), (1.0, 1.5));
        assert_eq!(from_text::<i128>("123456789012345678901234567890"), 123_456_789_012_345_678_901_234_567_890);
        assert_eq!(from_text::<i64>("-9223372036854775808"), i64::MIN);
    }

    #[test]
    fn a_wrong_type_is_an_error() {
        assert!(read::<u8>(&parse_document("300").expect("a document")).is_err());
        assert!(read::<String>(&parse_document("1").expect("a document")).is_err());
        assert!(read::<(u8, u8)>(&parse_document("[1,2,3]").expect("a document")).is_err());
    }
}
