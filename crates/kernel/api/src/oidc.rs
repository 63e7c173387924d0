//! Tokens that prove to others who an entity is (`identity/oidc/*`).

use arca_base::Ttl;

use crate::endpoint::Nothing;
use crate::field::CommaList;
use crate::sys::Page;

crate::fields! {
    /// Who makes the tokens.
    pub struct WriteConfig {
        /// Scheme, host and port that tokens name as their issuer; empty for the address of the server.
        issuer: String,
    }
}

crate::fields! {
    /// A key that signs tokens. What is not given stays as it was.
    pub struct WriteKey {
        /// Its name.
        name: String,
        /// How long it signs before the next one does: at least a minute.
        rotation_period: Option<Ttl>,
        /// How long its public half is published after that: at most ten rotation periods.
        verification_ttl: Option<Ttl>,
        /// `RS256`, `RS384`, `RS512`, `ES256`, `ES384`, `ES512` or `EdDSA`.
        algorithm: Option<String>,
        /// Client identifiers of the roles that may use it; `*` for all.
        allowed_client_ids: Option<CommaList>,
    }
}

crate::fields! {
    /// Names a key.
    pub struct KeyName {
        /// Its name.
        name: String,
    }
}

crate::fields! {
    /// A key to replace now.
    pub struct RotateKey {
        /// Its name.
        name: String,
        /// How long the former one is published, instead of what the key says; 0 for not at all.
        verification_ttl: Option<Ttl>,
    }
}

crate::fields! {
    /// What tokens of a role are like. What is not given stays as it was.
    pub struct WriteRole {
        /// Its name.
        name: String,
        /// Name of the key that signs them.
        key: Option<String>,
        /// More claims: a JSON object with placeholders such as `{{identity.entity.name}}`, as it is or in base64.
        template: Option<String>,
        /// How long they are good for: at most the `verification_ttl` of the key.
        ttl: Option<Ttl>,
        /// Whom they are meant for; made up where it is not given.
        client_id: Option<String>,
    }
}

crate::fields! {
    /// Names a role.
    pub struct RoleName {
        /// Its name.
        name: String,
    }
}

crate::fields! {
    /// A token to look at.
    pub struct Introspection {
        /// The token.
        token: String,
        /// Whom it must be meant for; anybody where it is not given.
        client_id: String,
    }
}

crate::endpoints! {
    /// Read who makes identity tokens.
    ReadConfig = Read "oidc/config" => Nothing;
    /// Say who makes identity tokens.
    UpdateConfig = Update "oidc/config" => WriteConfig;
    /// List keys of identity tokens.
    ListKeys = List "oidc/key" => Page;
    /// Read a key of identity tokens.
    ReadKey = Read "oidc/key/{name}" => KeyName;
    /// Write a key of identity tokens.
    UpdateKey = Update "oidc/key/{name}" => WriteKey;
    /// Delete a key that no role uses.
    DeleteKey = Delete "oidc/key/{name}" => KeyName;
    /// Replace a key by the next one.
    Rotate = Update "oidc/key/{name}/rotate" => RotateKey;
    /// List roles of identity tokens.
    ListRoles = List "oidc/role" => Page;
    /// Read a role of identity tokens.
    ReadRole = Read "oidc/role/{name}" => RoleName;
    /// Write a role of identity tokens.
    UpdateRole = Update "oidc/role/{name}" => WriteRole;
    /// Delete a role of identity tokens.
    DeleteRole = Delete "oidc/role/{name}" => RoleName;
    /// Make a token that proves who the caller is.
    GenerateToken = Read "oidc/token/{name}" => RoleName;
    /// Look at an identity token: is it genuine, and good now?
    Introspect = Update "oidc/introspect" => Introspection;
    /// Read where the keys of identity tokens are published.
    Discovery = Read "oidc/.well-known/openid-configuration" => Nothing;
    /// Read the published keys of identity tokens.
    PublishedKeys = Read "oidc/.well-known/keys" => Nothing;
}
