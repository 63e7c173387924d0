//! What the HTTP side of the server is told through the API: headers that are audited, CORS, headers of the web interface.

use crate::endpoint::Nothing;
use crate::field::{CommaList, TextList};

crate::fields! {
    /// Names a header.
    pub struct HeaderName {
        /// The header, in any case.
        header: String,
    }
}

crate::fields! {
    /// A request header to put into the audit log.
    pub struct AuditHeader {
        /// The header, in any case.
        header: String,
        /// Whether its values are hashed.
        hmac: bool,
    }
}

crate::fields! {
    /// From where browsers may use the API.
    pub struct WriteCors {
        /// Has no effect: writing turns CORS on, deleting turns it off.
        enable: Option<bool>,
        /// Origins such as `https://ui.example.com`, or `*` for any.
        allowed_origins: Option<CommaList>,
        /// Request headers scripts may send, besides those clients of this API need.
        allowed_headers: Option<CommaList>,
    }
}

crate::fields! {
    /// Which form of a header to show.
    pub struct UiHeaderForm {
        /// The header, in any case.
        header: String,
        /// Show all values in `values`, rather than the first in `value`.
        multivalue: bool,
    }
}

crate::fields! {
    /// A header of what the server answers outside the API.
    pub struct WriteUiHeader {
        /// The header, in any case.
        header: String,
        /// Its values.
        values: Option<TextList>,
    }
}

crate::endpoints! {
    /// List the request headers that are in the audit log.
    ListAuditedHeaders = Read "config/auditing/request-headers" => Nothing;
    /// Read how a request header is audited.
    ReadAuditedHeader = Read "config/auditing/request-headers/{header}" => HeaderName;
    /// Put a request header into the audit log.
    UpdateAuditedHeader = Update "config/auditing/request-headers/{header}" => AuditHeader;
    /// Leave a request header out of the audit log.
    DeleteAuditedHeader = Delete "config/auditing/request-headers/{header}" => HeaderName;
    /// Read from where browsers may use the API.
    ReadCors = Read "config/cors" => Nothing;
    /// Let browsers use the API from other origins.
    UpdateCors = Update "config/cors" => WriteCors;
    /// Let browsers use the API from its own origin only.
    DeleteCors = Delete "config/cors" => Nothing;
    /// List the headers of what is answered outside the API.
    ListUiHeaders = List "config/ui/headers" => Nothing;
    /// Read a header of what is answered outside the API.
    ReadUiHeader = Read "config/ui/headers/{header}" => UiHeaderForm;
    /// Set a header of what is answered outside the API.
    UpdateUiHeader = Update "config/ui/headers/{header}" => WriteUiHeader;
    /// Remove a header of what is answered outside the API.
    DeleteUiHeader = Delete "config/ui/headers/{header}" => HeaderName;
}
