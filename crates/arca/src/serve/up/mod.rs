//! `arca up`: a server for this machine with one command.
//!
//! Data in one folder, keys in another: a store that opens by itself must not lie next to what opens it. The
//! second start finds everything in place.

pub(crate) mod tls;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arca_base::{Secret, entropy, id};
use arca_core::Core;
use arca_core::lifecycle::{FirstMount, Furnishing, InitRequest, Initialized};
use arca_server::config::{
    Configuration, KeySource, ListenAddress, Listener, Seal, StaticKey, StaticKeys, Storage,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{ServeError, World, files};

/// Shares of the recovery key, and how many are needed.
const RECOVERY: (i64, i64) = (5, 3);

/// Where everything of one server lies.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) data: PathBuf,
    pub(crate) keys: PathBuf,
}

impl Places {
    /// `keys` defaults to a folder beside `data`.
    ///
    /// Refuses keys inside the data folder: whoever copies that would have both.
    pub(crate) fn new(data: PathBuf, keys: Option<PathBuf>) -> Result<Self, ServeError> {
        let keys = keys.unwrap_or_else(|| {
            let mut name = data.file_name().unwrap_or_default().to_owned();
            name.push(".keys");
            data.with_file_name(name)
        });
        let absolute = |path: &Path| {
            std::path::absolute(path).map_err(|source| ServeError::File {
                path: path.to_owned(),
                source,
            })
        };
        let (data, keys) = (absolute(&data)?, absolute(&keys)?);
        if keys.starts_with(&data) {
            return Err(ServeError::Other(format!(
                "The keys may not lie inside the data folder ({}): whoever copies it would have both. Choose another folder with -keys.",
                data.display()
            )));
        }
        Ok(Self { data, keys })
    }

    fn store(&self) -> PathBuf {
        self.data.join("store")
    }

    pub(crate) fn audit_log(&self) -> PathBuf {
        self.data.join("audit.log")
    }

    pub(crate) fn unseal_key(&self) -> PathBuf {
        self.keys.join("unseal-key")
    }

    pub(crate) fn root_token(&self) -> PathBuf {
        self.keys.join("root-token")
    }

    pub(crate) fn recovery_keys(&self) -> PathBuf {
        self.keys.join("recovery-keys")
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.keys.join("tls/ca.pem")
    }
}

/// A server with its folders, key and certificate in place.
pub(crate) fn prepare(places: &Places, listen: &str, world: &World) -> Result<Configuration, ServeError> {
    files::private_folder(&places.data)?;
    files::private_folder(&places.keys)?;
    ensure_unseal_key(places, world)?;
    let tls = tls::ensure(&places.keys.join("tls"), listen, world)?;
    let listener = Listener {
        tls: Some(tls),
        ..Listener::new(ListenAddress::Tcp(listen.to_owned()))
    };
    let storage = Storage::Embedded {
        path: places.store(),
        named: "embedded",
    };
    let mut configuration = Configuration::new(storage, vec![listener]);
    configuration.api_address = format!("https://{listen}");
    configuration.seal = Seal::Static(StaticKeys {
        current: StaticKey {
            id: "up".to_owned(),
            source: KeySource::File(places.unseal_key()),
        },
        previous: None,
    });
    Ok(configuration)
}

/// The key is made once. Without it an existing store cannot be opened, so its absence is an error there.
fn ensure_unseal_key(places: &Places, world: &World) -> Result<(), ServeError> {
    if files::read(&places.unseal_key())?.is_some() {
        return Ok(());
    }
    if places.store().exists() {
        return Err(ServeError::Other(format!(
            "The unseal key {} is gone, and without it the data in {} cannot be opened. Put it back, or move the data away to begin anew.",
            places.unseal_key().display(),
            places.data.display()
        )));
    }
    let key = Secret::new(STANDARD.encode(entropy::bytes::<32>(&*world.entropy)) + "\n");
    files::write_private(&places.unseal_key(), key.expose().as_bytes())
}

/// Initializes on the first start, unseals on every one.
pub(crate) async fn open(core: &Arc<Core>, places: &Places) -> Result<(), ServeError> {
    if core.lifecycle().is_initialized().await? {
        core.lifecycle().unseal_automatically().await?;
        return Ok(());
    }
    let request = InitRequest {
        recovery_shares: RECOVERY.0,
        recovery_threshold: RECOVERY.1,
        ..InitRequest::default()
    };
    let furnishing = Furnishing {
        mounts: vec![FirstMount {
            path: "secret".to_owned(),
            kind: "kv".to_owned(),
            description: "key/value secret storage".to_owned(),
            options: [("version".to_owned(), "2".to_owned())].into(),
        }],
        audit_files: vec![(
            "file".to_owned(),
            places.audit_log().to_string_lossy().into_owned(),
        )],
    };
    let keep = |initialized: &Initialized| {
        hand_out(places, initialized).map_err(|error| arca_core::Fault::failed(error.to_string()))
    };
    core.lifecycle()
        .initialize_with(request, furnishing, keep)
        .await?;
    Ok(())
}

/// Writes down what is handed out only once, before it counts.
fn hand_out(places: &Places, initialized: &Initialized) -> Result<(), ServeError> {
    let keys: Vec<String> = initialized
        .recovery_keys
        .iter()
        .map(|key| id::hex(key.expose()))
        .collect();
    let keys = Secret::new(keys.join("\n") + "\n");
    files::write_private(&places.recovery_keys(), keys.expose().as_bytes())?;
    let token = Secret::new(format!("{}\n", initialized.root_token.expose()));
    files::write_private(&places.root_token(), token.expose().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_never_lie_in_the_data_folder() {
        let places = Places::new("/srv/arca".into(), None).unwrap();
        assert_eq!(places.keys, Path::new("/srv/arca.keys"));
        assert!(Places::new("/srv/arca".into(), Some("/srv/arca/keys".into())).is_err());
        assert!(Places::new("/srv/arca".into(), Some("/srv/arca-keys".into())).is_ok());
    }
}
