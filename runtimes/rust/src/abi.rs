//! The C ABI of `native/include/step_handler.h`, and the only file with `unsafe`. Authors use `export_handlers!` instead.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::sync::OnceLock;

use crate::cancellation::RunningCalls;
use crate::executor;
use crate::messages::{self, AnnouncedBatch, AnnouncedFailure, AnnouncedHandler, Cancel, Execute, Hello, WIRE_VERSION};
use crate::panic_wall::behind_wall;
use crate::Registry;

/// `STEPHOST_HANDLER_ABI_VERSION`.
pub const ABI_VERSION: u32 = 2;

/// `stephost_code`.
type Code = i32;
const OK: Code = 0;
const NULL_POINTER: Code = 1;
const BAD_MESSAGE: Code = 2;
const NO_SUCH_CALL: Code = 3;
const INTERNAL: Code = 4;

/// `stephost_buffer`: here a boxed slice that was given away.
#[repr(C)]
pub struct Buffer {
    data: *const u8,
    length: usize,
    owner: usize,
}

/// `stephost_host`.
#[repr(C)]
pub struct Host {
    abi_version: u32,
    struct_size: u32,
    user_data: *mut c_void,
    send: unsafe extern "C" fn(*mut c_void, *const u8, usize) -> Code,
    ask: unsafe extern "C" fn(*mut c_void, *const u8, usize, *mut Buffer) -> Code,
    free: unsafe extern "C" fn(*const Buffer),
}

/// The host of a call, as safe functions. It may be used at any time: the host keeps its struct as long as the process lives.
#[derive(Clone, Copy, Debug)]
pub struct HostRef(&'static Host);

// SAFETY: the host promises that its functions may be called on any thread, and it never changes or frees its struct.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

impl std::fmt::Debug for Host {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Host")
    }
}

impl HostRef {
    /// Hands over one `log` message.
    ///
    /// # Errors
    /// The code why the host does not take it.
    pub fn send(self, message: &[u8]) -> Result<(), i32> {
        // SAFETY: the host's own function and first argument; the message is valid until it returns.
        match unsafe { (self.0.send)(self.0.user_data, message.as_ptr(), message.len()) } {
            OK => Ok(()),
            code => Err(code),
        }
    }

    /// Hands over one `checkpoint` message and blocks until its answer is there.
    ///
    /// # Errors
    /// The code why there is none.
    pub fn ask(self, message: &[u8]) -> Result<Vec<u8>, i32> {
        let mut out = Buffer { data: std::ptr::null(), length: 0, owner: 0 };
        // SAFETY: as in `send`, and `out` is writable.
        let code = unsafe { (self.0.ask)(self.0.user_data, message.as_ptr(), message.len(), &raw mut out) };
        if code != OK {
            return Err(code);
        }
        // SAFETY: the host wrote `out`, so its data is null or valid for its length until it is freed below.
        let answer = unsafe { slice_of(out.data, out.length) }.unwrap_or_default().to_vec();
        // SAFETY: the buffer that the host wrote, unchanged, once.
        unsafe { (self.0.free)(&raw const out) };
        Ok(answer)
    }
}

/// `stephost_handler_table`.
#[repr(C)]
pub struct HandlerTable {
    abi_version: u32,
    struct_size: u32,
    list: unsafe extern "C" fn(*mut Buffer) -> Code,
    execute: unsafe extern "C" fn(*const Host, *const u8, usize, *mut Buffer) -> Code,
    cancel: unsafe extern "C" fn(*const u8, usize) -> Code,
    free: unsafe extern "C" fn(*const Buffer),
}

/// `STEPHOST_HANDLER_TABLE_SIZE`; the header asserts the same number in C++.
const TABLE_SIZE: usize = 40;
const _: () = assert!(size_of::<HandlerTable>() == TABLE_SIZE);
/// `STEPHOST_HOST_SIZE`.
const HOST_SIZE: usize = 40;
const _: () = assert!(size_of::<Host>() == HOST_SIZE);
const _: () = assert!(size_of::<Buffer>() == 24);

static TABLE: HandlerTable = HandlerTable {
    abi_version: ABI_VERSION,
    struct_size: TABLE_SIZE as u32,
    list: list_handlers,
    execute: execute_call,
    cancel: cancel_call,
    free: free_buffer,
};

struct Library {
    registry: Registry,
    calls: RunningCalls,
}

/// One per library: each `cdylib` has its own copy of this crate.
static LIBRARY: OnceLock<Library> = OnceLock::new();

/// Builds the registry on the first call and gives the table; what `export_handlers!` exports.
pub fn export(build: fn() -> Registry) -> *const HandlerTable {
    LIBRARY.get_or_init(|| {
        let registry = behind_wall(build).unwrap_or_else(|panic| {
            Registry::default().with_problem(format!("Building the handlers panicked: {}", panic.message))
        });
        Library { registry, calls: RunningCalls::default() }
    });
    &raw const TABLE
}

unsafe extern "C" fn list_handlers(out: *mut Buffer) -> Code {
    let answer = || {
        let library = LIBRARY.get().ok_or(INTERNAL)?;
        messages::encode(&hello(&library.registry)).map_err(|_| INTERNAL)
    };
    // SAFETY: the host promises that `out` is null or writable (step_handler.h).
    unsafe { answer_into(out, answer) }
}

unsafe extern "C" fn execute_call(host: *const Host, message: *const u8, length: usize, out: *mut Buffer) -> Code {
    // SAFETY: the host promises that `host` is null or its struct, which lives as long as the process.
    let host: Option<&'static Host> = unsafe { host.as_ref() };
    // SAFETY: the host promises that `message` is null or `length` bytes that stay unchanged until this function returns.
    let bytes = unsafe { slice_of(message, length) };
    let answer = || {
        let library = LIBRARY.get().ok_or(INTERNAL)?;
        let call = Execute::decode(bytes.ok_or(NULL_POINTER)?).map_err(|_| BAD_MESSAGE)?;
        let host = HostRef(host.ok_or(NULL_POINTER)?);
        executor::execute(&library.registry, &library.calls, call, Some(host)).map_err(|_| INTERNAL)
    };
    // SAFETY: the host promises that `out` is null or writable.
    unsafe { answer_into(out, answer) }
}

unsafe extern "C" fn cancel_call(message: *const u8, length: usize) -> Code {
    // SAFETY: the host promises that `message` is null or `length` bytes that stay unchanged until this function returns.
    let bytes = unsafe { slice_of(message, length) };
    let outcome = behind_wall(|| {
        let library = LIBRARY.get().ok_or(INTERNAL)?;
        let cancel = Cancel::decode(bytes.ok_or(NULL_POINTER)?).map_err(|_| BAD_MESSAGE)?;
        Ok(if library.calls.cancel(&cancel.call_id, cancel.reason) { OK } else { NO_SUCH_CALL })
    });
    outcome.unwrap_or(Err(INTERNAL)).unwrap_or_else(|code| code)
}

unsafe extern "C" fn free_buffer(buffer: *const Buffer) {
    // SAFETY: the host promises that `buffer` is null or points to a buffer that this library filled and nobody freed.
    let Some(buffer) = (unsafe { buffer.as_ref() }) else { return };
    if buffer.data.is_null() {
        return;
    }
    let bytes = std::ptr::slice_from_raw_parts_mut(buffer.data.cast_mut(), buffer.length);
    // SAFETY: data and length are those of the box that `answer_into` gave away; the host hands them back unchanged, once.
    drop(unsafe { Box::from_raw(bytes) });
}

/// Writes the answer to `out`, or gives the code why there is none. No panic leaves this function.
///
/// # Safety
/// `out` is null or valid for writing one `Buffer`.
unsafe fn answer_into(out: *mut Buffer, answer: impl FnOnce() -> Result<Vec<u8>, Code>) -> Code {
    if out.is_null() {
        return NULL_POINTER;
    }
    match behind_wall(answer) {
        Ok(Ok(bytes)) => {
            let length = bytes.len();
            let data = Box::into_raw(bytes.into_boxed_slice()).cast::<u8>();
            // SAFETY: `out` is not null, and by the caller's promise writable.
            unsafe { out.write(Buffer { data, length, owner: 0 }) };
            OK
        }
        Ok(Err(code)) => code,
        Err(_) => INTERNAL,
    }
}

/// # Safety
/// `data` is null or valid for reading `length` bytes as long as the slice lives.
unsafe fn slice_of<'a>(data: *const u8, length: usize) -> Option<&'a [u8]> {
    if data.is_null() {
        return None;
    }
    // SAFETY: not null, and by the caller's promise readable for `length` bytes.
    Some(unsafe { std::slice::from_raw_parts(data, length) })
}

fn hello(registry: &Registry) -> Hello<'_> {
    let file = registry.file();
    let announced = |handler| {
        let handler: &dyn crate::StepHandler = handler;
        AnnouncedHandler {
            callable: handler.name(),
            aliases: handler.aliases(),
            file,
            root: "",
            version: handler.version(),
            capabilities: handler.capabilities().words(handler.batch().is_some()),
            on_crash: "backoff",
            depends_on: handler.depends_on(),
            batch: handler.batch().map(|limits| AnnouncedBatch {
                max_size: limits.size_max,
                max_wait_ms: u64::try_from(limits.wait_max.as_millis()).unwrap_or(u64::MAX),
            }),
        }
    };
    Hello {
        message_type: "hello",
        protocol: WIRE_VERSION,
        runtime: "rust",
        sdk_version: env!("CARGO_PKG_VERSION"),
        language_version: env!("STEPHOST_RUST_VERSION"),
        pid: std::process::id(),
        // Inside the host there is nothing to watch.
        watch: false,
        // The host brings the threads, so the library sets no limit of its own.
        max_in_flight: i32::MAX as u32,
        handlers: registry.handlers().map(announced).collect(),
        load_failures: registry.problems().iter().map(|message| AnnouncedFailure { file, message }).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = include_str!("../../../native/include/step_handler.h");

    #[test]
    fn version_size_and_codes_are_those_of_the_header() {
        let defined = |name: &str, value: &str| {
            let line = format!("#define {name} {value}");
            assert!(HEADER.lines().any(|found| found.split("/*").next().unwrap_or("").trim() == line), "{line}");
        };
        defined("STEPHOST_HANDLER_ABI_VERSION", &format!("{ABI_VERSION}u"));
        defined("STEPHOST_HANDLER_TABLE_SIZE", &format!("{TABLE_SIZE}u"));
        defined("STEPHOST_HOST_SIZE", &format!("{HOST_SIZE}u"));
        defined("STEPHOST_HANDLER_SYMBOL", "\"stephost_handler_library\"");
        let codes = [("OK", OK), ("NULL_POINTER", NULL_POINTER), ("BAD_MESSAGE", BAD_MESSAGE)];
        for (name, code) in codes.into_iter().chain([("NO_SUCH_CALL", NO_SUCH_CALL), ("INTERNAL", INTERNAL)]) {
            defined(&format!("STEPHOST_{name}"), &code.to_string());
        }
    }

    /// Refuses lines, and answers a question with its own bytes.
    extern "C" fn refuse(_: *mut c_void, _: *const u8, _: usize) -> Code {
        INTERNAL
    }
    unsafe extern "C" fn echo(_: *mut c_void, data: *const u8, length: usize, out: *mut Buffer) -> Code {
        // SAFETY: the caller passes a valid slice.
        let bytes = unsafe { slice_of(data, length) };
        // SAFETY: the caller passes a writable buffer.
        unsafe { answer_into(out, || Ok(bytes.unwrap_or_default().to_vec())) }
    }

    #[test]
    fn a_host_is_asked_and_its_answer_given_back() {
        let host = Host {
            abi_version: ABI_VERSION,
            struct_size: HOST_SIZE as u32,
            user_data: std::ptr::null_mut(),
            send: refuse,
            ask: echo,
            free: free_buffer,
        };
        let host = HostRef(Box::leak(Box::new(host)));
        assert_eq!(host.ask(b"question"), Ok(b"question".to_vec()));
        assert_eq!(host.send(b"line"), Err(INTERNAL));
    }

    #[test]
    fn null_pointers_and_bad_messages_are_codes() {
        export(|| Registry::new("lib.rs"));
        let mut out = Buffer { data: std::ptr::null(), length: 0, owner: 0 };
        // SAFETY: null is a legal argument of every function, and the others are valid for this block.
        unsafe {
            assert_eq!((TABLE.list)(std::ptr::null_mut()), NULL_POINTER);
            assert_eq!((TABLE.execute)(std::ptr::null(), std::ptr::null(), 0, &raw mut out), NULL_POINTER);
            assert_eq!((TABLE.execute)(std::ptr::null(), [0xc1].as_ptr(), 1, &raw mut out), BAD_MESSAGE);
            assert_eq!((TABLE.cancel)(std::ptr::null(), 0), NULL_POINTER);
            assert_eq!((TABLE.cancel)([0xc0].as_ptr(), 1), BAD_MESSAGE);
            (TABLE.free)(std::ptr::null());
            (TABLE.free)(&raw const out);
            assert!(out.data.is_null(), "an out-parameter is written on success only");
            assert_eq!((TABLE.list)(&raw mut out), OK);
            assert!(!out.data.is_null() && out.length > 0);
            (TABLE.free)(&raw const out);
        }
    }
}
