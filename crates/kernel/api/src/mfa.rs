//! Second factors of logins (`identity/mfa/*`, `sys/mfa/*`).

use arca_base::Ttl;

use crate::endpoint::Nothing;
use crate::field::{Any, CommaList};

crate::fields! {
    /// A way to prove a second factor with passcodes that change with time. What is not given stays as it was.
    pub struct WriteTotp {
        /// Identifier of the method to change.
        method_id: String,
        /// A name for it, which logins may use instead of the identifier.
        method_name: Option<String>,
        /// Who the authenticator says the passcode is for.
        issuer: Option<String>,
        /// How long a passcode holds.
        period: Option<Ttl>,
        /// Bytes of the keys.
        key_size: Option<i64>,
        /// Width and height of QR codes in pixels; 0 for none.
        qr_size: Option<i64>,
        /// `SHA1`, `SHA256` or `SHA512`.
        algorithm: Option<String>,
        /// Digits of a passcode: 6 or 8.
        digits: Option<i64>,
        /// Periods before and after the current one whose passcodes hold too: 0 or 1.
        skew: Option<i64>,
        /// Wrong passcodes until a pause.
        max_validation_attempts: Option<i64>,
    }
}

crate::fields! {
    /// Names a method.
    pub struct Method {
        /// Its identifier.
        method_id: String,
    }
}

crate::fields! {
    /// Names the key of an entity.
    pub struct EntityKey {
        /// Identifier of the method.
        method_id: String,
        /// Identifier of the entity.
        entity_id: String,
    }
}

crate::fields! {
    /// Which logins need which second factors.
    pub struct WriteEnforcement {
        /// Its name.
        name: String,
        /// Identifiers of methods, one of which must be proved.
        mfa_method_ids: CommaList,
        /// Accessors of auth mounts whose logins need it.
        auth_method_accessors: CommaList,
        /// Types of auth methods whose logins need it.
        auth_method_types: CommaList,
        /// Groups whose members need it.
        identity_group_ids: CommaList,
        /// Entities that need it.
        identity_entity_ids: CommaList,
    }
}

crate::fields! {
    /// Names an enforcement.
    pub struct Enforcement {
        /// Its name.
        name: String,
    }
}

crate::fields! {
    /// Passcodes for a login that waits for them.
    pub struct Validation {
        /// What the login answered with.
        mfa_request_id: String,
        /// Lists of passcodes by method.
        mfa_payload: Any,
    }
}

crate::endpoints! {
    /// List methods.
    ListMethods = List "mfa/method" => Nothing;
    /// List TOTP methods.
    ListTotp = List "mfa/method/totp" => Nothing;
    /// Create a TOTP method.
    CreateTotp = Update "mfa/method/totp" => WriteTotp;
    /// Make the caller's own key of a method.
    Generate = Update "mfa/method/totp/generate" => Method;
    /// Make the key of an entity.
    GenerateFor = Update "mfa/method/totp/admin-generate" => EntityKey;
    /// Forget the key of an entity.
    DestroyFor = Update "mfa/method/totp/admin-destroy" => EntityKey;
    /// Read a TOTP method.
    ReadTotp = Read "mfa/method/totp/{method_id}" => Method;
    /// Change a TOTP method.
    UpdateTotp = Update "mfa/method/totp/{method_id}" => WriteTotp;
    /// Delete a TOTP method and its keys.
    DeleteTotp = Delete "mfa/method/totp/{method_id}" => Method;
    /// Read a method.
    ReadMethod = Read "mfa/method/{method_id}" => Method;
    /// List enforcements.
    ListEnforcements = List "mfa/login-enforcement" => Nothing;
    /// Read an enforcement.
    ReadEnforcement = Read "mfa/login-enforcement/{name}" => Enforcement;
    /// Write an enforcement.
    UpdateEnforcement = Update "mfa/login-enforcement/{name}" => WriteEnforcement;
    /// Delete an enforcement.
    DeleteEnforcement = Delete "mfa/login-enforcement/{name}" => Enforcement;
    /// Finish a login that waits for a second factor.
    Validate = Update "mfa/validate" => Validation;
}
