//! What every auth method lets its roles and users say about tokens: the `token_*` fields, declared once.

use arca_base::Ttl;

use crate::field::CommaList;

/// The `token_*` fields of a request, and those of their former names that are still sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenParameters {
    /// `token_policies`
    pub policies: Given<CommaList>,
    /// `token_ttl`
    pub ttl: Given<Ttl>,
    /// `token_max_ttl`
    pub max_ttl: Given<Ttl>,
    /// `token_period`
    pub period: Given<Ttl>,
    /// `token_num_uses`
    pub num_uses: Given<i64>,
    /// `token_bound_cidrs`
    pub bound_cidrs: Given<CommaList>,
    /// `token_explicit_max_ttl`
    pub explicit_max_ttl: Option<Ttl>,
    /// `token_no_default_policy`
    pub no_default_policy: Option<bool>,
    /// `token_type`
    pub kind: Option<String>,
}

/// A field with a former name, which counts when the field itself is not given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Given<T> {
    /// Not at all.
    #[default]
    Nowhere,
    /// By its name.
    Now(T),
    /// By its former name.
    Formerly(T),
}

impl<T> Given<T> {
    /// A field that was read under both names.
    pub fn of(now: Option<T>, formerly: Option<T>) -> Self {
        match (now, formerly) {
            (Some(value), _) => Self::Now(value),
            (None, Some(value)) => Self::Formerly(value),
            (None, None) => Self::Nowhere,
        }
    }
}

/// Declares the request that writes a role or a user of an auth method: as [`fields!`](crate::fields), with the
/// `token_*` fields and their former names after its own, and `token_parameters()` to take them together.
#[macro_export]
macro_rules! role_fields {
    (
        $(#[doc = $doc:literal])*
        $vis:vis struct $name:ident {
            $( $(#[doc = $field_doc:literal])* $(#[name = $wire:literal])? $field:ident: $type:ty, )*
        }
    ) => {
        $crate::fields! {
            $(#[doc = $doc])*
            $vis struct $name {
                $( $(#[doc = $field_doc])* $(#[name = $wire])? $field: $type, )*
                /// Policies of the tokens.
                token_policies: Option<$crate::field::CommaList>,
                /// How long tokens live.
                token_ttl: Option<arca_base::Ttl>,
                /// How long tokens live at most, renewals included.
                token_max_ttl: Option<arca_base::Ttl>,
                /// How long tokens live at most, whatever role and mount say later.
                token_explicit_max_ttl: Option<arca_base::Ttl>,
                /// Tokens are renewable for ever, each time by this long.
                token_period: Option<arca_base::Ttl>,
                /// Requests tokens are good for; 0 for any number.
                token_num_uses: Option<i64>,
                /// Networks tokens may be got and used from.
                token_bound_cidrs: Option<$crate::field::CommaList>,
                /// Leave the `default` policy out.
                token_no_default_policy: Option<bool>,
                /// `service`, `batch`, or `default` for what the mount says.
                token_type: Option<String>,
                /// The former name of `token_policies`.
                policies: Option<$crate::field::CommaList>,
                /// The former name of `token_ttl`.
                ttl: Option<arca_base::Ttl>,
                /// The former name of `token_max_ttl`.
                max_ttl: Option<arca_base::Ttl>,
                /// The former name of `token_period`.
                period: Option<arca_base::Ttl>,
                /// The former name of `token_num_uses`.
                num_uses: Option<i64>,
                /// The former name of `token_bound_cidrs`.
                bound_cidrs: Option<$crate::field::CommaList>,
            }
        }

        impl $name {
            /// The `token_*` fields.
            #[must_use]
            $vis fn token_parameters(&self) -> $crate::auth::TokenParameters {
                use $crate::auth::parameters::Given;
                $crate::auth::TokenParameters {
                    policies: Given::of(self.token_policies.clone(), self.policies.clone()),
                    ttl: Given::of(self.token_ttl, self.ttl),
                    max_ttl: Given::of(self.token_max_ttl, self.max_ttl),
                    period: Given::of(self.token_period, self.period),
                    num_uses: Given::of(self.token_num_uses, self.num_uses),
                    bound_cidrs: Given::of(self.token_bound_cidrs.clone(), self.bound_cidrs.clone()),
                    explicit_max_ttl: self.token_explicit_max_ttl,
                    no_default_policy: self.token_no_default_policy,
                    kind: self.token_type.clone(),
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use arca_base::Json;
    use arca_base::json::Limits;

    use super::*;
    use crate::{Captures, Fields, Input};

    crate::role_fields! {
        /// An example.
        struct WriteRole {
            /// The role.
            name: String,
        }
    }

    #[test]
    fn a_former_name_counts_when_the_field_is_not_given() {
        let body = br#"{"name":"r","token_ttl":"1h","ttl":60,"policies":"a, b","num_uses":"3"}"#;
        let body = Json::parse(body, &Limits::default()).unwrap();
        let captures = Captures::none();
        let role = WriteRole::decode(&Input::new(&captures, body.as_object().unwrap())).unwrap();
        let given = role.token_parameters();
        assert_eq!(role.name, "r");
        assert_eq!(given.ttl, Given::Now(Ttl::from_hours(1)));
        assert_eq!(
            given.policies,
            Given::Formerly(CommaList(vec!["a".into(), "b".into()]))
        );
        assert_eq!(given.num_uses, Given::Formerly(3));
        assert_eq!((given.period, given.kind), (Given::Nowhere, None));
    }
}
