//! The functions of templates that need neither a server nor a machine, one family after the other.

use arca_lang::sprig::Sprig;
use arca_lang::template::{Conduct, FunctionError, Functions, Signature, Value};

/// The families; one of these serves one rendering.
#[derive(Default)]
pub(super) struct Library {
    sprig: Sprig,
}

impl Library {
    fn families(&self) -> [&dyn Functions; 1] {
        [&self.sprig]
    }

    fn families_mut(&mut self) -> [&mut dyn Functions; 1] {
        [&mut self.sprig]
    }
}

impl Functions for Library {
    fn signature(&self, name: &str) -> Option<Signature> {
        self.families().iter().find_map(|family| family.signature(name))
    }

    fn conduct(&self, name: &str) -> Conduct {
        let families = self.families();
        let family = families.iter().find(|family| family.signature(name).is_some());
        family.map_or(Conduct::Gives, |family| family.conduct(name))
    }

    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Value, FunctionError> {
        for family in self.families_mut() {
            if family.signature(name).is_some() {
                return family.call(name, arguments);
            }
        }
        Err(FunctionError::new("there is no such function"))
    }
}
