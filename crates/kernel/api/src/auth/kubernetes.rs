//! Logging in with the service account token of a Kubernetes workload (`auth/kubernetes/*`).

use crate::endpoint::Nothing;
use crate::field::{Any, CommaList, TextList};
use crate::sys::Page;

crate::fields! {
    /// How the cluster is reached and its tokens are proved. Each write replaces all of it.
    pub struct WriteConfig {
        /// URL of the API server, such as `https://10.0.0.1:443`.
        kubernetes_host: String,
        /// Certificates of the authority of the API server, in PEM; that of the pod the server runs in when absent.
        kubernetes_ca_cert: String,
        /// Token that calls the API server; that of the pod the server runs in, or the caller's own, when absent.
        token_reviewer_jwt: String,
        /// Public keys, or certificates, in PEM, of which one must have signed a token.
        pem_keys: TextList,
        /// Issuer tokens must name, unless any is accepted.
        issuer: String,
        /// Whether any issuer is accepted; true when absent.
        disable_iss_validation: Option<bool>,
        /// Never use the token and the authority of the pod the server runs in.
        disable_local_ca_jwt: bool,
        /// Verify tokens with `pem_keys`, or with the keys the API server publishes, instead of asking it about each.
        use_local_verification: bool,
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
    /// Which service accounts may log in, and what their tokens are like.
    pub struct WriteRole {
        /// The role; upper and lower case are the same.
        name: String,
        /// Names of service accounts, with `*` as a wildcard.
        bound_service_account_names: Option<CommaList>,
        /// Namespaces of service accounts, with `*` as a wildcard.
        bound_service_account_namespaces: Option<CommaList>,
        /// Labels of namespaces, as a label selector in JSON or as `key=value,...`; not giving it removes it.
        bound_service_account_namespace_selector: Any,
        /// Audience tokens must be made for.
        audience: Option<String>,
        /// What identifies a service account: `serviceaccount_uid` or `serviceaccount_name`.
        alias_name_source: Option<String>,
    }
}

crate::fields! {
    /// A login.
    pub struct Login {
        /// The role.
        role: String,
        /// Token of the service account.
        jwt: String,
    }
}

crate::endpoints! {
    /// Read how the cluster is reached.
    ReadConfig = Read "config" => Nothing;
    /// Say how the cluster is reached, and try it.
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
    /// Log in.
    LogIn = Update "login" => Login;
}
