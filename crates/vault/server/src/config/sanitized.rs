//! The configuration in force without secrets, as `sys/config/state/sanitized` shows it.

use arca_base::{Json, json_object};

use super::{ClientCertificates, Configuration, ListenAddress, Listener, Storage, Tls};

impl Configuration {
    /// The configuration without anything secret: no key, token, password or connection URL.
    #[must_use]
    pub fn sanitized(&self) -> Json {
        let pid_file = self.pid_file.as_ref().map(|path| path.display().to_string());
        json_object! {
            "api_addr" => self.api_address.as_str(),
            "cluster_addr" => self.cluster_address.as_str(),
            "cluster_name" => self.cluster_name.as_str(),
            "default_lease_ttl" => self.default_lease_ttl.seconds(),
            "max_lease_ttl" => self.max_lease_ttl.seconds(),
            "default_max_request_duration" => self.listeners.first().map_or(0, |first| first.limits.duration.as_secs()),
            "disable_mlock" => self.disable_mlock,
            "enable_response_header_hostname" => self.hostname_header,
            "enable_ui" => self.ui,
            "listeners" => self.listeners.iter().map(listener).collect::<Vec<_>>(),
            "log_format" => self.log_format.as_str(),
            "log_level" => self.log_level.as_str(),
            "max_connections" => self.max_connections as u64,
            "pid_file" => pid_file.unwrap_or_default(),
            "raw_storage_endpoint" => self.raw_storage,
            "seals" => self.seals(),
            "storage" => storage(&self.storage),
        }
    }
}

impl Configuration {
    fn seals(&self) -> Vec<Json> {
        let shown = |kind: &str, disabled| json_object! { "type" => kind, "disabled" => disabled };
        let former = self.former_seal.as_ref().map(|former| shown(former.kind(), true));
        std::iter::once(shown(self.seal.kind(), false))
            .chain(former)
            .collect()
    }
}

fn storage(storage: &Storage) -> Json {
    match storage {
        Storage::Embedded { path, named } => {
            json_object! { "type" => *named, "path" => path.display().to_string() }
        }
        Storage::Memory => json_object! { "type" => "inmem" },
        Storage::Postgres(postgres) => json_object! {
            "type" => "postgresql",
            "table" => postgres.table.clone().unwrap_or_default(),
            "ha_enabled" => postgres.ha_enabled.unwrap_or(true),
        },
    }
}

fn listener(listener: &Listener) -> Json {
    let address = match &listener.address {
        ListenAddress::Tcp(address) => address.clone(),
        ListenAddress::Unix(socket) => socket.path.display().to_string(),
    };
    let mut config = json_object! {
        "address" => address,
        "tls_disable" => listener.tls.is_none(),
        "max_request_size" => listener.limits.body_bytes as u64,
        "max_request_duration" => listener.limits.duration.as_secs(),
    };
    if let (Json::Object(members), Some(tls)) = (&mut config, &listener.tls) {
        members.extend(tls_members(tls));
    }
    json_object! { "type" => listener.kind(), "config" => config }
}

fn tls_members(tls: &Tls) -> impl Iterator<Item = (String, Json)> {
    let client = match tls.client {
        ClientCertificates::Disabled => "disabled",
        ClientCertificates::Requested { .. } => "requested",
        ClientCertificates::Required { .. } => "required",
    };
    let members = [
        ("tls_cert_file", Json::from(tls.certificate.display().to_string())),
        ("tls_key_file", Json::from(tls.key.display().to_string())),
        ("tls_min_version", Json::from(tls.min_version.as_str())),
        ("tls_max_version", Json::from(tls.max_version.as_str())),
        ("tls_client_certs", Json::from(client)),
    ];
    members.into_iter().map(|(key, value)| (key.to_owned(), value))
}
