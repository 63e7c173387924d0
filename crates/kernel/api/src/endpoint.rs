//! Endpoints and the request types they take.

use arca_base::json::Object;
use arca_base::{Operation, suggest};

use crate::field::{Field, FieldError, Input, Kind};

/// One operation on one path of an engine.
pub trait Endpoint: 'static {
    /// What is done.
    const OPERATION: Operation;
    /// Where, below the mount; see [`Pattern`](crate::Pattern).
    const PATH: &'static str;
    /// One line of help.
    const SUMMARY: &'static str;
    /// What it takes.
    type Request: Fields;
}

/// A request type, declared with [`fields!`](crate::fields).
pub trait Fields: Sized + Send + 'static {
    /// Every field, in the order of declaration.
    const FIELDS: &'static [FieldDoc];
    /// Whether the body itself is the data, so that no field is unknown.
    const TAKES_ANYTHING: bool = false;
    /// Whether member names are compared without regard to ASCII case.
    const FOLDS_CASE: bool = false;

    /// Reads the request.
    ///
    /// # Errors
    /// [`FieldError`] for the first field that does not fit.
    fn decode(input: &Input<'_>) -> Result<Self, FieldError>;

    /// The members a client sends, captures of the path included.
    fn encode(&self) -> Object;
}

/// A field, described.
#[derive(Clone, Copy, Debug)]
pub struct FieldDoc {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it means.
    pub doc: &'static str,
}

/// A request without any field.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Fields for Nothing {
    const FIELDS: &'static [FieldDoc] = &[];

    fn decode(_: &Input<'_>) -> Result<Self, FieldError> {
        Ok(Self)
    }

    fn encode(&self) -> Object {
        Object::new()
    }
}

/// Warnings about members of a body that will have no effect, in the words existing clients match, and a
/// "did you mean" for each likely misspelling.
#[must_use]
pub fn unused_members<F: Fields>(input: &Input<'_>) -> Vec<String> {
    if F::TAKES_ANYTHING {
        return Vec::new();
    }
    let known = |name: &str| {
        let same =
            |field: &FieldDoc| field.name == name || (F::FOLDS_CASE && field.name.eq_ignore_ascii_case(name));
        F::FIELDS.iter().any(same)
    };
    let captured = |name: &str| input.captures().get(name).is_some();
    let (shadowed, rest): (Vec<&str>, Vec<&str>) = input
        .data()
        .keys()
        .map(String::as_str)
        .partition(|name| captured(name));
    let unknown: Vec<&str> = rest.into_iter().filter(|name| !known(name)).collect();
    let mut warnings = Vec::new();
    if !unknown.is_empty() {
        let names = unknown.join(" ");
        warnings.push(format!(
            "Endpoint ignored these unrecognized parameters: [{names}]"
        ));
    }
    if !shadowed.is_empty() {
        let names = shadowed.join(" ");
        warnings.push(format!(
            "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [{names}]"
        ));
    }
    for name in unknown {
        if let Some(near) = suggest::nearest(name, F::FIELDS.iter().map(|field| field.name)) {
            warnings.push(format!(
                "{name:?} is not a parameter of this endpoint; did you mean {near:?}?"
            ));
        }
    }
    warnings
}

/// Puts an encoded field into the members a client sends.
pub fn encode_field<F: Field>(name: &str, value: &F, members: &mut Object) {
    if let Some(json) = value.encode() {
        members.insert(name.to_owned(), json);
    }
}

/// Declares a request type: the struct, how it is read and written, and its description.
///
/// ```
/// arca_api::fields! {
///     /// Changes a role.
///     pub struct WriteRole {
///         /// Name of the role.
///         name: String,
///         /// How long tokens live.
///         token_ttl: Option<arca_base::Ttl>,
///     }
/// }
/// ```
#[macro_export]
macro_rules! fields {
    (
        $(#[doc = $doc:literal])*
        $(@ $mark:ident)?
        $vis:vis struct $name:ident {
            $( $(#[doc = $field_doc:literal])* $(#[name = $wire:literal])? $field:ident: $type:ty, )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Default)]
        $vis struct $name {
            $( $(#[doc = $field_doc])* $vis $field: $type, )*
        }

        impl $crate::Fields for $name {
            const FIELDS: &'static [$crate::FieldDoc] = &[
                $( $crate::FieldDoc {
                    name: $crate::field_name!($field $($wire)?),
                    kind: <$type as $crate::Field>::KIND,
                    doc: concat!($($field_doc),*),
                }, )*
            ];
            $( $crate::fields_mark!($mark); )?

            fn decode(input: &$crate::Input<'_>) -> Result<Self, $crate::FieldError> {
                let _ = input;
                Ok(Self { $( $field: input.field($crate::field_name!($field $($wire)?))?, )* })
            }

            fn encode(&self) -> arca_base::json::Object {
                #[allow(unused_mut, clippy::allow_attributes, reason = "a request without fields changes nothing")]
                let mut members = arca_base::json::Object::new();
                $( $crate::endpoint::encode_field(
                    $crate::field_name!($field $($wire)?), &self.$field, &mut members,
                ); )*
                members
            }
        }
    };
}

/// The name of a field on the wire: the one given, or the identifier.
#[doc(hidden)]
#[macro_export]
macro_rules! field_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $wire:literal) => {
        $wire
    };
}

/// Marks of a request type.
#[doc(hidden)]
#[macro_export]
macro_rules! fields_mark {
    (folds_case) => {
        const FOLDS_CASE: bool = true;
    };
}

/// Declares endpoints, one per line: `/// summary`, then `Name = Operation "path" => RequestType;`.
#[macro_export]
macro_rules! endpoints {
    ($( $(#[doc = $doc:literal])+ $name:ident = $operation:ident $path:literal => $request:ty; )*) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl $crate::Endpoint for $name {
            const OPERATION: arca_base::Operation = arca_base::Operation::$operation;
            const PATH: &'static str = $path;
            const SUMMARY: &'static str = concat!($($doc),+);
            type Request = $request;
        }
    )*};
}

#[cfg(test)]
mod tests {
    use arca_base::Json;
    use arca_base::json::Limits;

    use super::*;
    use crate::Captures;
    use crate::pattern::Pattern;

    fields! {
        /// An example.
        @folds_case
        struct Example {
            /// The name.
            name: String,
            /// Whether to.
            #[name = "type"]
            kind: Option<bool>,
        }
    }

    #[test]
    fn decodes_captures_before_body() {
        let pattern = Pattern::new("x/{name}");
        let captures = pattern.matches("x/from-path").unwrap();
        let body = Json::parse(
            br#"{"name":"from-body","TYPE":"true","polcy":1,"nam":2}"#,
            &Limits::default(),
        )
        .unwrap();
        let input = Input::new(&captures, body.as_object().unwrap()).folding_case(Example::FOLDS_CASE);
        let example = Example::decode(&input).unwrap();
        assert_eq!((example.name.as_str(), example.kind), ("from-path", Some(true)));
        assert_eq!(
            unused_members::<Example>(&input),
            [
                "Endpoint ignored these unrecognized parameters: [nam polcy]",
                "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [name]",
                "\"nam\" is not a parameter of this endpoint; did you mean \"name\"?",
            ]
        );
    }

    #[test]
    fn encodes_what_it_decodes() {
        let example = Example {
            name: "a".into(),
            kind: Some(false),
        };
        let members = example.encode();
        assert_eq!(
            Json::Object(members.clone()).to_text().as_str(),
            r#"{"name":"a","type":false}"#
        );
        let captures = Captures::none();
        let again = Example::decode(&Input::new(&captures, &members)).unwrap();
        assert_eq!((again.name, again.kind), (example.name, example.kind));
        assert_eq!(Example::FIELDS[1].name, "type");
        assert_eq!(Example::FIELDS[1].doc.trim(), "Whether to.");
    }
}
