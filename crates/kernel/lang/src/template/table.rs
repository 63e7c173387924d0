//! Functions as rows of tables.

use std::collections::HashMap;

use super::functions::{Conduct, Kind, Signature};

/// A function by its name. What `R` takes and gives is up to the library that calls it.
pub struct Entry<R> {
    /// What templates call it, perhaps behind a prefix of the library.
    pub name: &'static str,
    /// What it takes.
    pub signature: Signature,
    /// What the engine does beyond calling it.
    pub conduct: Conduct,
    /// Does it.
    pub run: R,
}

impl<R: Copy> Entry<R> {
    /// A function with exactly these arguments.
    pub const fn new(name: &'static str, parameters: &'static [Kind], run: R) -> Self {
        Self {
            name,
            signature: Signature::of(parameters),
            conduct: Conduct::Gives,
            run,
        }
    }

    /// A function with these arguments and any number of further ones.
    pub const fn variadic(name: &'static str, parameters: &'static [Kind], rest: Kind, run: R) -> Self {
        Self {
            name,
            signature: Signature::variadic(parameters, rest),
            conduct: Conduct::Gives,
            run,
        }
    }

    /// The same with another conduct.
    #[must_use]
    pub const fn that(self, conduct: Conduct) -> Self {
        Self {
            name: self.name,
            signature: self.signature,
            conduct,
            run: self.run,
        }
    }
}

/// The functions of a library. Each has a number, by which it is found faster than by its name.
pub struct Table<R: 'static> {
    entries: Vec<&'static Entry<R>>,
    by_name: HashMap<&'static str, usize>,
}

impl<R> Table<R> {
    /// With all entries of these families; of equal names, the last one counts.
    #[must_use]
    pub fn new(families: &[&'static [Entry<R>]]) -> Self {
        let entries: Vec<_> = families.iter().flat_map(|family| family.iter()).collect();
        let numbered = entries.iter().enumerate();
        let by_name = numbered.map(|(number, entry)| (entry.name, number)).collect();
        Self { entries, by_name }
    }

    /// The number of the function of this name.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The function with this number.
    #[must_use]
    pub fn at(&self, number: usize) -> Option<&'static Entry<R>> {
        self.entries.get(number).copied()
    }

    /// The function of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'static Entry<R>> {
        self.at(self.number(name)?)
    }

    /// All names, in no order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.by_name.keys().copied()
    }

    /// How many numbers there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no functions.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
