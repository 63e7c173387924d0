//! Logging in with the name and password of a directory (`auth/ldap/*`).

use arca_base::Ttl;

use crate::endpoint::Nothing;
use crate::field::CommaList;
use crate::sys::Page;

crate::role_fields! {
    /// How the directory is reached and searched. What is not given stays as it was.
    pub struct WriteConfig {
        /// URLs of the servers of the directory, separated by commas and tried in order: `ldaps://host` or `ldap://host`.
        url: Option<String>,
        /// Begin TLS on connections to `ldap://` with StartTLS.
        starttls: Option<bool>,
        /// Accept any certificate; whoever answers sees the passwords.
        insecure_tls: Option<bool>,
        /// Certificates of the authorities of the servers, in PEM; those of the machine when absent.
        certificate: Option<String>,
        /// Oldest version of TLS: `tls12` or `tls13`.
        tls_min_version: Option<String>,
        /// Newest version of TLS: `tls12` or `tls13`.
        tls_max_version: Option<String>,
        /// Certificate to show to the servers, in PEM.
        client_tls_cert: Option<String>,
        /// Private key of that certificate, in PEM.
        client_tls_key: Option<String>,
        /// Name of the account that searches.
        binddn: Option<String>,
        /// Password of the account that searches.
        bindpass: Option<String>,
        /// Where users are searched.
        userdn: Option<String>,
        /// The attribute of users that holds the name they log in with.
        userattr: Option<String>,
        /// Template of the filter that finds a user, of `.UserAttr` and `.Username`.
        userfilter: Option<String>,
        /// Domain of user principal names: users log in as `NAME@DOMAIN`.
        upndomain: Option<String>,
        /// Find users with a search without an account.
        discoverdn: Option<bool>,
        /// Refuse empty passwords; they are refused in any case.
        deny_null_bind: Option<bool>,
        /// Search groups on a connection of its own, without an account.
        anonymous_group_search: Option<bool>,
        /// Template of the filter that finds the groups of a user, of `.UserDN` and `.Username`.
        groupfilter: Option<String>,
        /// Where groups are searched.
        groupdn: Option<String>,
        /// The attribute of what the search for groups finds that names a group.
        groupattr: Option<String>,
        /// Take the groups, nested ones included, from the attribute `tokenGroups` of Active Directory.
        use_token_groups: Option<bool>,
        /// The name of the alias is the name given at login, not that of the directory.
        username_as_alias: Option<bool>,
        /// Tell upper from lower case in names of users and groups.
        case_sensitive_names: Option<bool>,
        /// How long the directory may take for one answer.
        request_timeout: Option<Ttl>,
        /// How long connecting to one server may take.
        connection_timeout: Option<Ttl>,
        /// When searches follow aliases: `never`, `finding`, `searching`, `always`.
        dereference_aliases: Option<String>,
        /// Entries of one page of a search; 0 for searches without pages.
        max_page_size: Option<i64>,
    }
}

crate::fields! {
    /// Names a user or a group.
    pub struct Name {
        /// The name.
        name: String,
    }
}

crate::fields! {
    /// What this server adds to a user of the directory.
    pub struct WriteUser {
        /// The name.
        name: String,
        /// Groups besides those of the directory.
        groups: CommaList,
        /// Policies of the tokens.
        policies: CommaList,
    }
}

crate::fields! {
    /// What members of a group get.
    pub struct WriteGroup {
        /// The name.
        name: String,
        /// Policies of the tokens.
        policies: CommaList,
    }
}

crate::fields! {
    /// Credentials of a user.
    pub struct Credentials {
        /// The name.
        username: String,
        /// The password.
        password: String,
    }
}

crate::endpoints! {
    /// Read how the directory is reached and searched.
    ReadConfig = Read "config" => Nothing;
    /// Say how the directory is reached and searched.
    UpdateConfig = Update "config" => WriteConfig;
    /// Try what logins need, and say what to do about what does not work.
    Check = Read "check" => Nothing;
    /// List groups that have policies.
    ListGroups = List "groups" => Page;
    /// Read the policies of a group.
    ReadGroup = Read "groups/{name*}" => Name;
    /// Write the policies of a group.
    UpdateGroup = Update "groups/{name*}" => WriteGroup;
    /// Forget the policies of a group.
    DeleteGroup = Delete "groups/{name*}" => Name;
    /// List users that have policies or groups here.
    ListUsers = List "users" => Page;
    /// Read the policies and groups of a user.
    ReadUser = Read "users/{name*}" => Name;
    /// Write the policies and groups of a user.
    UpdateUser = Update "users/{name*}" => WriteUser;
    /// Forget the policies and groups of a user.
    DeleteUser = Delete "users/{name*}" => Name;
    /// Log in with a name and a password.
    LogIn = Update "login/{username*}" => Credentials;
}
