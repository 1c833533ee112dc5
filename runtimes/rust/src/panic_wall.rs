//! The wall that no panic crosses: an unwind becomes a value that says what was said and where.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

/// What a panic left behind.
#[derive(Debug)]
pub struct Panic {
    pub message: String,
    /// `src/charge.rs:12:5`, where it is known.
    pub place: Option<String>,
}

thread_local! {
    /// The calls behind the wall on this thread, and the place of the last panic among them.
    static BEHIND: RefCell<(usize, Option<String>)> = const { RefCell::new((0, None)) };
}

static HOOK: Once = Once::new();

/// Runs the work and gives its value, or what its panic said.
pub fn behind_wall<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    HOOK.call_once(install_hook);
    BEHIND.with_borrow_mut(|(depth, _)| *depth += 1);
    // Unwind safety: everything that the work could leave half done is dropped with it, or is behind a lock that tells.
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    let place = BEHIND.with_borrow_mut(|(depth, place)| {
        *depth -= 1;
        place.take()
    });
    outcome.map_err(|payload| Panic { message: text_of(payload), place })
}

/// A hook sees the place of a panic, which the payload does not carry. Panics of other threads go to the hook before it.
fn install_hook() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let noted = BEHIND.with_borrow_mut(|(depth, place)| {
            *place = info.location().map(ToString::to_string);
            *depth > 0
        });
        if !noted {
            before(info);
        }
    }));
}

fn text_of(payload: Box<dyn Any + Send>) -> String {
    let payload = match payload.downcast::<String>() {
        Ok(text) => return *text,
        Err(payload) => payload,
    };
    if let Some(text) = payload.downcast_ref::<&str>() {
        return (*text).to_owned();
    }
    // A value of the handler's own may panic again when it is dropped, outside the wall; it is leaked instead.
    std::mem::forget(payload);
    "a panic without a text".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_value_with_text_and_place() {
        let caught = behind_wall(|| panic!("no {}", "stock")).expect_err("a panic");
        assert_eq!(caught.message, "no stock");
        assert!(caught.place.expect("a place").contains("panic_wall.rs"));
        assert_eq!(behind_wall(|| panic!("fixed")).map(|()| 0).expect_err("a panic").message, "fixed");
    }

    #[test]
    fn a_payload_that_panics_when_dropped_does_no_harm() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }
        let caught = behind_wall(|| panic::panic_any(Bomb)).map(|()| 0).expect_err("a panic");
        assert_eq!(caught.message, "a panic without a text");
    }

    #[test]
    fn what_does_not_panic_passes_through() {
        assert_eq!(behind_wall(|| 7).expect("a value"), 7);
    }
}
