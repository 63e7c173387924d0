//! Policies and capabilities.

use super::Page;
use crate::endpoint::Nothing;
use crate::field::CommaList;

crate::fields! {
    /// Names a policy.
    pub struct PolicyName {
        /// The policy.
        name: String,
    }
}

crate::fields! {
    /// A policy to write.
    pub struct WritePolicy {
        /// The policy.
        name: String,
        /// Its text in HCL or JSON, as it is or in base64.
        policy: String,
        /// The former name of `policy`.
        rules: String,
    }
}

crate::fields! {
    /// Paths to ask about.
    pub struct Capabilities {
        /// The token to ask about; the calling one when absent.
        token: String,
        /// The accessor of the token to ask about.
        accessor: String,
        /// The paths.
        paths: CommaList,
        /// The former name of `paths`.
        path: CommaList,
    }
}

crate::endpoints! {
    /// List policies.
    ReadPolicies = Read "policy" => Nothing;
    /// List policies.
    ListPolicies = List "policy" => Page;
    /// Read a policy.
    ReadPolicy = Read "policy/{name*}" => PolicyName;
    /// Write a policy.
    UpdatePolicy = Update "policy/{name*}" => WritePolicy;
    /// Delete a policy.
    DeletePolicy = Delete "policy/{name*}" => PolicyName;
    /// List policies.
    ListAclPolicies = List "policies/acl" => Page;
    /// Read a policy.
    ReadAclPolicy = Read "policies/acl/{name*}" => PolicyName;
    /// Write a policy.
    UpdateAclPolicy = Update "policies/acl/{name*}" => WritePolicy;
    /// Delete a policy.
    DeleteAclPolicy = Delete "policies/acl/{name*}" => PolicyName;
    /// What a token may do at paths.
    ReadCapabilities = Update "capabilities" => Capabilities;
    /// What the token of an accessor may do at paths.
    ReadCapabilitiesAccessor = Update "capabilities-accessor" => Capabilities;
    /// What the calling token may do at paths.
    ReadCapabilitiesSelf = Update "capabilities-self" => Capabilities;
}
