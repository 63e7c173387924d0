//! Randomness and digests (`sys/tools/*`).

crate::fields! {
    /// Random bytes to make. What the path says counts.
    pub struct Random {
        /// `platform`, `seal` or `all`, which are one here; in a path of one part it may be the number of bytes.
        source: String,
        /// How many bytes, where the path says so.
        urlbytes: String,
        /// How many bytes; 32 when absent.
        bytes: Option<i64>,
        /// `base64` or `hex`; `base64` when empty.
        format: String,
    }
}

crate::fields! {
    /// Bytes to digest. What the path says counts.
    pub struct Hash {
        /// The digest, where the path says so.
        urlalgorithm: String,
        /// The bytes, in base64.
        input: Option<String>,
        /// `sha2-224`, `sha2-256`, `sha2-384`, `sha2-512`, `sha3-256`, `sha3-384` or `sha3-512`; `sha2-256` when empty.
        algorithm: String,
        /// `hex` or `base64`; `hex` when empty.
        format: String,
    }
}

crate::endpoints! {
    /// Make random bytes.
    UpdateRandom = Update "tools/random" => Random;
    /// Make random bytes.
    UpdateRandomOf = Update "tools/random/{source}" => Random;
    /// Make random bytes.
    UpdateRandomBytes = Update "tools/random/{source}/{urlbytes}" => Random;
    /// Digest bytes.
    UpdateHash = Update "tools/hash" => Hash;
    /// Digest bytes.
    UpdateHashBy = Update "tools/hash/{urlalgorithm}" => Hash;
}
