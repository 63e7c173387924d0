//! What the holders of key shares do together: a new root token, new shares.

use crate::endpoint::Nothing;
use crate::field::TextList;

crate::fields! {
    /// Begins the generation of a root token.
    pub struct StartRoot {
        /// What the token is combined with, as long as a token; the server makes one when absent.
        otp: String,
        /// PGP key the token is encrypted with; not supported.
        pgp_key: String,
    }
}

crate::fields! {
    /// A share, and which ceremony it is for.
    pub struct GiveShare {
        /// The share, in hexadecimal or base64.
        key: String,
        /// Identifies the ceremony.
        nonce: String,
    }
}

crate::fields! {
    /// How the new key is to be split.
    pub struct StartRekey {
        /// Shares of the new key.
        secret_shares: i64,
        /// New shares needed.
        secret_threshold: i64,
        /// PGP keys the shares are encrypted with; not supported.
        pgp_keys: Option<TextList>,
        /// Keep encrypted shares on the server; needs PGP keys.
        backup: bool,
        /// Put the new key in use only when enough of its shares have been given back.
        require_verification: bool,
        /// Accepted for old clients; has no effect.
        stored_shares: i64,
    }
}

crate::fields! {
    /// Names the ceremony to end.
    pub struct EndRekey {
        /// Identifies the ceremony; any when absent.
        nonce: String,
    }
}

crate::endpoints! {
    /// How the generation of a root token proceeds.
    ReadRoot = Read "generate-root/attempt" => Nothing;
    /// Begin the generation of a root token.
    UpdateRoot = Update "generate-root/attempt" => StartRoot;
    /// End the generation of a root token without one.
    DeleteRoot = Delete "generate-root/attempt" => Nothing;
    /// Give a share to the generation of a root token.
    UpdateRootShare = Update "generate-root/update" => GiveShare;

    /// How the change of the unseal key proceeds.
    ReadRekey = Read "rekey/init" => Nothing;
    /// Begin to change the unseal key.
    UpdateRekey = Update "rekey/init" => StartRekey;
    /// End the change of the unseal key; the old shares stay.
    DeleteRekey = Delete "rekey/init" => EndRekey;
    /// Give a share of the old unseal key.
    UpdateRekeyShare = Update "rekey/update" => GiveShare;
    /// How the verification of the new unseal key proceeds.
    ReadRekeyVerify = Read "rekey/verify" => Nothing;
    /// Give a share of the new unseal key back.
    UpdateRekeyVerify = Update "rekey/verify" => GiveShare;
    /// Begin the verification of the new unseal key again.
    DeleteRekeyVerify = Delete "rekey/verify" => Nothing;

    /// How the change of the recovery key proceeds.
    ReadRecoveryRekey = Read "rekey-recovery-key/init" => Nothing;
    /// Begin to change the recovery key.
    UpdateRecoveryRekey = Update "rekey-recovery-key/init" => StartRekey;
    /// End the change of the recovery key; the old shares stay.
    DeleteRecoveryRekey = Delete "rekey-recovery-key/init" => EndRekey;
    /// Give a share of the old recovery key.
    UpdateRecoveryRekeyShare = Update "rekey-recovery-key/update" => GiveShare;
    /// How the verification of the new recovery key proceeds.
    ReadRecoveryRekeyVerify = Read "rekey-recovery-key/verify" => Nothing;
    /// Give a share of the new recovery key back.
    UpdateRecoveryRekeyVerify = Update "rekey-recovery-key/verify" => GiveShare;
    /// Begin the verification of the new recovery key again.
    DeleteRecoveryRekeyVerify = Delete "rekey-recovery-key/verify" => Nothing;

    /// Encrypted shares kept on the server; there never are any.
    ReadRekeyBackup = Read "rekey/backup" => Nothing;
    /// Remove encrypted shares kept on the server.
    DeleteRekeyBackup = Delete "rekey/backup" => Nothing;
    /// Encrypted recovery shares kept on the server; there never are any.
    ReadRecoveryBackup = Read "rekey/recovery-key-backup" => Nothing;
    /// Remove encrypted recovery shares kept on the server.
    DeleteRecoveryBackup = Delete "rekey/recovery-key-backup" => Nothing;
}
