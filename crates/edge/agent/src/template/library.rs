//! The functions of templates that need neither a server nor a machine: first those with names of their own, then the
//! general library.

use arca_lang::sprig::Sprig;
use arca_lang::template::{Conduct, FunctionError, Functions, Signature, Value};

use super::plain;

/// One of these serves one rendering.
#[derive(Default)]
pub(super) struct Library(Sprig);

impl Functions for Library {
    fn signature(&self, name: &str) -> Option<Signature> {
        plain::signature(name).or_else(|| self.0.signature(name))
    }

    fn conduct(&self, name: &str) -> Conduct {
        if plain::signature(name).is_some() {
            return plain::conduct(name);
        }
        self.0.conduct(name)
    }

    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Value, FunctionError> {
        match plain::call(name, arguments, &mut self.0) {
            Some(answer) => answer,
            None => self.0.call(name, arguments),
        }
    }
}
