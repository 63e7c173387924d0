//! Logging in with signed tokens of somebody else (`jwt`), and through the browser (`oidc`): `auth/jwt/*`,
//! `auth/oidc/*`. One method, mounted as either type.

use arca_base::GoDuration;

use crate::endpoint::Nothing;
use crate::field::{Any, CommaList, TextList, TextMap};
use crate::sys::Page;

crate::fields! {
    /// Where the keys of tokens come from. Each write replaces all of it.
    pub struct WriteConfig {
        /// URL of a provider, without `/.well-known/openid-configuration`; must be its issuer, letter by letter.
        oidc_discovery_url: String,
        /// Certificates of the authority of the provider, in PEM; those of the machine when absent.
        oidc_discovery_ca_pem: String,
        /// Identifier of this server at the provider, for logins through the browser.
        oidc_client_id: String,
        /// Secret that goes with `oidc_client_id`. Never shown.
        oidc_client_secret: String,
        /// How the provider sends the browser back: `query` or `form_post`.
        oidc_response_mode: String,
        /// What the provider is asked for; only `code` is supported.
        oidc_response_types: CommaList,
        /// URL of a JWK set.
        jwks_url: String,
        /// Certificates of the authority of `jwks_url`, in PEM; those of the machine when absent.
        jwks_ca_pem: String,
        /// Several of them: a list of objects with `jwks_url` and `jwks_ca_pem`.
        jwks_pairs: Any,
        /// Public keys, or certificates, in PEM.
        jwt_validation_pubkeys: TextList,
        /// Algorithms tokens may be signed with; any but `none` and those with shared keys when absent.
        jwt_supported_algs: CommaList,
        /// Role of logins that name none.
        default_role: String,
        /// Issuer tokens must name (`iss`); with `oidc_discovery_url`, that of the provider when absent.
        bound_issuer: String,
        /// Settings of special providers; must be empty.
        provider_config: TextMap,
        /// Accepted for the sake of existing clients; there is nothing to decide.
        namespace_in_state: Option<bool>,
        /// Keep the settings also when the keys cannot be got now.
        skip_jwks_validation: bool,
        /// Fills in what is not given for tokens of `github` or `gitlab` pipelines.
        preset: String,
    }
}

crate::fields! {
    /// Names a role.
    pub struct RoleName {
        /// The role; upper and lower case are the same.
        name: String,
    }
}

crate::role_fields! {
    /// Which tokens are accepted, and what the tokens given for them are like.
    pub struct WriteRole {
        /// The role; upper and lower case are the same.
        name: String,
        /// `jwt` for tokens sent to `login`, `oidc` for the browser; `oidc` when absent.
        role_type: Option<String>,
        /// Audiences, of which tokens must name one (`aud`).
        bound_audiences: Option<CommaList>,
        /// Whom tokens must be about (`sub`).
        bound_subject: Option<String>,
        /// Claims tokens must have: a value, or a list of which one must match, by name or JSON pointer.
        bound_claims: Option<Any>,
        /// How `bound_claims` are compared: `string` or `glob`.
        bound_claims_type: Option<String>,
        /// From claims to the names they have in the metadata of tokens.
        claim_mappings: Option<TextMap>,
        /// The claim that tells callers apart.
        user_claim: Option<String>,
        /// Read `user_claim` as a JSON pointer.
        user_claim_json_pointer: Option<bool>,
        /// The claim that lists the groups of the caller.
        groups_claim: Option<String>,
        /// How long after `nbf` or `iat` tokens without `exp` are good; 0 for 150 seconds, negative for none.
        expiration_leeway: Option<GoDuration>,
        /// How long before `exp` tokens without `nbf` and `iat` are good; 0 for 150 seconds, negative for none.
        not_before_leeway: Option<GoDuration>,
        /// How far clocks may be apart; 0 for 60 seconds, negative for none.
        clock_skew_leeway: Option<GoDuration>,
        /// How long ago the caller may have proved who they are to the provider; 0 for any time.
        max_age: Option<arca_base::Ttl>,
        /// Where the browser may be sent back to.
        allowed_redirect_uris: Option<CommaList>,
        /// What the provider is asked to tell, besides `openid`.
        oidc_scopes: Option<CommaList>,
        /// Log the names of the claims of each login through the browser.
        verbose_oidc_logging: Option<bool>,
    }
}

crate::fields! {
    /// A login with a token.
    pub struct Login {
        /// The role; that of the configuration when absent.
        role: String,
        /// The token.
        jwt: String,
    }
}

crate::fields! {
    /// The beginning of a login through the browser.
    pub struct AuthUrl {
        /// The role; that of the configuration when absent.
        role: String,
        /// Where the browser is sent back to.
        redirect_uri: String,
        /// A random text that the end of the login must bring again.
        client_nonce: String,
    }
}

crate::fields! {
    /// What the provider sent the browser back with.
    pub struct Callback {
        /// Names the login.
        state: String,
        /// What the provider gives tokens for.
        code: String,
        /// Not used: tokens come from the provider only.
        id_token: String,
        /// The text the login began with.
        client_nonce: String,
        /// What the provider says went wrong.
        error: String,
        /// The same, for people.
        error_description: String,
    }
}

crate::endpoints! {
    /// Read where keys come from.
    ReadConfig = Read "config" => Nothing;
    /// Say where keys come from, and get them.
    UpdateConfig = Update "config" => WriteConfig;
    /// Try what logins need, and say what to do about what does not work.
    Check = Read "check" => Nothing;
    /// List roles.
    ListRoles = List "role" => Page;
    /// Read a role.
    ReadRole = Read "role/{name}" => RoleName;
    /// Write a role.
    UpdateRole = Update "role/{name}" => WriteRole;
    /// Delete a role.
    DeleteRole = Delete "role/{name}" => RoleName;
    /// Log in with a token.
    LogIn = Update "login" => Login;
    /// Begin a login through the browser.
    BeginLogin = Update "oidc/auth_url" => AuthUrl;
    /// End a login through the browser.
    EndLogin = Read "oidc/callback" => Callback;
    /// What a browser brings that was sent back with a form.
    KeepCallback = Update "oidc/callback" => Callback;
}
