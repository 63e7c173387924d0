//! Init, seal, unseal and the keyring.

use arca_base::Ttl;

use crate::endpoint::Nothing;
use crate::field::TextList;

crate::fields! {
    /// How to split the key that opens the store.
    @folds_case
    pub struct Initialize {
        /// Shares of the unseal key.
        secret_shares: i64,
        /// Shares needed to unseal.
        secret_threshold: i64,
        /// PGP keys the shares are encrypted with.
        pgp_keys: Option<TextList>,
        /// PGP key the root token is encrypted with.
        root_token_pgp_key: String,
        /// Shares of the recovery key, with automatic unsealing.
        recovery_shares: i64,
        /// Recovery shares needed.
        recovery_threshold: i64,
        /// PGP keys the recovery shares are encrypted with.
        recovery_pgp_keys: Option<TextList>,
        /// Accepted for old clients; has no effect.
        stored_shares: i64,
    }
}

crate::fields! {
    /// A share of the unseal key.
    @folds_case
    pub struct Unseal {
        /// The share, in hexadecimal or base64.
        key: String,
        /// Forget the shares given so far.
        reset: bool,
        /// Move the store to another seal.
        migrate: bool,
    }
}

crate::fields! {
    /// When the data key is replaced by itself.
    pub struct RotateConfig {
        /// Whether it is.
        enabled: Option<bool>,
        /// After this many encryptions.
        max_operations: Option<i64>,
        /// After this long.
        interval: Option<Ttl>,
    }
}

crate::endpoints! {
    /// Whether the server is initialized.
    ReadInit = Read "init" => Nothing;
    /// Initialize the server: make the keys and the first root token.
    UpdateInit = Update "init" => Initialize;
    /// Whether the server is sealed, and how unsealing proceeds.
    ReadSealStatus = Read "seal-status" => Nothing;
    /// Give a share of the unseal key.
    UpdateUnseal = Update "unseal" => Unseal;
    /// Seal the server: forget the keys.
    UpdateSeal = Update "seal" => Nothing;
    /// The data key in use.
    ReadKeyStatus = Read "key-status" => Nothing;
    /// Replace the data key; what is stored stays readable.
    Rotate = Update "rotate" => Nothing;
    /// Replace the data key; what is stored stays readable.
    RotateKeyring = Update "rotate/keyring" => Nothing;
    /// When the data key is replaced by itself.
    ReadRotateConfig = Read "rotate/config" => Nothing;
    /// Change when the data key is replaced by itself.
    UpdateRotateConfig = Update "rotate/config" => RotateConfig;
}
