//! Log lines on their way to the host: whatever uses the `log` crate in this library, tagged with the step of its thread.

use std::cell::RefCell;
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use log::kv::{Key, Source, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::abi::HostRef;
use crate::json_text::to_json_text;
use crate::messages::{self, LogLine};

/// Bytes of one line (PROTOCOL.md §6); what is longer is cut, and marked.
const LINE_BYTES_MAX: usize = 8192;
const CUT_MARK: &str = " …";
/// Lines of this library in one second; the rest is counted and said in one line (PROTOCOL.md §3.1).
const LINES_PER_SECOND_MAX: u32 = 1000;
const SECOND: Duration = Duration::from_secs(1);

thread_local! {
    static STEP: RefCell<Option<(HostRef, String)>> = const { RefCell::new(None) };
}

/// The host that called last: lines of threads that run no step go there.
static LAST_HOST: Mutex<Option<HostRef>> = Mutex::new(None);
static RATE: Mutex<Option<Rate>> = Mutex::new(None);
static SINK: LogSink = LogSink;
static INSTALLED: Once = Once::new();

/// The step of this thread until it is dropped; then the one from before.
pub struct StepGuard(Option<(HostRef, String)>);

/// Tags the lines of this thread.
pub fn enter_step(host: Option<HostRef>, step_uuid: &str) -> StepGuard {
    INSTALLED.call_once(install);
    let step = host.map(|host| (host, step_uuid.to_owned()));
    if host.is_some() {
        *LAST_HOST.lock().unwrap_or_else(PoisonError::into_inner) = host;
    }
    StepGuard(STEP.replace(step))
}

impl Drop for StepGuard {
    fn drop(&mut self) {
        STEP.replace(self.0.take());
    }
}

/// A library that brings a logger of its own keeps it.
fn install() {
    if log::set_logger(&SINK).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
}

struct LogSink;

impl Log for LogSink {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Debug
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let step = STEP.with_borrow(Clone::clone);
        let host = match &step {
            Some((host, _)) => Some(*host),
            None => *LAST_HOST.lock().unwrap_or_else(PoisonError::into_inner),
        };
        let Some(host) = host else { return };
        let dropped = match Rate::pass(Instant::now()) {
            Passage::Refused => return,
            Passage::Open => 0,
            Passage::OpenAgain(dropped) => dropped,
        };
        if dropped > 0 {
            send(host, None, "warn", &format!("{dropped} log lines of one second were dropped"), None);
        }
        let step_uuid = step.as_ref().map(|(_, step_uuid)| step_uuid.as_str());
        let fields = fields_of(record.key_values());
        send(host, step_uuid, level_word(record.level()), &record.args().to_string(), fields.as_deref());
    }

    fn flush(&self) {}
}

fn send(host: HostRef, step_uuid: Option<&str>, level: &'static str, text: &str, fields: Option<&str>) {
    let line = LogLine { message_type: "log", step_uuid, stream: "log", level, message: &cut(text), fields };
    // A line that does not fit or that nobody takes is lost: logging must not fail a step.
    if let Ok(message) = messages::encode(&line) {
        let _ = host.send(&message);
    }
}

fn level_word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug | Level::Trace => "debug",
    }
}

fn cut(text: &str) -> String {
    if text.len() <= LINE_BYTES_MAX {
        return text.to_owned();
    }
    let mut end = LINE_BYTES_MAX - CUT_MARK.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{CUT_MARK}", &text[..end])
}

/// The fields of `info!(order = 5; "charged")` as an object; `None` without fields, or when JSON cannot hold them.
fn fields_of(source: &dyn Source) -> Option<String> {
    struct Collect(serde_json::Map<String, serde_json::Value>);
    impl<'kvs> VisitSource<'kvs> for Collect {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
            let value = serde_json::to_value(&value).unwrap_or_else(|_| serde_json::Value::String(value.to_string()));
            self.0.insert(key.to_string(), value);
            Ok(())
        }
    }
    let mut fields = Collect(serde_json::Map::new());
    source.visit(&mut fields).ok()?;
    if fields.0.is_empty() {
        return None;
    }
    to_json_text(&fields.0).ok()
}

/// Lines of the second that began at `since`.
struct Rate {
    since: Instant,
    lines: u32,
    dropped: u64,
}

#[derive(Debug, PartialEq)]
enum Passage {
    Open,
    /// The first line of a new second, after so many were dropped.
    OpenAgain(u64),
    Refused,
}

impl Rate {
    fn pass(now: Instant) -> Passage {
        let mut rate = RATE.lock().unwrap_or_else(PoisonError::into_inner);
        rate.get_or_insert(Self { since: now, lines: 0, dropped: 0 }).count(now)
    }

    fn count(&mut self, now: Instant) -> Passage {
        if now.duration_since(self.since) >= SECOND {
            let dropped = self.dropped;
            *self = Self { since: now, lines: 1, dropped: 0 };
            return if dropped > 0 { Passage::OpenAgain(dropped) } else { Passage::Open };
        }
        if self.lines >= LINES_PER_SECOND_MAX {
            self.dropped += 1;
            return Passage::Refused;
        }
        self.lines += 1;
        Passage::Open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let line = cut(&"é".repeat(LINE_BYTES_MAX));
        assert!(line.len() <= LINE_BYTES_MAX && line.ends_with(CUT_MARK));
        assert_eq!(cut("short"), "short");
    }

    #[test]
    fn a_flood_is_dropped_and_counted() {
        let start = Instant::now();
        let mut rate = Rate { since: start, lines: 0, dropped: 0 };
        for _ in 0..LINES_PER_SECOND_MAX {
            assert_eq!(rate.count(start), Passage::Open);
        }
        assert_eq!(rate.count(start), Passage::Refused);
        assert_eq!(rate.count(start + SECOND), Passage::OpenAgain(1));
        assert_eq!(rate.count(start + SECOND), Passage::Open);
    }

    #[test]
    fn fields_are_an_object() {
        let pairs: [(&str, i64); 1] = [("order", 5)];
        assert_eq!(fields_of(&pairs).as_deref(), Some(r#"{"order":5}"#));
        let none: [(&str, i64); 0] = [];
        assert_eq!(fields_of(&none), None);
    }
}
