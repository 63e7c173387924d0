//! A configuration file as it is written, one field for each key that has an effect.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;

use arca_base::Secret;
use arca_lang::hcl::{Blocks, Located};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::logging::{Format, Level};
use arca_lang::hcl::lenient::{Flag, Interval, Size, Texts};

/// One file.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Document {
    #[serde(alias = "backend")]
    pub(super) storage: Vec<Located<StorageStanza>>,
    pub(super) listener: Blocks<Located<Listener>>,
    pub(super) seal: Vec<Located<SealStanza>>,
    pub(super) telemetry: Option<Telemetry>,
    pub(super) api_addr: Option<Located<String>>,
    pub(super) cluster_addr: Option<Located<String>>,
    pub(super) cluster_name: Option<String>,
    pub(super) ui: Option<Flag>,
    pub(super) log_level: Option<Level>,
    pub(super) log_format: Option<Format>,
    pub(super) pid_file: Option<PathBuf>,
    pub(super) default_lease_ttl: Option<Interval>,
    pub(super) max_lease_ttl: Option<Located<Interval>>,
    pub(super) default_max_request_duration: Option<Interval>,
    pub(super) disable_mlock: Option<Flag>,
    pub(super) enable_response_header_hostname: Option<Flag>,
    pub(super) max_connections: Option<Located<u32>>,
    pub(super) raw_storage_endpoint: Option<Flag>,
    /// Of the file of `operator migrate` only, like the next.
    pub(super) storage_source: Vec<Located<StorageStanza>>,
    pub(super) storage_destination: Vec<Located<StorageStanza>>,
    pub(super) user_lockout: Blocks<Located<UserLockout>>,
}

/// `user_lockout "all" { ... }`, or for one type of auth method.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct UserLockout {
    pub(super) lockout_threshold: Option<u32>,
    pub(super) lockout_duration: Option<Interval>,
    pub(super) lockout_counter_reset: Option<Interval>,
    pub(super) disable_lockout: Option<Flag>,
}

/// Nothing in it has an effect, but its keys are known.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Telemetry {}

/// `listener "tcp" { ... }` or `listener "unix" { ... }`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Listener {
    pub(super) address: Option<Located<String>>,
    pub(super) tls_disable: Option<Flag>,
    pub(super) tls_cert_file: Option<PathBuf>,
    pub(super) tls_key_file: Option<PathBuf>,
    pub(super) tls_min_version: Option<Located<String>>,
    pub(super) tls_max_version: Option<Located<String>>,
    pub(super) tls_cipher_suites: Option<Located<Texts>>,
    pub(super) tls_client_ca_file: Option<PathBuf>,
    pub(super) tls_require_and_verify_client_cert: Option<Flag>,
    pub(super) tls_disable_client_certs: Option<Flag>,
    pub(super) proxy_protocol_behavior: Option<Located<String>>,
    pub(super) proxy_protocol_authorized_addrs: Option<Located<Texts>>,
    pub(super) x_forwarded_for_authorized_addrs: Option<Located<Texts>>,
    pub(super) x_forwarded_for_hop_skips: Option<Located<u16>>,
    pub(super) x_forwarded_for_reject_not_authorized: Option<Flag>,
    pub(super) x_forwarded_for_reject_not_present: Option<Flag>,
    pub(super) max_request_size: Option<Located<Size>>,
    pub(super) max_request_duration: Option<Interval>,
    pub(super) max_json_depth: Option<Located<usize>>,
    pub(super) max_json_values: Option<Located<usize>>,
    pub(super) disable_unauthed_rekey_endpoints: Option<Flag>,
    pub(super) disable_unauthed_generate_root_endpoints: Option<Flag>,
    pub(super) http_read_header_timeout: Option<Interval>,
    pub(super) http_read_timeout: Option<Interval>,
    pub(super) http_write_timeout: Option<Interval>,
    pub(super) http_idle_timeout: Option<Interval>,
    pub(super) custom_response_headers: Option<Located<BTreeMap<String, BTreeMap<String, HeaderValues>>>>,
    pub(super) telemetry: ListenerTelemetry,
    pub(super) socket_mode: Option<Located<arca_lang::hcl::Scalar>>,
    pub(super) socket_user: Option<Located<String>>,
    pub(super) socket_group: Option<Located<String>>,
}

/// `telemetry { ... }` of a listener.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ListenerTelemetry {
    pub(super) unauthenticated_metrics_access: Option<Flag>,
    pub(super) metrics_only: Option<Flag>,
    pub(super) disallow_metrics: Option<Flag>,
}

/// One value or a list of them; unlike elsewhere, a comma is part of the value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HeaderValues(pub(super) Vec<String>);

/// `storage "<kind>" { ... }`.
pub(super) enum StorageStanza {
    Folder {
        /// The name it was given: `embedded`, `file` or `raft`.
        kind: &'static str,
        body: FolderStorage,
    },
    Memory,
    Postgres(PostgresStorage),
}

/// A store in a folder.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct FolderStorage {
    pub(super) path: Option<PathBuf>,
    /// Old name of `api_addr`.
    pub(super) redirect_addr: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MemoryStorage {}

/// A store in PostgreSQL.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct PostgresStorage {
    pub(super) connection_url: Option<String>,
    pub(super) table: Option<String>,
    pub(super) max_parallel: Option<Located<u32>>,
    pub(super) ha_enabled: Option<Flag>,
    pub(super) ha_table: Option<String>,
    pub(super) redirect_addr: Option<String>,
}

/// `seal "<kind>" { ... }`.
pub(super) enum SealStanza {
    Shamir(ShamirSeal),
    Static(StaticSeal),
    Transit(TransitSeal),
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ShamirSeal {
    pub(super) disabled: Option<Flag>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct StaticSeal {
    pub(super) disabled: Option<Flag>,
    pub(super) current_key_id: Option<String>,
    pub(super) current_key: Option<HiddenText>,
    pub(super) previous_key_id: Option<String>,
    pub(super) previous_key: Option<HiddenText>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TransitSeal {
    pub(super) disabled: Option<Flag>,
    pub(super) address: Option<String>,
    pub(super) token: Option<HiddenText>,
    pub(super) key_name: Option<String>,
    pub(super) mount_path: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) tls_ca_cert: Option<PathBuf>,
    pub(super) tls_client_cert: Option<PathBuf>,
    pub(super) tls_client_key: Option<PathBuf>,
    pub(super) tls_server_name: Option<String>,
    pub(super) tls_skip_verify: Option<Flag>,
}

/// A text that is a secret.
pub(super) struct HiddenText(pub(super) Secret<String>);

impl<'de> Deserialize<'de> for HiddenText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

impl<'de> Deserialize<'de> for HeaderValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;

        impl<'de> Visitor<'de> for Values {
            type Value = HeaderValues;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a header value or a list of them")
            }

            fn visit_str<E>(self, text: &str) -> Result<HeaderValues, E> {
                Ok(HeaderValues(vec![text.to_owned()]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut elements: A,
            ) -> Result<HeaderValues, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = elements.next_element()? {
                    values.push(value);
                }
                Ok(HeaderValues(values))
            }
        }

        deserializer.deserialize_any(Values)
    }
}

/// A block whose label says what is in it.
trait Stanza<'de>: Sized {
    const WHAT: &'static str;

    /// Reads the body of a block with this label.
    fn of<A: MapAccess<'de>>(label: &str, body: &mut A) -> Result<Self, A::Error>;
}

struct StanzaVisitor<S>(PhantomData<S>);

impl<'de, S: Stanza<'de>> Visitor<'de> for StanzaVisitor<S> {
    type Value = S;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(S::WHAT)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<S, A::Error> {
        let label: Option<String> = members.next_key()?;
        let label = label.ok_or_else(|| A::Error::custom(format_args!("expected {}", S::WHAT)))?;
        let stanza = S::of(&label, &mut members)?;
        match members.next_key::<String>()? {
            None => Ok(stanza),
            Some(_) => Err(A::Error::custom(format_args!(
                "expected {}, found several",
                S::WHAT
            ))),
        }
    }
}

impl<'de> Stanza<'de> for StorageStanza {
    const WHAT: &'static str = "one storage \"<kind>\" { ... }";

    fn of<A: MapAccess<'de>>(label: &str, body: &mut A) -> Result<Self, A::Error> {
        let folder = |kind, body| Self::Folder { kind, body };
        match label {
            "embedded" => Ok(folder("embedded", body.next_value()?)),
            "file" => Ok(folder("file", body.next_value()?)),
            "raft" => Ok(folder("raft", body.next_value()?)),
            "inmem" | "inmem_ha" | "inmem_transactional" => {
                body.next_value::<MemoryStorage>().map(|_| Self::Memory)
            }
            "postgresql" => Ok(Self::Postgres(body.next_value()?)),
            other => Err(A::Error::custom(format_args!(
                "storage {other:?} is not supported: use \"embedded\" (also under the names \"file\" and \"raft\"), \
                 \"postgresql\" for several nodes, or \"inmem\" for a trial"
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for StorageStanza {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(StanzaVisitor(PhantomData))
    }
}

impl<'de> Stanza<'de> for SealStanza {
    const WHAT: &'static str = "one seal \"<kind>\" { ... }";

    fn of<A: MapAccess<'de>>(label: &str, body: &mut A) -> Result<Self, A::Error> {
        match label {
            "shamir" => Ok(Self::Shamir(body.next_value()?)),
            "static" => Ok(Self::Static(body.next_value()?)),
            "transit" => Ok(Self::Transit(body.next_value()?)),
            other => Err(A::Error::custom(format_args!(
                "seal {other:?} is not supported: use \"shamir\", \"static\" or \"transit\""
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for SealStanza {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(StanzaVisitor(PhantomData))
    }
}

impl SealStanza {
    pub(super) fn is_disabled(&self) -> bool {
        let disabled = match self {
            Self::Shamir(seal) => seal.disabled,
            Self::Static(seal) => seal.disabled,
            Self::Transit(seal) => seal.disabled,
        };
        disabled.is_some_and(|flag| flag.0)
    }

    /// Whether it says nothing about a key. Shamir's never does.
    pub(super) const fn is_bare(&self) -> bool {
        match self {
            Self::Shamir(_) => true,
            Self::Static(seal) => seal.current_key_id.is_none() && seal.current_key.is_none(),
            Self::Transit(seal) => seal.address.is_none() && seal.key_name.is_none(),
        }
    }

    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Shamir(_) => "shamir",
            Self::Static(_) => "static",
            Self::Transit(_) => "transit",
        }
    }
}
