//! The functions an embedding program lends to its templates.

use std::fmt;

use super::value::Value;

/// Functions beyond the built-in ones, with whatever state they need.
///
/// Templates ask for [`Functions::signature`] while they are parsed, so a misspelled function is found before
/// anything is rendered, and check count and types of arguments before they call.
pub trait Functions {
    /// What the function of this name takes. `None` if there is no such function.
    fn signature(&self, name: &str) -> Option<Signature>;

    /// Calls the function of this name. The arguments fit the signature.
    ///
    /// # Errors
    /// Whatever the function says; the template ends with it. The message must not quote a secret.
    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Value, FunctionError>;

    /// Why a function of this name is known and not here, and what to use instead. Asked for names without a
    /// signature; part of the error that such a template does not parse with.
    fn refusal(&self, _name: &str) -> Option<&'static str> {
        None
    }

    /// What the engine does beyond calling it.
    fn conduct(&self, _name: &str) -> Conduct {
        Conduct::Gives
    }

    /// A number by which [`Functions::call_numbered`] finds the function of this name faster. A rendering asks for it
    /// once for each name.
    fn number(&self, _name: &str) -> usize {
        0
    }

    /// Calls the function of this name, whose number is known.
    ///
    /// # Errors
    /// Like [`Functions::call`].
    fn call_numbered(
        &mut self,
        _number: usize,
        name: &str,
        arguments: &[Value],
    ) -> Result<Value, FunctionError> {
        self.call(name, arguments)
    }

    /// How many steps the calls since this was asked last have taken, beside those for texts that went in and came
    /// out, which the engine counts itself.
    fn effort(&mut self) -> u64 {
        0
    }
}

/// What the engine does with a function beyond calling it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// Nothing: it gives a value.
    Gives,
    /// Its first argument names a template of the same text and the second one, if any, is its data. The engine
    /// renders that template, with the same functions and within the same limits, after the call went well; what
    /// the call gave is dropped.
    Renders,
    /// It changes the map or list that is its first argument. If that was given as a variable, the variable
    /// becomes what the function gave.
    Changes,
}

/// What a function takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The kinds of its arguments.
    pub parameters: &'static [Kind],
    /// The kind of any number of further arguments.
    pub rest: Option<Kind>,
}

impl Signature {
    /// Exactly these arguments.
    #[must_use]
    pub const fn of(parameters: &'static [Kind]) -> Self {
        Self {
            parameters,
            rest: None,
        }
    }

    /// These arguments and any number of further ones.
    #[must_use]
    pub const fn variadic(parameters: &'static [Kind], rest: Kind) -> Self {
        Self {
            parameters,
            rest: Some(rest),
        }
    }

    /// The kind of the argument with this index.
    pub(super) fn kind(&self, index: usize) -> Kind {
        let fixed = self.parameters.get(index).copied();
        fixed.or(self.rest).unwrap_or(Kind::Any)
    }
}

/// What an argument must be. Nothing is converted, except that a number written in the template fits any kind of
/// number that can hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything, also nothing.
    Any,
    /// [`Value::Bool`]
    Bool,
    /// [`Value::Int`]
    Int,
    /// [`Value::Uint`]
    Uint,
    /// [`Value::Float`]
    Float,
    /// [`Value::String`]
    String,
    /// [`Value::List`], or [`Value::Nil`]
    List,
    /// [`Value::Map`], or [`Value::Nil`]
    Map,
}

impl Kind {
    /// What error messages call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint64",
            Self::Float => "float64",
            Self::String => "string",
            Self::List => "[]interface {}",
            Self::Map => "map[string]interface {}",
        }
    }

    /// Whether nothing fits.
    pub(super) const fn takes_nil(self) -> bool {
        matches!(self, Self::Any | Self::List | Self::Map)
    }

    /// Whether this value fits.
    pub(super) const fn takes(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Bool => matches!(value, Value::Bool(_)),
            Self::Int => matches!(value, Value::Int(_)),
            Self::Uint => matches!(value, Value::Uint(_)),
            Self::Float => matches!(value, Value::Float(_)),
            Self::String => matches!(value, Value::String(_)),
            Self::List => matches!(value, Value::List(_)),
            Self::Map => matches!(value, Value::Map(_)),
        }
    }
}

/// Why a function failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    message: String,
    is_misfit: bool,
}

impl FunctionError {
    /// With this message, which must not quote a secret.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            is_misfit: false,
        }
    }

    /// The last argument does not fit, in a way no [`Kind`] says: the error of the template points at it.
    #[must_use]
    pub fn misfit(message: impl Into<String>) -> Self {
        Self {
            is_misfit: true,
            ..Self::new(message)
        }
    }

    /// Whether an argument does not fit.
    pub(super) const fn is_misfit(&self) -> bool {
        self.is_misfit
    }
}

impl From<&str> for FunctionError {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

impl From<String> for FunctionError {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl fmt::Display for FunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FunctionError {}

/// No functions beyond the built-in ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct BuiltinsOnly;

impl Functions for BuiltinsOnly {
    fn signature(&self, _name: &str) -> Option<Signature> {
        None
    }

    fn call(&mut self, _name: &str, _arguments: &[Value]) -> Result<Value, FunctionError> {
        Err("there is no such function".into())
    }
}
