//! Password policies.

use super::Page;

crate::fields! {
    /// Names a password policy.
    pub struct PasswordPolicyName {
        /// The policy.
        name: String,
    }
}

crate::fields! {
    /// A password policy to write.
    pub struct WritePasswordPolicy {
        /// The policy.
        name: String,
        /// Its text in HCL or JSON, as it is or in base64.
        policy: String,
    }
}

crate::endpoints! {
    /// List password policies.
    ListPasswordPolicies = List "policies/password" => Page;
    /// Make a password by a policy.
    GeneratePassword = Read "policies/password/{name*}/generate" => PasswordPolicyName;
    /// Read a password policy.
    ReadPasswordPolicy = Read "policies/password/{name*}" => PasswordPolicyName;
    /// Write a password policy.
    UpdatePasswordPolicy = Update "policies/password/{name*}" => WritePasswordPolicy;
    /// Delete a password policy.
    DeletePasswordPolicy = Delete "policies/password/{name*}" => PasswordPolicyName;
}
