//! Functions that are forbidden by name.

use arca_base::glob;

use super::functions::{Conduct, FunctionError, Functions, Kind, Signature};
use super::value::Value;

/// Other functions, without those whose names fit a pattern. Templates that use one parse; calling it is an error.
pub struct Denied<F> {
    inner: F,
    patterns: Vec<String>,
}

impl<F: Functions> Denied<F> {
    /// Forbids what fits one of the patterns; `*` stands for any number of characters.
    pub const fn new(inner: F, patterns: Vec<String>) -> Self {
        Self { inner, patterns }
    }

    /// The functions behind.
    pub fn into_inner(self) -> F {
        self.inner
    }

    fn is_denied(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| glob::matches(pattern, name))
    }
}

impl<F: Functions> Functions for Denied<F> {
    fn signature(&self, name: &str) -> Option<Signature> {
        let signature = self.inner.signature(name)?;
        Some(if self.is_denied(name) {
            Signature::variadic(&[], Kind::Any)
        } else {
            signature
        })
    }

    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Value, FunctionError> {
        if self.is_denied(name) {
            return Err("function is disabled: it is on the denylist of functions".into());
        }
        self.inner.call(name, arguments)
    }

    fn refusal(&self, name: &str) -> Option<&'static str> {
        self.inner.refusal(name)
    }

    fn conduct(&self, name: &str) -> Conduct {
        self.inner.conduct(name)
    }

    fn number(&self, name: &str) -> usize {
        self.inner.number(name)
    }

    fn call_numbered(
        &mut self,
        number: usize,
        name: &str,
        arguments: &[Value],
    ) -> Result<Value, FunctionError> {
        if self.is_denied(name) {
            return self.call(name, arguments);
        }
        self.inner.call_numbered(number, name, arguments)
    }

    fn effort(&mut self) -> u64 {
        self.inner.effort()
    }
}
