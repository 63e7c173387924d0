//! Roles for machines, which log in with a role id and a secret id (`auth/approle/*`).

use arca_base::Ttl;

use crate::endpoint::Nothing;
use crate::field::{Any, CommaList};

crate::role_fields! {
    /// A role to write.
    pub struct WriteRole {
        /// The role.
        role_name: String,
        /// The role id; random when absent.
        role_id: Option<String>,
        /// Whether a login needs a secret id; true when absent.
        bind_secret_id: Option<bool>,
        /// Networks logins may come from.
        secret_id_bound_cidrs: Option<CommaList>,
        /// The former name of `secret_id_bound_cidrs`.
        bound_cidr_list: Option<CommaList>,
        /// Logins a secret id is good for; 0 for any number.
        secret_id_num_uses: Option<i64>,
        /// How long secret ids live; 0 for ever.
        secret_id_ttl: Option<Ttl>,
        /// Accepted when the role is made, for compatibility; every node sees every secret id.
        local_secret_ids: Option<bool>,
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
    /// Names a setting of a role.
    pub struct Setting {
        /// The role.
        role_name: String,
        /// The setting, with dashes: `token-ttl`.
        setting: String,
    }
}

crate::role_fields! {
    /// A setting of a role to write, under the name it has in the role.
    pub struct WriteSetting {
        /// The role.
        role_name: String,
        /// The setting, with dashes: `token-ttl`.
        setting: String,
        /// Whether a login needs a secret id.
        bind_secret_id: Option<bool>,
        /// Networks logins may come from.
        secret_id_bound_cidrs: Option<CommaList>,
        /// The former name of `secret_id_bound_cidrs`.
        bound_cidr_list: Option<CommaList>,
        /// Logins a secret id is good for; 0 for any number.
        secret_id_num_uses: Option<i64>,
        /// How long secret ids live; 0 for ever.
        secret_id_ttl: Option<Ttl>,
    }
}

crate::fields! {
    /// A role id to give to a role.
    pub struct WriteRoleId {
        /// The role.
        role_name: String,
        /// The role id.
        role_id: String,
    }
}

crate::fields! {
    /// A secret id to make.
    pub struct CreateSecretId {
        /// The role.
        role_name: String,
        /// Texts shown with the tokens of its logins: an object, its JSON text, or `key=value` pairs.
        metadata: Any,
        /// Networks logins with it may come from; within those of the role.
        cidr_list: Option<CommaList>,
        /// Networks its tokens may be used from; within those of the role.
        token_bound_cidrs: Option<CommaList>,
        /// Logins it is good for; 0 for any number.
        num_uses: Option<i64>,
        /// How long it lives; 0 for ever.
        ttl: Option<Ttl>,
    }
}

crate::fields! {
    /// A secret id to register.
    pub struct CustomSecretId {
        /// The role.
        role_name: String,
        /// The secret id.
        secret_id: String,
        /// Texts shown with the tokens of its logins: an object, its JSON text, or `key=value` pairs.
        metadata: Any,
        /// Networks logins with it may come from; within those of the role.
        cidr_list: Option<CommaList>,
        /// Networks its tokens may be used from; within those of the role.
        token_bound_cidrs: Option<CommaList>,
        /// Logins it is good for; 0 for any number.
        num_uses: Option<i64>,
        /// How long it lives; 0 for ever.
        ttl: Option<Ttl>,
    }
}

crate::fields! {
    /// The secret ids of a role.
    pub struct SecretIds {
        /// The role.
        role_name: String,
        /// Start after this accessor.
        after: String,
        /// At most so many.
        limit: i64,
    }
}

crate::fields! {
    /// Names a secret id.
    pub struct SecretId {
        /// The role.
        role_name: String,
        /// The secret id.
        secret_id: String,
    }
}

crate::fields! {
    /// Names a secret id by its accessor.
    pub struct Accessor {
        /// The role.
        role_name: String,
        /// The accessor.
        secret_id_accessor: String,
    }
}

crate::fields! {
    /// Credentials of a machine.
    pub struct Login {
        /// The role id.
        role_id: String,
        /// The secret id, if the role wants one.
        secret_id: String,
    }
}

crate::endpoints! {
    /// Log in with a role id and a secret id.
    LogIn = Update "login" => Login;
    /// List roles.
    ListRoles = List "role" => crate::sys::Page;
    /// Read a role.
    ReadRole = Read "role/{role_name}" => RoleName;
    /// Write a role.
    UpdateRole = Update "role/{role_name}" => WriteRole;
    /// Delete a role and its secret ids.
    DeleteRole = Delete "role/{role_name}" => RoleName;
    /// Read the role id.
    ReadRoleId = Read "role/{role_name}/role-id" => RoleName;
    /// Give the role another role id.
    UpdateRoleId = Update "role/{role_name}/role-id" => WriteRoleId;
    /// Whether secret ids belong to one node.
    ReadLocalSecretIds = Read "role/{role_name}/local-secret-ids" => RoleName;
    /// List the accessors of secret ids.
    ListSecretIds = List "role/{role_name}/secret-id" => SecretIds;
    /// Make a secret id.
    CreateSecret = Update "role/{role_name}/secret-id" => CreateSecretId;
    /// Register a secret id that was made elsewhere.
    CreateCustomSecret = Update "role/{role_name}/custom-secret-id" => CustomSecretId;
    /// Look at a secret id.
    LookupSecret = Update "role/{role_name}/secret-id/lookup" => SecretId;
    /// Make a secret id useless.
    DestroySecret = Update "role/{role_name}/secret-id/destroy" => SecretId;
    /// Make a secret id useless.
    DestroySecretByDelete = Delete "role/{role_name}/secret-id/destroy" => SecretId;
    /// Look at a secret id by its accessor.
    LookupAccessor = Update "role/{role_name}/secret-id-accessor/lookup" => Accessor;
    /// Make a secret id useless, by its accessor.
    DestroyAccessor = Update "role/{role_name}/secret-id-accessor/destroy" => Accessor;
    /// Make a secret id useless, by its accessor.
    DestroyAccessorByDelete = Delete "role/{role_name}/secret-id-accessor/destroy" => Accessor;
    /// Read one setting of a role.
    ReadSetting = Read "role/{role_name}/{setting}" => Setting;
    /// Change one setting of a role.
    UpdateSetting = Update "role/{role_name}/{setting}" => WriteSetting;
    /// Put one setting of a role back to its default.
    DeleteSetting = Delete "role/{role_name}/{setting}" => Setting;
    /// Remove secret ids that have expired, and what deleted roles have left.
    Tidy = Update "tidy/secret-id" => Nothing;
}
