//! The functions of templates that need neither a server nor a machine: first those with names of their own, then the
//! general library.

use arca_base::Timestamp;
use arca_lang::template::{Conduct, FunctionError, Functions, Signature, Value};

use super::plain::{self, TABLE, Tools};

/// One of these serves one rendering.
pub(super) struct Library(Tools);

impl Library {
    /// For a rendering at `now` that makes no text longer than `bytes`.
    pub(super) fn new(bytes: usize, now: Timestamp) -> Self {
        Self(Tools::new(bytes, now))
    }
}

impl Functions for Library {
    fn signature(&self, name: &str) -> Option<Signature> {
        let own = TABLE.find(name).map(|entry| entry.signature);
        own.or_else(|| self.0.sprig.signature(name))
    }

    fn refusal(&self, name: &str) -> Option<&'static str> {
        plain::refusal(name)
    }

    fn conduct(&self, name: &str) -> Conduct {
        let own = TABLE.find(name).map(|entry| entry.conduct);
        own.unwrap_or_else(|| self.0.sprig.conduct(name))
    }

    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Value, FunctionError> {
        self.call_numbered(self.number(name), name, arguments)
    }

    /// Numbers of the general library follow those of the functions here.
    fn number(&self, name: &str) -> usize {
        let own = TABLE.number(name);
        own.unwrap_or_else(|| self.0.sprig.number(name).saturating_add(TABLE.len()))
    }

    fn call_numbered(
        &mut self,
        number: usize,
        name: &str,
        arguments: &[Value],
    ) -> Result<Value, FunctionError> {
        match TABLE.at(number) {
            Some(entry) => self.0.answer(entry, arguments),
            None => self
                .0
                .sprig
                .call_numbered(number.saturating_sub(TABLE.len()), name, arguments),
        }
    }

    fn effort(&mut self) -> u64 {
        self.0.sprig.effort()
    }
}
