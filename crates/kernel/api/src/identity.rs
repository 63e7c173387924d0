//! Entities and their aliases (`identity/*`).

use crate::field::{CommaList, TextMap};
use crate::sys::Page;

crate::fields! {
    /// An entity to create or change.
    pub struct WriteEntity {
        /// Identifier of the entity to change.
        id: String,
        /// Its name.
        name: String,
        /// Names and texts of the caller's own; replaces all former ones.
        metadata: Option<TextMap>,
        /// Policies every token of the entity has.
        policies: Option<CommaList>,
        /// Whether its tokens are refused.
        disabled: Option<bool>,
    }
}

crate::fields! {
    /// Names an entity or an alias by identifier.
    pub struct Id {
        /// The identifier.
        id: String,
    }
}

crate::fields! {
    /// Names an entity by name.
    pub struct Name {
        /// The name.
        name: String,
    }
}

crate::fields! {
    /// An alias to create or change.
    pub struct WriteAlias {
        /// Identifier of the alias to change.
        id: String,
        /// Name the auth method knows the caller by.
        name: String,
        /// Accessor of the auth mount.
        mount_accessor: String,
        /// Entity it belongs to; a new one when absent.
        canonical_id: String,
        /// The former name of `canonical_id`.
        entity_id: String,
        /// Names and texts of the caller's own.
        custom_metadata: Option<TextMap>,
    }
}

crate::fields! {
    /// What to look an entity up by; exactly one way.
    pub struct Lookup {
        /// Its identifier.
        id: String,
        /// Its name.
        name: String,
        /// Identifier of one of its aliases.
        alias_id: String,
        /// Name of one of its aliases, with `alias_mount_accessor`.
        alias_name: String,
        /// Accessor of the auth mount of that alias.
        alias_mount_accessor: String,
    }
}

crate::endpoints! {
    /// Create an entity, or change one named by `id` or `name`.
    UpdateEntity = Update "entity" => WriteEntity;
    /// Read an entity.
    ReadEntityById = Read "entity/id/{id}" => Id;
    /// Change an entity.
    UpdateEntityById = Update "entity/id/{id}" => WriteEntity;
    /// Delete an entity; its tokens are refused from then on.
    DeleteEntityById = Delete "entity/id/{id}" => Id;
    /// List entities by identifier.
    ListEntityIds = List "entity/id" => Page;
    /// Read an entity.
    ReadEntityByName = Read "entity/name/{name*}" => Name;
    /// Create or change an entity.
    UpdateEntityByName = Update "entity/name/{name*}" => WriteEntity;
    /// Delete an entity; its tokens are refused from then on.
    DeleteEntityByName = Delete "entity/name/{name*}" => Name;
    /// List entities by name.
    ListEntityNames = List "entity/name" => Page;
    /// Create or change an alias.
    UpdateAlias = Update "entity-alias" => WriteAlias;
    /// Read an alias.
    ReadAlias = Read "entity-alias/id/{id}" => Id;
    /// Change an alias.
    UpdateAliasById = Update "entity-alias/id/{id}" => WriteAlias;
    /// Delete an alias.
    DeleteAlias = Delete "entity-alias/id/{id}" => Id;
    /// List aliases.
    ListAliases = List "entity-alias/id" => Page;
    /// Find an entity.
    LookupEntity = Update "lookup/entity" => Lookup;
}
