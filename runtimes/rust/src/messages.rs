//! The messages of the wire (proto/wire/PROTOCOL.md §3): what the host sends, and what this library answers.

use std::time::Duration;

use serde::Serialize;

use crate::wire_value::WireValue;
use crate::CancelReason;

/// The version of the wire; `proto/wire/VERSION` says the same.
pub const WIRE_VERSION: u32 = 2;

/// A call of a handler.
#[derive(Debug)]
pub struct Execute {
    pub call_id: String,
    pub is_batch: bool,
    pub callable: String,
    pub method: Option<String>,
    pub time_left: Duration,
    pub requests: Vec<Request>,
}

/// One step of a call. The four documents are JSON text.
#[derive(Debug)]
pub struct Request {
    pub step_uuid: String,
    pub task_uuid: String,
    pub correlation_id: String,
    pub step_name: String,
    pub attempts: u32,
    pub task: String,
    pub workflow_step: String,
    pub dependency_results: String,
    pub step_definition: String,
}

/// The host asks a call to stop.
#[derive(Debug)]
pub struct Cancel {
    pub call_id: String,
    pub reason: CancelReason,
}

/// The fields of one map; taking a field moves it out, so that documents are not copied again.
struct Fields<'a>(Vec<(&'a str, WireValue<'a>)>);

impl<'a> Fields<'a> {
    fn of(value: WireValue<'a>) -> Result<Self, String> {
        match value {
            WireValue::Map(map) => Ok(Self(map)),
            _ => Err("a map is needed".to_owned()),
        }
    }

    /// The fields of a message of this type.
    fn of_message(payload: &'a [u8], message_type: &str) -> Result<Self, String> {
        let mut fields = Self::of(WireValue::decode(payload)?)?;
        let found = fields.text("type")?;
        if found == message_type {
            Ok(fields)
        } else {
            Err(format!("the type is {found:?}, not {message_type:?}"))
        }
    }

    /// Of a key that comes twice, the last.
    fn take(&mut self, name: &str) -> Option<WireValue<'a>> {
        let index = self.0.iter().rposition(|(key, _)| *key == name)?;
        Some(std::mem::replace(&mut self.0[index].1, WireValue::Nil))
    }

    fn text(&mut self, name: &str) -> Result<String, String> {
        self.optional_text(name)?.ok_or_else(|| format!("{name} must be a string"))
    }

    fn optional_text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.take(name) {
            None | Some(WireValue::Nil) => Ok(None),
            Some(WireValue::Text(text)) => Ok(Some(text.to_owned())),
            Some(_) => Err(format!("{name} must be a string")),
        }
    }

    fn natural(&mut self, name: &str) -> Result<u64, String> {
        let value = match self.take(name) {
            Some(WireValue::Int(value)) => u64::try_from(value).ok(),
            _ => None,
        };
        value.ok_or_else(|| format!("{name} must be an integer of at least 0"))
    }

    fn boolean(&mut self, name: &str) -> Result<bool, String> {
        match self.take(name) {
            Some(WireValue::Bool(value)) => Ok(value),
            _ => Err(format!("{name} must be true or false")),
        }
    }

    fn array(&mut self, name: &str) -> Result<Vec<WireValue<'a>>, String> {
        match self.take(name) {
            Some(WireValue::Array(items)) => Ok(items),
            _ => Err(format!("{name} must be an array")),
        }
    }
}

impl Execute {
    /// # Errors
    /// What is wrong with the message, for `bad_message`.
    pub fn decode(payload: &[u8]) -> Result<Self, String> {
        let mut fields = Fields::of_message(payload, "execute")?;
        let mode = fields.text("mode")?;
        let requests = fields.array("requests")?.into_iter().map(Request::read).collect::<Result<Vec<_>, _>>()?;
        match mode.as_str() {
            "single" | "publish" | "published" | "deliver" if requests.len() != 1 => {
                return Err(format!("{mode} takes one request"));
            }
            "single" | "batch" => {}
            // Checked like every mode; crates announce neither publishers nor subscribers, so none of these is ever for them.
            "publish" | "published" | "deliver" => drop(fields.text("event")?),
            _ => return Err(format!("no mode is called {mode:?}")),
        }
        fields.optional_text("event")?;
        // The resolver chooses among several ways to find a handler; here there is one.
        fields.optional_text("resolver")?;
        // Checked like every field, though handlers in the host have no use for it yet.
        fields.optional_text("traceparent")?;
        Ok(Self {
            call_id: fields.text("call_id")?,
            is_batch: mode == "batch",
            callable: fields.text("callable")?,
            method: fields.optional_text("method")?,
            time_left: Duration::from_millis(fields.natural("deadline_ms")?),
            requests,
        })
    }
}

impl Request {
    /// A request with nothing but dependency results, for tests.
    #[cfg(test)]
    pub fn with_dependencies(dependency_results: String) -> Self {
        let empty = || "{}".to_owned();
        Self {
            step_uuid: "s1".to_owned(),
            task_uuid: "t1".to_owned(),
            correlation_id: "k1".to_owned(),
            step_name: "step".to_owned(),
            attempts: 0,
            task: empty(),
            workflow_step: empty(),
            dependency_results,
            step_definition: empty(),
        }
    }

    fn read(value: WireValue<'_>) -> Result<Self, String> {
        let mut fields = Fields::of(value)?;
        Ok(Self {
            step_uuid: fields.text("step_uuid")?,
            task_uuid: fields.text("task_uuid")?,
            correlation_id: fields.text("correlation_id")?,
            step_name: fields.text("step_name")?,
            attempts: u32::try_from(fields.natural("attempts")?).unwrap_or(u32::MAX),
            task: fields.text("task")?,
            workflow_step: fields.text("workflow_step")?,
            dependency_results: fields.text("dependency_results")?,
            step_definition: fields.text("step_definition")?,
        })
    }
}

impl Cancel {
    /// # Errors
    /// What is wrong with the message, for `bad_message`.
    pub fn decode(payload: &[u8]) -> Result<Self, String> {
        let mut fields = Fields::of_message(payload, "cancel")?;
        let reason = match fields.text("reason")?.as_str() {
            "timeout" => CancelReason::Timeout,
            "shutdown" => CancelReason::Shutdown,
            "lease_lost" => CancelReason::LeaseLost,
            _ => return Err("reason must be timeout, shutdown or lease_lost".to_owned()),
        };
        // The host counts the grace; here it only has to be there.
        fields.natural("grace_ms")?;
        Ok(Self { call_id: fields.text("call_id")?, reason })
    }
}

/// What this library announces.
#[derive(Serialize)]
pub struct Hello<'a> {
    #[serde(rename = "type")]
    pub message_type: &'static str,
    pub protocol: u32,
    pub runtime: &'static str,
    pub sdk_version: &'a str,
    pub language_version: &'a str,
    pub pid: u32,
    pub watch: bool,
    pub max_in_flight: u32,
    pub handlers: Vec<AnnouncedHandler<'a>>,
    pub load_failures: Vec<AnnouncedFailure<'a>>,
}

#[derive(Serialize)]
pub struct AnnouncedHandler<'a> {
    pub callable: &'a str,
    pub aliases: Vec<String>,
    pub file: &'a str,
    pub root: &'a str,
    pub version: &'a str,
    pub capabilities: Vec<&'static str>,
    pub on_crash: &'static str,
    pub depends_on: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<AnnouncedBatch>,
}

#[derive(Serialize)]
pub struct AnnouncedBatch {
    pub max_size: u32,
    pub max_wait_ms: u64,
}

#[derive(Serialize)]
pub struct AnnouncedFailure<'a> {
    pub file: &'a str,
    pub message: &'a str,
}

/// One line for the host's log.
#[derive(Serialize)]
pub struct LogLine<'a> {
    #[serde(rename = "type")]
    pub message_type: &'static str,
    pub step_uuid: Option<&'a str>,
    pub stream: &'static str,
    pub level: &'static str,
    pub message: &'a str,
    pub fields: Option<&'a str>,
}

/// What a step leaves for its next run; answered by [`Checkpointed`].
#[derive(Serialize)]
pub struct Checkpoint<'a> {
    #[serde(rename = "type")]
    pub message_type: &'static str,
    pub call_id: &'a str,
    pub step_uuid: &'a str,
    pub checkpoint_id: u64,
    pub data: &'a str,
}

/// The host's word on a checkpoint.
#[derive(Debug)]
pub struct Checkpointed {
    pub stored: bool,
    pub message: Option<String>,
}

impl Checkpointed {
    /// # Errors
    /// What is wrong with the message.
    pub fn decode(payload: &[u8]) -> Result<Self, String> {
        let mut fields = Fields::of_message(payload, "checkpointed")?;
        Ok(Self { stored: fields.boolean("stored")?, message: fields.optional_text("message")? })
    }
}

/// The answer to one `execute`.
#[derive(Serialize)]
pub struct ResultMessage<'a> {
    #[serde(rename = "type")]
    pub message_type: &'static str,
    pub call_id: &'a str,
    pub results: Vec<ResultEntry>,
}

/// The outcome of one request: `result` on success, `error` on failure.
#[derive(Debug, Serialize)]
pub struct ResultEntry {
    pub step_uuid: String,
    pub success: bool,
    pub execution_time_ms: u64,
    pub metadata: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ResultOutcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ResultError>,
}

/// What a success asks for beyond its result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResultOutcome {
    pub kind: &'static str,
    pub document: String,
}

#[derive(Debug, Serialize)]
pub struct ResultError {
    pub message: String,
    pub error_type: String,
    pub error_code: Option<String>,
    pub retryable: bool,
    pub retry_after_s: Option<u64>,
    pub backtrace: Vec<String>,
    pub context: String,
}

/// The bytes of a message.
///
/// # Errors
/// The encoder's own words; no message of this file is known to cause it.
pub fn encode<M: Serialize>(message: &M) -> Result<Vec<u8>, String> {
    rmp_serde::to_vec_named(message).map_err(|error| error.to_string())
}
