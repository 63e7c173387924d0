//! Takes a snapshot in beside what is there, and checks it.

use std::sync::Arc;

use arca_base::id;
use arca_crypto::aead::AeadKey;
use arca_storage::{Batch, Expected, Revision, Storage, StorageError};

use super::{State, piece, unanswered};
use crate::barrier::{Keyring, open_record};
use crate::fault::Fault;
use crate::layout;
use crate::snapshot::upload::Pieces;
use crate::snapshot::{BadSnapshot, Header, Item, RowsOf, SEAL_LABEL, Unpacker};

/// Bytes of a part in one row: far below what a value may have.
const PIECE_BYTES: usize = 8 << 20;
/// Rows removed in one commit.
const AT_ONCE: usize = 500;

/// A snapshot that is in the store as a whole, and checked.
pub(crate) struct Staged {
    pub(crate) id: String,
    pub(crate) parts: u64,
    pub(crate) header: Header,
    /// The commit that took the place for the parts: as long as it is the last one there, they are those of this snapshot.
    pub(super) claim: Revision,
    /// Whether it is sealed by the root key of this server.
    pub(crate) same_root_key: bool,
}

/// Rows without which a store is none.
#[derive(Default)]
struct Required {
    keyring: bool,
    seal: bool,
    root_key: bool,
    cluster: bool,
}

impl Required {
    fn note(&mut self, key: &str) {
        match key {
            layout::KEYRING => self.keyring = true,
            layout::SEAL_CONFIG => self.seal = true,
            layout::ROOT_KEY => self.root_key = true,
            layout::CLUSTER => self.cluster = true,
            _ => {}
        }
    }

    fn check(&self) -> Result<(), BadSnapshot> {
        for (there, name) in [
            (self.keyring, layout::KEYRING),
            (self.seal, layout::SEAL_CONFIG),
            (self.root_key, layout::ROOT_KEY),
            (self.cluster, layout::CLUSTER),
        ] {
            if !there {
                return Err(BadSnapshot::Missing(name));
            }
        }
        Ok(())
    }
}

/// Whose keys a snapshot is sealed by.
enum Keys {
    /// Not known yet: rows that come before the keyring wait for it.
    Unknown(Vec<(String, Vec<u8>)>),
    /// Those of this server: each record is opened.
    Ours(Keyring),
    /// Others: records cannot be checked.
    Foreign,
}

impl Keys {
    fn check(&mut self, key: &str, value: &[u8], root_key: &AeadKey) -> Result<(), BadSnapshot> {
        let bad = |error: crate::barrier::BadRecord| BadSnapshot::Record(error.to_string());
        if key == layout::KEYRING {
            let waiting = std::mem::replace(self, Self::Foreign);
            if let Ok(keyring) = Keyring::open(root_key, value) {
                if let Self::Unknown(rows) = waiting {
                    for (key, value) in rows {
                        open_record(&keyring, &key, &value).map_err(bad)?;
                    }
                }
                *self = Self::Ours(keyring);
            }
            return Ok(());
        }
        if layout::is_clear(key) {
            return Ok(());
        }
        match self {
            Self::Ours(keyring) => drop(open_record(keyring, key, value).map_err(bad)?),
            Self::Foreign => {}
            // Few and small: what sorts before the keyring.
            Self::Unknown(rows) if rows.len() < 64 && value.len() <= 4096 => {
                rows.push((key.to_owned(), value.to_vec()));
            }
            Self::Unknown(_) => return Err(BadSnapshot::Missing(layout::KEYRING)),
        }
        Ok(())
    }
}

/// The place for the parts of one snapshot. A later upload takes it over.
struct Place<'a> {
    storage: &'a Arc<dyn Storage>,
    id: String,
    claim: Revision,
}

/// What reads an upload and checks it on the way.
struct Intake<'a> {
    storage: &'a Arc<dyn Storage>,
    root_key: &'a AeadKey,
    force: bool,
    id: String,
    unpacker: Unpacker,
    required: Required,
    keys: Keys,
    place: Option<Place<'a>>,
}

/// Reads an upload to its end, keeps its parts, and checks everything that can be checked. Without `force`, refuses
/// what is not sealed by `root_key`.
///
/// # Errors
/// 400 with what is wrong with the snapshot, 503 when storage fails. Nothing was changed then, and what was taken in is
/// removed.
pub(crate) async fn stage(
    storage: &Arc<dyn Storage>,
    mut upload: Pieces,
    root_key: &AeadKey,
    id: String,
    force: bool,
) -> Result<Staged, Fault> {
    let mut intake = Intake {
        storage,
        root_key,
        force,
        id,
        unpacker: Unpacker::new(),
        required: Required::default(),
        keys: Keys::Unknown(Vec::new()),
        place: None,
    };
    let taken = intake.run(&mut upload).await;
    let claim = intake.place.as_ref().map(|place| place.claim);
    let staged = taken.and_then(|()| intake.finish());
    if let (Err(_), Some(claim)) = (&staged, claim)
        && let Err(fault) = sweep(storage, Expected::At(claim)).await
    {
        // The next upload removes it.
        tracing::warn!(%fault, "parts of a refused snapshot are left in the store");
    }
    staged
}

impl Intake<'_> {
    async fn run(&mut self, upload: &mut Pieces) -> Result<(), Fault> {
        while let Some(bytes) = upload.next().await? {
            for item in self.unpacker.feed(&bytes).map_err(refused)? {
                self.take(item).await?;
            }
        }
        Ok(())
    }

    async fn take(&mut self, item: Item) -> Result<(), Fault> {
        let Item::Part { number, bytes } = item else {
            // Nothing is written before there is a header.
            self.place = Some(Place::claim(self.storage, &self.id).await?);
            return Ok(());
        };
        for row in RowsOf::new(number, &bytes) {
            let (key, value) = row.map_err(refused)?;
            self.required.note(key);
            self.keys.check(key, value, self.root_key).map_err(refused)?;
        }
        if matches!(self.keys, Keys::Foreign) && !self.force {
            return Err(other_keys());
        }
        match &self.place {
            Some(place) => place.keep(number, &bytes).await,
            None => Ok(()),
        }
    }

    /// What was taken in, if it is whole.
    fn finish(self) -> Result<Staged, Fault> {
        let whole = self.unpacker.end().map_err(refused)?;
        let place = self
            .place
            .ok_or_else(|| refused(BadSnapshot::Malformed("meta.json")))?;
        self.required.check().map_err(refused)?;
        let same_root_key = match &self.keys {
            Keys::Ours(keyring) => {
                let sums = open_record(keyring, SEAL_LABEL, &whole.sealed);
                let sealed = sums.is_ok_and(|sums| *sums.expose() == *whole.sums.as_bytes());
                if !sealed {
                    return Err(refused(BadSnapshot::Seal));
                }
                true
            }
            _ => false,
        };
        Ok(Staged {
            id: self.id,
            parts: whole.summary.parts,
            header: whole.header,
            claim: place.claim,
            same_root_key,
        })
    }
}

impl<'a> Place<'a> {
    /// Takes the place over, and removes what others have left there.
    async fn claim(storage: &'a Arc<dyn Storage>, id: &str) -> Result<Self, Fault> {
        let generation = State::generation(storage).await?;
        let claim = Batch::new()
            .expect(
                layout::RESTORE_STATE,
                generation.map_or(Expected::Absent, Expected::At),
            )
            .put(layout::RESTORE_UPLOAD, id.to_owned());
        let claim = storage.commit(claim).await.map_err(unanswered)?;
        sweep(storage, Expected::At(claim)).await?;
        Ok(Self {
            storage,
            id: id.to_owned(),
            claim,
        })
    }

    async fn keep(&self, part: u64, bytes: &[u8]) -> Result<(), Fault> {
        for (number, bytes) in bytes.chunks(PIECE_BYTES).enumerate() {
            let batch = Batch::new()
                .expect(layout::RESTORE_UPLOAD, Expected::At(self.claim))
                .put(piece(&self.id, part, number), bytes.to_vec());
            match self.storage.commit(batch).await {
                Ok(_) => {}
                Err(StorageError::Conflict(_)) => {
                    return Err(Fault::invalid(
                        "another snapshot was uploaded meanwhile, and this one was given up",
                    ));
                }
                Err(error) => return Err(unanswered(error)),
            }
        }
        Ok(())
    }
}

/// Removes what an upload has left that nobody is at any more: at the start of the only node of a store.
///
/// # Errors
/// 503 when storage fails.
pub(crate) async fn sweep_leftovers(storage: &Arc<dyn Storage>) -> Result<(), Fault> {
    let upload = storage.get(layout::RESTORE_UPLOAD).await.map_err(unanswered)?;
    let claimed = upload.map_or(Expected::Absent, |entry| Expected::At(entry.revision));
    sweep(storage, claimed).await
}

/// Removes all parts there are, as long as the place is `claimed` like this.
pub(super) async fn sweep(storage: &Arc<dyn Storage>, claimed: Expected) -> Result<(), Fault> {
    loop {
        let page = storage
            .scan(layout::RESTORE_PARTS, "", AT_ONCE)
            .await
            .map_err(unanswered)?;
        if page.names.is_empty() {
            return Ok(());
        }
        let batch = Batch::new().expect(layout::RESTORE_UPLOAD, claimed);
        let batch = page.names.iter().fold(batch, |batch, name| {
            batch.delete(format!("{}{name}", layout::RESTORE_PARTS))
        });
        storage.commit(batch).await.map_err(unanswered)?;
    }
}

/// A name for the parts of a snapshot.
pub(crate) fn new_id(entropy: &dyn arca_base::Entropy) -> String {
    id::uuid_v4(entropy)
}

fn refused(error: BadSnapshot) -> Fault {
    Fault::invalid(format!("{error}; nothing was changed"))
}

fn other_keys() -> Fault {
    Fault::invalid(
        "the snapshot is sealed by other keys than those of this server; nothing was changed. To restore it all the same use \
         snapshot-force: the server is sealed then, until the keys of the snapshot unseal it",
    )
}
