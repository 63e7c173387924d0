//! Tokens (`auth/token/*`).

use arca_base::Ttl;

use crate::endpoint::Nothing;
use crate::field::{CommaList, TextMap};

crate::fields! {
    /// A token to create.
    pub struct Create {
        /// Role whose settings the token takes.
        role_name: String,
        /// The token itself, instead of a random one; needs sudo.
        id: String,
        /// Policies; those of the parent when absent.
        policies: Option<CommaList>,
        /// Names and texts shown with the token and in the audit log.
        meta: Option<TextMap>,
        /// No parent, so that the token outlives it; needs sudo.
        no_parent: bool,
        /// Leave the `default` policy out.
        no_default_policy: bool,
        /// Whether it can be renewed; true when absent.
        renewable: Option<bool>,
        /// How long it lives.
        ttl: Ttl,
        /// The former name of `ttl`.
        lease: Ttl,
        /// `service` or `batch`.
        #[name = "type"]
        kind: String,
        /// How long it lives at most, renewals included.
        explicit_max_ttl: Ttl,
        /// Name shown with the token and in the audit log.
        display_name: String,
        /// Requests it is good for; 0 for any number.
        num_uses: i64,
        /// Renewable for ever, each time by this long; needs sudo.
        period: Ttl,
        /// Alias of the entity the token belongs to; only with a role that allows it.
        entity_alias: String,
    }
}

crate::fields! {
    /// Names a token.
    pub struct Token {
        /// The token; the calling one when absent.
        token: String,
    }
}

crate::fields! {
    /// Names a token by its accessor.
    pub struct Accessor {
        /// The accessor.
        accessor: String,
    }
}

crate::fields! {
    /// A token to renew.
    pub struct Renew {
        /// The token; the calling one when absent.
        token: String,
        /// How long it should live from now.
        increment: Ttl,
    }
}

crate::fields! {
    /// A token to renew, by its accessor.
    pub struct RenewAccessor {
        /// The accessor.
        accessor: String,
        /// How long it should live from now.
        increment: Ttl,
    }
}

crate::fields! {
    /// Names a role.
    pub struct RoleName {
        /// The role.
        role_name: String,
    }
}

crate::fields! {
    /// Settings that tokens made with a role take.
    pub struct WriteRole {
        /// The role.
        role_name: String,
        /// Policies tokens may ask for.
        allowed_policies: Option<CommaList>,
        /// Policies tokens may not ask for.
        disallowed_policies: Option<CommaList>,
        /// Globs of policies tokens may ask for.
        allowed_policies_glob: Option<CommaList>,
        /// Globs of policies tokens may not ask for.
        disallowed_policies_glob: Option<CommaList>,
        /// Whether tokens have no parent.
        orphan: Option<bool>,
        /// Whether tokens can be renewed.
        renewable: Option<bool>,
        /// Last segment of the path tokens are created at.
        path_suffix: Option<String>,
        /// Entity aliases tokens may ask for; `*` globs.
        allowed_entity_aliases: Option<CommaList>,
        /// Tokens are renewable for ever, each time by this long.
        token_period: Option<Ttl>,
        /// The former name of `token_period`.
        period: Option<Ttl>,
        /// How long tokens live at most, renewals included.
        token_explicit_max_ttl: Option<Ttl>,
        /// The former name of `token_explicit_max_ttl`.
        explicit_max_ttl: Option<Ttl>,
        /// Networks tokens may be used from.
        token_bound_cidrs: Option<CommaList>,
        /// The former name of `token_bound_cidrs`.
        bound_cidrs: Option<CommaList>,
        /// Leave the `default` policy out.
        token_no_default_policy: Option<bool>,
        /// Requests tokens are good for; 0 for any number.
        token_num_uses: Option<i64>,
        /// `service`, `batch`, `default-service` or `default-batch`.
        token_type: Option<String>,
    }
}

crate::endpoints! {
    /// Create a token below the calling one.
    CreateToken = Update "create" => Create;
    /// Create a token without a parent.
    CreateOrphan = Update "create-orphan" => Create;
    /// Create a token with the settings of a role.
    CreateWithRole = Update "create/{role_name}" => Create;
    /// Look at the calling token.
    LookupSelf = Read "lookup-self" => Nothing;
    /// Look at the calling token.
    LookupSelfByWrite = Update "lookup-self" => Nothing;
    /// Look at a token.
    Lookup = Update "lookup" => Token;
    /// Look at the calling token.
    LookupByRead = Read "lookup" => Token;
    /// Look at a token by its accessor.
    LookupAccessor = Update "lookup-accessor" => Accessor;
    /// Extend the life of the calling token.
    RenewSelf = Update "renew-self" => Renew;
    /// Extend the life of a token.
    RenewToken = Update "renew" => Renew;
    /// Extend the life of a token by its accessor.
    RenewByAccessor = Update "renew-accessor" => RenewAccessor;
    /// End the calling token and all below it.
    RevokeSelf = Update "revoke-self" => Nothing;
    /// End a token and all below it.
    Revoke = Update "revoke" => Token;
    /// End a token and all below it, by its accessor.
    RevokeAccessor = Update "revoke-accessor" => Accessor;
    /// End a token and leave those below it without a parent.
    RevokeOrphan = Update "revoke-orphan" => Token;
    /// List the accessors of all tokens.
    ListAccessors = List "accessors" => crate::sys::Page;
    /// Remove what tokens that no longer exist have left.
    Tidy = Update "tidy" => Nothing;
    /// List roles.
    ListRoles = List "roles" => crate::sys::Page;
    /// Read a role.
    ReadRole = Read "roles/{role_name}" => RoleName;
    /// Write a role.
    UpdateRole = Update "roles/{role_name}" => WriteRole;
    /// Delete a role.
    DeleteRole = Delete "roles/{role_name}" => RoleName;
}
