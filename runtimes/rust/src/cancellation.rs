//! Cooperative cancellation: a flag per running call, set by the host and read by the handler.

use std::collections::HashMap;
use std::future::{poll_fn, Future};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// Why the host asks a handler to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelReason {
    /// The deadline has passed.
    Timeout,
    /// The host is stopping.
    Shutdown,
    /// Another worker owns the step now; this result will not be used.
    LeaseLost,
}

const NOT_CANCELLED: u8 = 0;

/// What a running handler knows about its end.
#[derive(Debug)]
pub struct Cancellation {
    reason: AtomicU8,
    deadline: Instant,
    waiting: Mutex<Vec<Waker>>,
    cancelled: Condvar,
}

impl Cancellation {
    pub fn new(time_left: Duration) -> Self {
        // A deadline beyond what the clock can say is as good as none: a year from now.
        let now = Instant::now();
        let deadline = now.checked_add(time_left).unwrap_or_else(|| now + Duration::from_secs(31_536_000));
        let reason = AtomicU8::new(NOT_CANCELLED);
        Self { reason, deadline, waiting: Mutex::default(), cancelled: Condvar::new() }
    }

    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    pub fn cancel(&self, reason: CancelReason) {
        let mut waiting = self.waiting();
        self.reason.store(reason as u8 + 1, Ordering::Release);
        self.cancelled.notify_all();
        let wakers = std::mem::take(&mut *waiting);
        drop(waiting);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waker>> {
        // Nothing panics under this lock, so a poisoned list is still whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn reason(&self) -> Option<CancelReason> {
        match self.reason.load(Ordering::Acquire) {
            NOT_CANCELLED => None,
            1 => Some(CancelReason::Timeout),
            2 => Some(CancelReason::Shutdown),
            _ => Some(CancelReason::LeaseLost),
        }
    }
}

/// The cancellation of one call: cheap to clone, and free to go to other threads and futures.
#[derive(Clone, Debug)]
pub struct CancellationToken {
    cancellation: Arc<Cancellation>,
}

impl CancellationToken {
    pub(crate) fn new(cancellation: Arc<Cancellation>) -> Self {
        Self { cancellation }
    }

    /// Whether the host asks the handler to stop.
    pub fn is_cancelled(&self) -> bool {
        self.reason().is_some()
    }

    /// Why the host asks; `None` while it does not.
    pub fn reason(&self) -> Option<CancelReason> {
        self.cancellation.reason()
    }

    /// When the host will ask.
    pub fn deadline(&self) -> Instant {
        self.cancellation.deadline()
    }

    /// Sleeps so long, or until the call is cancelled; true: it was.
    pub fn sleep(&self, duration: Duration) -> bool {
        let waiting = self.cancellation.waiting();
        let outcome = self.cancellation.cancelled.wait_timeout_while(waiting, duration, |_| !self.is_cancelled());
        drop(outcome);
        self.is_cancelled()
    }

    /// Resolves when the call is cancelled, with the reason.
    pub fn cancelled(&self) -> impl Future<Output = CancelReason> + Send + '_ {
        poll_fn(|task| {
            // Looked at under the lock, so that no cancel comes between the look and the entry.
            let mut waiting = self.cancellation.waiting();
            match self.reason() {
                Some(reason) => Poll::Ready(reason),
                None => {
                    if !waiting.iter().any(|waker| waker.will_wake(task.waker())) {
                        waiting.push(task.waker().clone());
                    }
                    Poll::Pending
                }
            }
        })
    }
}

/// The calls that are running in this library, by call id.
#[derive(Debug, Default)]
pub struct RunningCalls {
    calls: Mutex<HashMap<String, Arc<Cancellation>>>,
}

impl RunningCalls {
    /// Enters a call into the book until the guard is dropped.
    pub fn begin(&self, call_id: &str, time_left: Duration) -> RunningCall<'_> {
        let cancellation = Arc::new(Cancellation::new(time_left));
        self.book().insert(call_id.to_owned(), Arc::clone(&cancellation));
        RunningCall { calls: self, call_id: call_id.to_owned(), cancellation }
    }

    /// Whether there was such a call to cancel.
    pub fn cancel(&self, call_id: &str, reason: CancelReason) -> bool {
        let call = self.book().get(call_id).cloned();
        call.inspect(|call| call.cancel(reason)).is_some()
    }

    fn book(&self) -> MutexGuard<'_, HashMap<String, Arc<Cancellation>>> {
        // Nothing panics under this lock, so a poisoned map is still whole.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One entry of the book; it leaves with the call, however the call ends.
pub struct RunningCall<'book> {
    calls: &'book RunningCalls,
    call_id: String,
    pub cancellation: Arc<Cancellation>,
}

impl Drop for RunningCall<'_> {
    fn drop(&mut self) {
        self.calls.book().remove(&self.call_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_cancelled_while_it_runs_and_not_after() {
        let calls = RunningCalls::default();
        let call = calls.begin("c1", Duration::from_secs(1));
        assert_eq!(call.cancellation.reason(), None);
        assert!(calls.cancel("c1", CancelReason::LeaseLost));
        assert_eq!(call.cancellation.reason(), Some(CancelReason::LeaseLost));
        assert!(!calls.cancel("c2", CancelReason::Timeout));
        drop(call);
        assert!(!calls.cancel("c1", CancelReason::Timeout));
    }

    #[test]
    fn a_cancel_wakes_sleepers_and_futures() {
        let cancellation = Arc::new(Cancellation::new(Duration::from_secs(60)));
        let token = CancellationToken::new(Arc::clone(&cancellation));
        assert!(!token.sleep(Duration::from_millis(1)));
        let (sleeper, future) = (token.clone(), token.clone());
        let sleeping = std::thread::spawn(move || sleeper.sleep(Duration::from_secs(60)));
        let waiting = std::thread::spawn(move || pollster::block_on(future.cancelled()));
        cancellation.cancel(CancelReason::Shutdown);
        assert!(sleeping.join().expect("no panic"));
        assert_eq!(waiting.join().expect("no panic"), CancelReason::Shutdown);
    }

    #[test]
    fn a_deadline_beyond_the_clock_is_far_away() {
        assert!(Cancellation::new(Duration::MAX).deadline() > Instant::now());
    }
}
