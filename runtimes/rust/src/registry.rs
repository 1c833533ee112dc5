//! The handlers of one library by name, and the macros that collect and export them.

use std::collections::hash_map::{Entry, HashMap};

use crate::StepHandler;

/// The handlers of one library. Built by [`handlers!`](crate::handlers) and [`export_handlers!`](crate::export_handlers).
#[derive(Default)]
pub struct Registry {
    file: String,
    handlers: Vec<Box<dyn StepHandler>>,
    by_name: HashMap<String, usize>,
    problems: Vec<String>,
}

impl Registry {
    /// An empty registry; `file` is the source file that exports it.
    pub fn new(file: impl Into<String>) -> Self {
        Self { file: file.into(), ..Self::default() }
    }

    /// Adds a handler. A name that is empty or taken is reported as a load failure; the first handler of a name keeps it.
    #[must_use]
    pub fn with(mut self, handler: impl StepHandler + 'static) -> Self {
        let name = handler.name().to_owned();
        if name.is_empty() {
            self.problems.push("A handler has an empty name.".to_owned());
            return self;
        }
        let index = self.handlers.len();
        match self.by_name.entry(name) {
            Entry::Occupied(taken) => {
                self.problems.push(format!("Two handlers of this library are named {}.", taken.key()));
                return self;
            }
            Entry::Vacant(free) => free.insert(index),
        };
        for alias in handler.aliases() {
            self.by_name.entry(alias).or_insert(index);
        }
        self.handlers.push(Box::new(handler));
        self
    }

    pub(crate) fn with_problem(mut self, problem: String) -> Self {
        self.problems.push(problem);
        self
    }

    /// The handler that a callable names.
    pub fn find(&self, callable: &str) -> Option<&dyn StepHandler> {
        self.by_name.get(callable).map(|index| self.handlers[*index].as_ref())
    }

    /// All handlers, in the order in which they were added.
    pub fn handlers(&self) -> impl Iterator<Item = &dyn StepHandler> {
        self.handlers.iter().map(AsRef::as_ref)
    }

    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }
}

/// A [`Registry`] of the given handlers: `handlers![ChargePayment, function("refund", refund)]`.
#[macro_export]
macro_rules! handlers {
    ($($handler:expr),* $(,)?) => {
        $crate::Registry::new(file!())$(.with($handler))*
    };
}

/// Exports the given handlers from a `cdylib`. Once per crate.
#[macro_export]
macro_rules! export_handlers {
    ($($handler:expr),* $(,)?) => {
        #[cfg(panic = "abort")]
        compile_error!("stephost runs handlers inside the host: build with panic = \"unwind\", so that a panic fails a step and nothing else");

        /// The one symbol that the host looks up.
        // The name is the ABI's own, so no other library of the process can mean something else by it.
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        pub extern "C" fn stephost_handler_library() -> *const $crate::abi::HandlerTable {
            $crate::abi::export(|| $crate::handlers![$($handler),*])
        }
    };
}

#[cfg(test)]
mod tests {
    use crate::{function, json, StepResult};

    #[test]
    fn the_first_handler_of_a_name_keeps_it() {
        let registry = handlers![
            function("a", |_| Ok(StepResult::success(json!(1)))),
            function("a", |_| Ok(StepResult::success(json!(2)))),
            function("", |_| Ok(StepResult::success(json!(3)))),
        ];
        assert_eq!(registry.handlers().count(), 1);
        assert_eq!(registry.problems().len(), 2);
        assert!(registry.find("a").is_some());
        assert!(registry.find("b").is_none());
    }
}
