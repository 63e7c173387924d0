//! Namespaces (`sys/namespaces/*`).

use super::Page;
use crate::endpoint::Nothing;
use crate::field::{Any, TextMap};

crate::fields! {
    /// A namespace to make, or whose texts to write.
    pub struct WriteNamespace {
        /// Its path, below the namespace of the request.
        path: String,
        /// Texts of whoever looks after it; what is not given is gone.
        custom_metadata: Option<TextMap>,
    }
}

crate::fields! {
    /// A namespace whose texts to change.
    pub struct PatchNamespace {
        /// Its path, below the namespace of the request.
        path: String,
        /// Texts to change; `null` takes one away.
        custom_metadata: Option<Any>,
    }
}

crate::fields! {
    /// Names a namespace.
    pub struct NamespacePath {
        /// Its path, below the namespace of the request.
        path: String,
    }
}

crate::fields! {
    /// A namespace to unlock.
    pub struct UnlockNamespace {
        /// Its path, below the namespace of the request; that one itself when absent.
        path: String,
        /// What locking it gave; not needed with a root token.
        unlock_key: String,
    }
}

crate::endpoints! {
    /// Lock this namespace: nothing is answered in it and below it until it is unlocked.
    LockHere = Update "namespaces/api-lock/lock" => Nothing;
    /// Lock a namespace.
    LockBelow = Update "namespaces/api-lock/lock/{path*}" => NamespacePath;
    /// Unlock this namespace.
    UnlockHere = Update "namespaces/api-lock/unlock" => UnlockNamespace;
    /// Unlock a namespace.
    UnlockBelow = Update "namespaces/api-lock/unlock/{path*}" => UnlockNamespace;
    /// List the namespaces directly below.
    ListNamespaces = List "namespaces" => Page;
    /// List all namespaces below, at any depth.
    ScanNamespaces = Scan "namespaces" => Page;
    /// Read a namespace.
    ReadNamespace = Read "namespaces/{path*}" => NamespacePath;
    /// Make a namespace, or write its texts.
    UpdateNamespace = Update "namespaces/{path*}" => WriteNamespace;
    /// Change the texts of a namespace.
    PatchNamespaceTexts = Patch "namespaces/{path*}" => PatchNamespace;
    /// Delete a namespace with everything in it, in the background.
    DeleteNamespace = Delete "namespaces/{path*}" => NamespacePath;
}
