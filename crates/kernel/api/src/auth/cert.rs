//! Callers with a TLS client certificate (`auth/cert/*`).

use crate::endpoint::Nothing;
use crate::field::CommaList;

crate::role_fields! {
    /// A certificate to trust, and what those it vouches for get.
    pub struct WriteCert {
        /// The entry.
        name: String,
        /// A certificate in PEM: of an authority, or of one client.
        certificate: Option<String>,
        /// Name shown with the tokens.
        display_name: Option<String>,
        /// Globs; one must match the common name, or a DNS name or mailbox.
        allowed_names: Option<CommaList>,
        /// Globs; one must match the common name.
        allowed_common_names: Option<CommaList>,
        /// Globs; one must match a DNS name.
        allowed_dns_sans: Option<CommaList>,
        /// Globs; one must match a mailbox.
        allowed_email_sans: Option<CommaList>,
        /// Globs; one must match a URI.
        allowed_uri_sans: Option<CommaList>,
        /// Globs; one must match an organizational unit.
        allowed_organizational_units: Option<CommaList>,
        /// Extensions that must be there, as `oid:glob`, or `hex:oid:glob` for bytes; all must match.
        required_extensions: Option<CommaList>,
    }
}

crate::fields! {
    /// Names an entry.
    pub struct CertName {
        /// The entry.
        name: String,
    }
}

crate::fields! {
    /// What holds for every entry.
    pub struct WriteConfig {
        /// Whether tokens may be renewed without the certificate of the login.
        disable_binding: Option<bool>,
    }
}

crate::fields! {
    /// Serial numbers of certificates that are no longer good.
    pub struct WriteCrl {
        /// The list.
        name: String,
        /// A certificate revocation list: PEM, or DER in base64.
        crl: Option<String>,
        /// Where an authority publishes it; not supported.
        url: Option<String>,
    }
}

crate::fields! {
    /// Names a list.
    pub struct CrlName {
        /// The list.
        name: String,
    }
}

crate::endpoints! {
    /// Log in with the certificate of the TLS connection.
    LogIn = Update "login" => CertName;
    /// Read the configuration.
    ReadConfig = Read "config" => Nothing;
    /// Write the configuration.
    UpdateConfig = Update "config" => WriteConfig;
    /// List revocation lists.
    ListCrls = List "crls" => crate::sys::Page;
    /// Read a revocation list.
    ReadCrl = Read "crls/{name}" => CrlName;
    /// Write a revocation list.
    UpdateCrl = Update "crls/{name}" => WriteCrl;
    /// Delete a revocation list.
    DeleteCrl = Delete "crls/{name}" => CrlName;
    /// List entries.
    ListCerts = List "certs" => crate::sys::Page;
    /// Read an entry.
    ReadCert = Read "certs/{name}" => CertName;
    /// Write an entry.
    UpdateCert = Update "certs/{name}" => WriteCert;
    /// Delete an entry.
    DeleteCert = Delete "certs/{name}" => CertName;
}
