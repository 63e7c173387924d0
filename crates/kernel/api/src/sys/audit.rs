//! Audit devices.

use crate::endpoint::Nothing;
use crate::field::TextMap;

crate::fields! {
    /// Names a device.
    pub struct DevicePath {
        /// Its path.
        path: String,
    }
}

crate::fields! {
    /// A device to enable.
    pub struct Enable {
        /// Its path.
        path: String,
        /// `file`, `http`, `socket` or `syslog`.
        #[name = "type"]
        kind: String,
        /// What it is for.
        description: String,
        /// Settings of the device.
        options: Option<TextMap>,
        /// Accepted for compatibility.
        local: bool,
    }
}

crate::fields! {
    /// A text to hash as a device would.
    pub struct Hash {
        /// The device.
        path: String,
        /// The text.
        input: String,
    }
}

crate::endpoints! {
    /// List audit devices.
    List = Read "audit" => Nothing;
    /// Enable an audit device.
    EnableDevice = Update "audit/{path*}" => Enable;
    /// Disable an audit device.
    Disable = Delete "audit/{path*}" => DevicePath;
    /// Hash a text as a device would, to find it in its log.
    HashInput = Update "audit-hash/{path*}" => Hash;
}
