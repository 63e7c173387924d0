//! Namespaces (`sys/namespaces/*`).

use super::Page;
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

crate::endpoints! {
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
