//! Database users that live as long as their leases, and passwords that change by schedule.

mod config;

pub use config::WriteConfig;

use arca_base::Ttl;

use crate::field::{Any, TextMap};

crate::fields! {
    /// Names a configuration or a role.
    pub struct Name {
        /// The name.
        name: String,
    }
}

crate::fields! {
    /// A list of the names in a folder.
    pub struct Names {
        /// The folder: empty, or ending in a slash.
        folder: String,
        /// Only names after this one.
        after: String,
        /// At most this many names; 0 for all.
        limit: i64,
    }
}

crate::fields! {
    /// Names a plugin.
    pub struct Plugin {
        /// The name of the plugin.
        plugin_name: String,
    }
}

crate::fields! {
    /// A role: how users are made.
    pub struct WriteRole {
        /// Name of the role.
        name: String,
        /// The configuration whose database its users live in.
        db_name: Option<String>,
        /// Statements that make a user; `{{name}}`, `{{password}}` and `{{expiration}}` are filled in.
        creation_statements: Option<Any>,
        /// Statements that drop a user; empty for the way of the database.
        revocation_statements: Option<Any>,
        /// Statements that undo a half-made user.
        rollback_statements: Option<Any>,
        /// Statements that extend a user; empty for the way of the database.
        renew_statements: Option<Any>,
        /// How long leases live when nobody says otherwise.
        default_ttl: Option<Ttl>,
        /// How long leases live at most.
        max_ttl: Option<Ttl>,
        /// What users prove themselves with: `password`, `rsa_private_key` or `client_certificate`.
        credential_type: Option<String>,
        /// Settings of the credential, such as `password_policy`.
        credential_config: Option<TextMap>,
        /// At most this many leases at a time; 0 for any number.
        max_leases: Option<i64>,
        /// At most this many leases at a time for one entity; 0 for any number.
        max_leases_per_entity: Option<i64>,
    }
}

crate::fields! {
    /// A static role: a user that is there already and whose password changes.
    pub struct WriteStaticRole {
        /// Name of the role.
        name: String,
        /// The configuration whose database the user lives in.
        db_name: Option<String>,
        /// The user.
        username: Option<String>,
        /// How often its password changes.
        rotation_period: Option<Ttl>,
        /// When its password changes: five fields as of cron, in UTC.
        rotation_schedule: Option<String>,
        /// How long after each scheduled time it may still be changed.
        rotation_window: Option<Ttl>,
        /// Statements that change the password; empty for the way of the database.
        rotation_statements: Option<Any>,
        /// Statements run before the password changes; where one fails, it does not change.
        pre_rotation_statements: Option<Any>,
        /// Statements run once the password has changed; where one fails, they are run again later.
        post_rotation_statements: Option<Any>,
        /// What the user proves itself with.
        credential_type: Option<String>,
        /// Settings of the credential, such as `password_policy`.
        credential_config: Option<TextMap>,
    }
}

crate::endpoints! {
    /// List configurations.
    ListConfigs = List "config" => Names;
    /// Read a configuration; credentials are left out.
    ReadConfig = Read "config/{name}" => Name;
    /// Write a configuration: how to reach a database and log in.
    UpdateConfig = Update "config/{name}" => WriteConfig;
    /// Delete a configuration. Leases of its roles cannot be ended until it is there again.
    DeleteConfig = Delete "config/{name}" => Name;
    /// Close the connections of a configuration and open them again when they are needed.
    ResetConfig = Update "reset/{name}" => Name;
    /// Do the same with every configuration of a plugin.
    ReloadPlugin = Update "reload/{plugin_name}" => Plugin;
    /// Change the password that a configuration logs in with.
    RotateRoot = Update "rotate-root/{name}" => Name;
    /// Compare the users in a database with the leases there are.
    ReadCensus = Read "census/{name}" => Name;
    /// List roles.
    ListRoles = List "roles/{folder/}" => Names;
    /// Read a role.
    ReadRole = Read "roles/{name*}" => Name;
    /// Write a role.
    UpdateRole = Update "roles/{name*}" => WriteRole;
    /// Delete a role; its users live on until their leases end.
    DeleteRole = Delete "roles/{name*}" => Name;
    /// Make a user of a role.
    ReadCredentials = Read "creds/{name*}" => Name;
    /// List static roles.
    ListStaticRoles = List "static-roles/{folder/}" => Names;
    /// Read a static role.
    ReadStaticRole = Read "static-roles/{name*}" => Name;
    /// Write a static role. A new one changes the password at once.
    UpdateStaticRole = Update "static-roles/{name*}" => WriteStaticRole;
    /// Delete a static role; the user and its password stay as they are.
    DeleteStaticRole = Delete "static-roles/{name*}" => Name;
    /// Read the credentials of a static role.
    ReadStaticCredentials = Read "static-creds/{name*}" => Name;
    /// Change the password of a static role now.
    RotateRole = Update "rotate-role/{name*}" => Name;
}
