//! What a handler says it can do; the host compares it with the type of the step in the template.

/// Announced for a handler: `HandlerCapabilities::new().decision()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandlerCapabilities {
    api: bool,
    batchable: bool,
    decision: bool,
    process_results: bool,
}

impl HandlerCapabilities {
    /// A handler with nothing special.
    pub const fn new() -> Self {
        Self { api: false, batchable: false, decision: false, process_results: false }
    }

    /// It calls an API; see [`APICapable`](crate::APICapable).
    #[must_use]
    pub const fn api(mut self) -> Self {
        self.api = true;
        self
    }

    /// It makes batches or works on one; see [`BatchableCapable`](crate::BatchableCapable).
    #[must_use]
    pub const fn batchable(mut self) -> Self {
        self.batchable = true;
        self
    }

    /// It decides which steps come next; see [`DecisionCapable`](crate::DecisionCapable).
    #[must_use]
    pub const fn decision(mut self) -> Self {
        self.decision = true;
        self
    }

    /// It has `process` and `process_results` instead of `call`.
    #[must_use]
    pub const fn process_results(mut self) -> Self {
        self.process_results = true;
        self
    }

    pub(crate) const fn decides(self) -> bool {
        self.decision
    }

    /// The words of `hello` (PROTOCOL.md §3.1).
    pub(crate) fn words(self, has_process_batch: bool) -> Vec<&'static str> {
        let words = [
            ("api", self.api),
            ("batchable", self.batchable),
            ("decision", self.decision),
            ("process_batch", has_process_batch),
            ("process_results", self.process_results),
        ];
        words.into_iter().filter(|(_, has)| *has).map(|(word, _)| word).collect()
    }
}
