//! Secret engines, auth methods and the remount of either.

use super::Page;
use crate::endpoint::Nothing;
use crate::field::{Any, CommaList, TextMap};

crate::fields! {
    /// Names a mount.
    pub struct MountPath {
        /// Where it is mounted.
        path: String,
    }
}

crate::fields! {
    /// An engine to mount.
    pub struct Enable {
        /// Where to mount it.
        path: String,
        /// Which engine.
        #[name = "type"]
        kind: String,
        /// What it is for.
        description: String,
        /// Lease times and other settings of the mount.
        config: Any,
        /// Settings of the engine, for instance `version`.
        options: Option<TextMap>,
        /// Accepted for compatibility; every node sees every mount.
        local: bool,
        /// Accepted for compatibility; everything is sealed.
        seal_wrap: bool,
        /// Accepted for compatibility.
        external_entropy_access: bool,
        /// Which engine, where `type` is `plugin`.
        plugin_name: String,
        /// Accepted for compatibility; engines are built in.
        plugin_version: String,
    }
}

crate::fields! {
    /// Settings of a mount to change.
    pub struct Tune {
        /// Where it is mounted.
        path: String,
        /// What it is for.
        description: Option<String>,
        /// How long leases live when nobody says otherwise; `system` for the server's default.
        default_lease_ttl: Option<Any>,
        /// How long leases live at most; `system` for the server's maximum.
        max_lease_ttl: Option<Any>,
        /// Request fields the audit log shows as they are.
        audit_non_hmac_request_keys: Option<CommaList>,
        /// Response fields the audit log shows as they are.
        audit_non_hmac_response_keys: Option<CommaList>,
        /// `unauth` shows the mount to callers without a token; `hidden` or empty does not.
        listing_visibility: Option<String>,
        /// Request headers handed to the engine.
        passthrough_request_headers: Option<CommaList>,
        /// Response headers the engine may set.
        allowed_response_headers: Option<CommaList>,
        /// Kind of the tokens an auth method issues.
        token_type: Option<String>,
        /// Settings of the engine, for instance `version`.
        options: Option<TextMap>,
        /// When callers of an auth method are locked out.
        user_lockout_config: Any,
        /// Accepted for compatibility; engines are built in.
        plugin_version: Option<String>,
    }
}

crate::fields! {
    /// A mount to move.
    pub struct Remount {
        /// Where it is.
        from: String,
        /// Where it shall be.
        to: String,
    }
}

crate::fields! {
    /// Names a migration.
    pub struct Migration {
        /// The identifier the remount answered with.
        migration_id: String,
    }
}

crate::fields! {
    /// How the document of the API shall be written.
    pub struct ApiDocument {
        /// Appended to the identifier of each operation.
        context: String,
        /// Whether mounts of one kind share paths with a parameter instead of standing under their own.
        generic_mount_paths: bool,
    }
}

crate::endpoints! {
    /// List secret engines.
    ListMounts = Read "mounts" => Page;
    /// Read the settings of a mount.
    ReadTune = Read "mounts/{path*}/tune" => MountPath;
    /// Change the settings of a mount.
    UpdateTune = Update "mounts/{path*}/tune" => Tune;
    /// Read a secret engine.
    ReadMount = Read "mounts/{path*}" => MountPath;
    /// Mount a secret engine.
    EnableMount = Update "mounts/{path*}" => Enable;
    /// Unmount a secret engine, revoke its leases and delete its data.
    DisableMount = Delete "mounts/{path*}" => MountPath;
    /// List auth methods.
    ListAuth = Read "auth" => Page;
    /// Read the settings of an auth method.
    ReadAuthTune = Read "auth/{path*}/tune" => MountPath;
    /// Change the settings of an auth method.
    UpdateAuthTune = Update "auth/{path*}/tune" => Tune;
    /// Read an auth method.
    ReadAuth = Read "auth/{path*}" => MountPath;
    /// Enable an auth method.
    EnableAuth = Update "auth/{path*}" => Enable;
    /// Disable an auth method and revoke its tokens.
    DisableAuth = Delete "auth/{path*}" => MountPath;
    /// Move a mount.
    UpdateRemount = Update "remount" => Remount;
    /// How a move proceeds.
    ReadRemount = Read "remount/status/{migration_id}" => Migration;
    /// Mounts the caller can see.
    ReadUiMounts = Read "internal/ui/mounts" => Nothing;
    /// The mount a path lies in.
    ReadUiMount = Read "internal/ui/mounts/{path*}" => MountPath;
    /// The mount a path lies in.
    ReadUiMountFolder = Read "internal/ui/mounts/{path/}" => MountPath;
    /// Everything the calling token may do.
    ReadResultantAcl = Read "internal/ui/resultant-acl" => Nothing;
    /// The API of the mounts the caller can see, as OpenAPI 3.
    ReadApiDocument = Read "internal/specs/openapi" => ApiDocument;
    /// The API of the mounts the caller can see, as OpenAPI 3.
    WriteApiDocument = Update "internal/specs/openapi" => ApiDocument;
    /// Namespaces the caller can see.
    ReadUiNamespaces = Read "internal/ui/namespaces" => Nothing;
}
