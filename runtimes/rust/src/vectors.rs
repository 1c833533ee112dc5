//! Runs the vectors of proto/wire/vectors: the same data drives the host and every runtime.

use std::collections::{BTreeMap, HashMap};

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::json_text::{parse_document, to_json_text};
use crate::messages::{Cancel, Execute, WIRE_VERSION};
use crate::wire_value::WireValue;

const MESSAGES: &str = include_str!("../../../proto/wire/vectors/messages.json");
const VALUES: &str = include_str!("../../../proto/wire/vectors/values.json");
const DOCUMENTS: &str = include_str!("../../../proto/wire/vectors/documents.json");
const VERSION: &str = include_str!("../../../proto/wire/VERSION");

/// A vector's map as msgpack: integers as integers, numbers with a fraction as floats.
struct Plain<'a>(&'a Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_none(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Number(number) => match number.as_i64() {
                Some(value) => serializer.serialize_i64(value),
                None => serializer.serialize_f64(number.as_f64().expect("a float")),
            },
            Value::String(text) => serializer.serialize_str(text),
            Value::Array(items) => serializer.collect_seq(items.iter().map(Plain)),
            Value::Object(fields) => serializer.collect_map(fields.iter().map(|(key, value)| (key, Plain(value)))),
        }
    }
}

fn vectors(text: &str) -> Vec<Value> {
    let Value::Array(vectors) = parse_document(text).expect("vectors") else { panic!("vectors are an array") };
    assert!(!vectors.is_empty());
    vectors
}

fn name_of(vector: &Value) -> &str {
    vector["name"].as_str().expect("a name")
}

#[test]
fn execute_and_cancel_are_accepted_or_refused_as_the_vectors_say() {
    let mut seen = HashMap::from([("execute", 0), ("cancel", 0)]);
    let messages = vectors(MESSAGES);
    for vector in messages.iter().filter(|vector| vector["from"] == "host") {
        let message_type = vector["message"]["type"].as_str().unwrap_or("");
        let payload = rmp_serde::to_vec(&Plain(&vector["message"])).expect("msgpack");
        let accepted = (Execute::decode(&payload).is_ok(), Cancel::decode(&payload).is_ok());
        let good = vector["error"].is_null();
        // Any other type is for guests that have a wire: a library is told by its functions, so both must refuse it.
        assert_eq!(
            accepted,
            (good && message_type == "execute", good && message_type == "cancel"),
            "{}",
            name_of(vector)
        );
        seen.entry(message_type).and_modify(|count| *count += 1);
    }
    assert!(seen.values().all(|count| *count > 0), "{seen:?}");
}

#[test]
fn values_are_read_as_strictly_as_the_vectors_say() {
    for vector in vectors(VALUES) {
        for encoding in vector["encodings"].as_array().expect("encodings") {
            let payload = from_hex(encoding.as_str().expect("hexadecimal"));
            match (vector.get("value"), WireValue::decode(&payload)) {
                (Some(typed), Ok(value)) => {
                    assert_eq!(settled(value), settled(from_typed(typed)), "{}", name_of(&vector))
                }
                (Some(_), Err(reason)) => panic!("{} was refused: {reason}", name_of(&vector)),
                (None, outcome) => assert!(outcome.is_err(), "{}: {encoding} was accepted", name_of(&vector)),
            }
        }
    }
}

/// As readers see it: in no order, and of a key that comes twice only the last.
fn settled(value: WireValue<'_>) -> String {
    match value {
        WireValue::Map(entries) => {
            let map: BTreeMap<_, _> = entries.into_iter().map(|(key, value)| (key, settled(value))).collect();
            format!("{map:?}")
        }
        WireValue::Array(items) => format!("{:?}", items.into_iter().map(settled).collect::<Vec<_>>()),
        other => format!("{other:?}"),
    }
}

#[test]
fn what_jsonb_cannot_hold_is_not_written() {
    for vector in vectors(DOCUMENTS) {
        // The size is the host's to judge: it knows its limit.
        if vector["refused"] == "large" {
            continue;
        }
        let written = parse_document(&expanded(&vector["text"])).and_then(|value| to_json_text(&value));
        assert_eq!(written.is_ok(), vector["refused"].is_null(), "{}: {written:?}", name_of(&vector));
    }
}

#[test]
fn the_version_is_that_of_the_wire() {
    assert_eq!(VERSION.trim(), WIRE_VERSION.to_string());
}

fn from_hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("hexadecimal"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
}

fn from_typed<'a>(typed: &'a Value) -> WireValue<'a> {
    let (kind, content) = typed.as_object().and_then(|fields| fields.iter().next()).expect("a typed value");
    let items = || content.as_array().expect("an array").iter();
    let text = |value: &'a Value| value.as_str().expect("a string");
    match kind.as_str() {
        "nil" => WireValue::Nil,
        "bool" => WireValue::Bool(content.as_bool().expect("a boolean")),
        "int" => WireValue::Int(text(content).parse().expect("an integer")),
        "string" => WireValue::Text(text(content)),
        "array" => WireValue::Array(items().map(from_typed).collect()),
        "map" => WireValue::Map(items().map(|entry| (text(&entry[0]), from_typed(&entry[1]))).collect()),
        other => panic!("an unknown kind of value: {other}"),
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

/// A text of a vector: a string, `{"repeat", "times"}`, or a list of both.
fn expanded(text: &Value) -> String {
    match text {
        Value::Array(parts) => parts.iter().map(expanded).collect(),
        Value::Object(_) => text_of(&text["repeat"]).repeat(text["times"].as_u64().expect("a count") as usize),
        _ => text_of(text),
    }
}
