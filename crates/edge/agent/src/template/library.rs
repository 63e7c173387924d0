//! The functions of templates that need neither a server nor a machine: first those with names of their own, then the
//! general library.

use arca_base::Timestamp;
use arca_lang::template::{Conduct, FunctionError, Functions, Signature, Value};

use super::plain::{self, Tools};

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
        plain::signature(name).or_else(|| self.0.sprig.signature(name))
    }

    fn refusal(&self, name: &str) -> Option<&'static str> {
        plain::refusal(name)
    }

    fn conduct(&self, name: &str) -> Conduct {
        plain::conduct(name).unwrap_or_else(|| self.0.sprig.conduct(name))
    }

    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Value, FunctionError> {
        match plain::call(name, arguments, &mut self.0) {
            Some(answer) => answer,
            None => self.0.sprig.call(name, arguments),
        }
    }
}
