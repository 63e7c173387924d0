//! Snapshots: everything a store holds as of one revision, as one file, and the way back.
//!
//! A snapshot is a gzip of a tar archive (the form tools of the field expect), in this order:
//!
//! | member | holds |
//! |---|---|
//! | `meta.json` | [`Header`]: which store, which revision, when |
//! | `rows/00000001`, ... | rows in the order of their keys: `length (4 bytes, big endian) \|\| key \|\| length (4) \|\| value` |
//! | `summary.json` | [`Summary`]: how many rows, parts and bytes |
//! | `SHA256SUMS` | digests of `meta.json`, of all parts one after the other as `rows`, and of `summary.json` |
//! | `SHA256SUMS.sealed` | `SHA256SUMS` sealed by the data key of the store: nobody else could have written it |
//!
//! Rows are as the store holds them, sealed; what the store holds in the clear (numbers of shares) is in the clear here
//! too. Reading needs no key and little memory: [`Unpacker`] is fed with bytes and gives members. Whatever is wrong
//! with a file is a [`BadSnapshot`], which names it.
//!
//! | question | answer |
//! |---|---|
//! | how is one made | [`export`](self::export) |
//! | how is one put back | [`restore`](self::restore) |
//! | what is in one | [`examine`](self::examine) |

mod examine;
mod export;
mod gunzip;
mod manifest;
mod member;
mod pack;
pub(crate) mod restore;
mod rows;
mod unpack;
mod upload;

pub use examine::{Examined, Examiner, Holding};
pub use export::Download;
pub use manifest::{Header, Summary, VERSION};
pub use pack::Packer;
pub use restore::is_being_restored;
pub use rows::RowsOf;
pub use unpack::{BadSnapshot, Item, Unpacker, Whole};
pub use upload::{Upload, UploadSender, takes_upload, upload};

/// What the seal over `SHA256SUMS` is bound to.
pub(crate) const SEAL_LABEL: &str = "snapshot";
/// Rows are gathered into parts of this size; a part ends with the row that reaches it.
pub(crate) const PART_BYTES: usize = 4 << 20;
