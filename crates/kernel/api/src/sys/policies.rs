//! Policies and capabilities.

use arca_base::Ttl;

use super::Page;
use crate::endpoint::Nothing;
use crate::field::{Any, CommaList};

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

crate::fields! {
    /// A request to explain the verdict about. At most one of `token`, `accessor`, `entity_id` and `policies`
    /// says whose it would be; the caller's when all are absent.
    pub struct ExplainPolicies {
        /// What would be done: create, read, update, delete, list, patch or scan.
        operation: String,
        /// Where.
        path: String,
        /// The token that would be sent.
        token: String,
        /// The accessor of the token that would be sent.
        accessor: String,
        /// The entity that would ask; counts what the entity and its groups have.
        entity_id: String,
        /// The names of the policies that would count.
        policies: CommaList,
        /// The parameters that would be sent; none when absent.
        parameters: Option<Any>,
        /// The wrapping TTL that would be sent; none when absent.
        wrap_ttl: Option<Ttl>,
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
    /// Why a request would be allowed or denied.
    ExplainVerdict = Update "policies/explain" => ExplainPolicies;
    /// What a token may do at paths.
    ReadCapabilities = Update "capabilities" => Capabilities;
    /// What the token of an accessor may do at paths.
    ReadCapabilitiesAccessor = Update "capabilities-accessor" => Capabilities;
    /// What the calling token may do at paths.
    ReadCapabilitiesSelf = Update "capabilities-self" => Capabilities;
}
