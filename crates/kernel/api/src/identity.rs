//! Entities, groups and their aliases (`identity/*`).

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
    /// Names an entity, a group or an alias by identifier.
    pub struct Id {
        /// The identifier.
        id: String,
    }
}

crate::fields! {
    /// Names an entity or a group by name.
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
    /// What to look an entity or a group up by; exactly one way.
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

crate::fields! {
    /// Entities to merge into one.
    pub struct MergeEntities {
        /// Identifiers of the entities that end.
        from_entity_ids: CommaList,
        /// Identifier of the entity that takes over their aliases, groups and tokens.
        to_entity_id: String,
        /// Decides for the target where second factors conflict.
        force: bool,
        /// Of two aliases at one mount, those to keep.
        conflicting_alias_ids_to_keep: CommaList,
    }
}

crate::fields! {
    /// Entities to delete.
    pub struct DeleteEntities {
        /// Their identifiers.
        entity_ids: CommaList,
    }
}

crate::fields! {
    /// A group to create or change.
    pub struct WriteGroup {
        /// Identifier of the group to change.
        id: String,
        /// Its name.
        name: String,
        /// `internal` (the default) or `external`; never changes.
        #[name = "type"]
        kind: String,
        /// Names and texts of the caller's own; replaces all former ones.
        metadata: Option<TextMap>,
        /// Policies every token of a member has.
        policies: Option<CommaList>,
        /// Identifiers of its member groups; replaces all former ones.
        member_group_ids: Option<CommaList>,
        /// Identifiers of its member entities; replaces all former ones.
        member_entity_ids: Option<CommaList>,
    }
}

crate::fields! {
    /// The alias of an external group to create or change.
    pub struct WriteGroupAlias {
        /// Identifier of the alias to change.
        id: String,
        /// Name the auth method knows the group by.
        name: String,
        /// Accessor of the auth mount.
        mount_accessor: String,
        /// Group it belongs to; a new one when absent.
        canonical_id: String,
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
    /// Merge entities into one.
    MergeIntoEntity = Update "entity/merge" => MergeEntities;
    /// Delete several entities.
    BatchDeleteEntities = Update "entity/batch-delete" => DeleteEntities;
    /// Create or change an alias, by its former name.
    UpdatePersona = Update "persona" => WriteAlias;
    /// Read an alias, by its former name.
    ReadPersona = Read "persona/id/{id}" => Id;
    /// Change an alias, by its former name.
    UpdatePersonaById = Update "persona/id/{id}" => WriteAlias;
    /// Delete an alias, by its former name.
    DeletePersona = Delete "persona/id/{id}" => Id;
    /// List aliases, by their former name.
    ListPersonas = List "persona/id" => Page;
    /// Create a group, or change one named by `id` or `name`.
    UpdateGroup = Update "group" => WriteGroup;
    /// Read a group.
    ReadGroupById = Read "group/id/{id}" => Id;
    /// Change a group.
    UpdateGroupById = Update "group/id/{id}" => WriteGroup;
    /// Delete a group; nobody is in it from then on.
    DeleteGroupById = Delete "group/id/{id}" => Id;
    /// List groups by identifier.
    ListGroupIds = List "group/id" => Page;
    /// Read a group.
    ReadGroupByName = Read "group/name/{name*}" => Name;
    /// Create or change a group.
    UpdateGroupByName = Update "group/name/{name*}" => WriteGroup;
    /// Delete a group; nobody is in it from then on.
    DeleteGroupByName = Delete "group/name/{name*}" => Name;
    /// List groups by name.
    ListGroupNames = List "group/name" => Page;
    /// Create or change the alias of an external group.
    UpdateGroupAlias = Update "group-alias" => WriteGroupAlias;
    /// Read the alias of a group.
    ReadGroupAlias = Read "group-alias/id/{id}" => Id;
    /// Change the alias of a group.
    UpdateGroupAliasById = Update "group-alias/id/{id}" => WriteGroupAlias;
    /// Delete the alias of a group.
    DeleteGroupAlias = Delete "group-alias/id/{id}" => Id;
    /// List the aliases of groups.
    ListGroupAliases = List "group-alias/id" => Page;
    /// Find an entity.
    LookupEntity = Update "lookup/entity" => Lookup;
    /// Find a group.
    LookupGroup = Update "lookup/group" => Lookup;
}
