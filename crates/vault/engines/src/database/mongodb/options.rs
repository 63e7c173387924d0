//! From the settings of a configuration to those of the client library.

use std::time::Duration;

use arca_base::json::{Json, Limits};
use base64::Engine as _;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::{AuthMechanism, ClientOptions, Credential, Tls, TlsOptions};
use tokio::time::timeout;

use super::super::driver::DriverError;
use super::super::redact::Redactor;
use super::super::settings::{ConnectionSettings, url_escaped};
use super::link::CONNECT_SECONDS;
use super::secret_file::SecretFile;

const LONGEST_URL: usize = 8192;

/// What a link is made of.
pub(super) struct Setup {
    pub(super) options: ClientOptions,
    /// Must stay as long as the client reads from them.
    pub(super) files: Vec<SecretFile>,
    /// The user Arca logs in as, and the database it is defined in.
    pub(super) own_user: (String, String),
    /// The database in the path of the URL.
    pub(super) database: String,
    pub(super) write_concern: Option<Document>,
}

const ADMIN: &str = "admin";

impl Setup {
    /// # Errors
    /// [`DriverError::Setting`], and [`DriverError::Unreachable`] for a name service that does not answer.
    pub(super) async fn read(
        settings: &ConnectionSettings,
        redactor: &Redactor,
    ) -> Result<Self, DriverError> {
        let url = settings.filled_url(url_escaped)?;
        if url.expose().len() > LONGEST_URL {
            return Err(wrong_url(&format!("it is longer than {LONGEST_URL} bytes")));
        }
        if !url.expose().starts_with("mongodb://") && !url.expose().starts_with("mongodb+srv://") {
            return Err(wrong_url(
                "it begins neither with mongodb:// nor with mongodb+srv://",
            ));
        }
        let write_concern = write_concern(&settings.text("write_concern")?)?;
        let parsing = ClientOptions::parse(url.expose().as_str());
        let mut options = timeout(Duration::from_secs(CONNECT_SECONDS), parsing)
            .await
            .map_err(|_| DriverError::TimedOut(CONNECT_SECONDS))?
            .map_err(|error| wrong_url(&redactor.cut(&error.kind.to_string())))?;
        let pool = settings.pool()?;
        options.app_name = Some("arca".to_owned());
        options.max_pool_size = u32::try_from(pool.open).ok();
        options.connect_timeout = Some(Duration::from_secs(CONNECT_SECONDS));
        options.server_selection_timeout = Some(Duration::from_secs(CONNECT_SECONDS));
        let mut setup = Self {
            database: options
                .default_database
                .clone()
                .unwrap_or_else(|| ADMIN.to_owned()),
            own_user: (settings.username()?, String::new()),
            files: Vec::new(),
            options,
            write_concern,
        };
        setup.take_tls(settings)?;
        setup.own_user = setup.login(settings)?;
        Ok(setup)
    }

    fn take_tls(&mut self, settings: &ConnectionSettings) -> Result<(), DriverError> {
        let authority = settings.text("tls_ca")?;
        let identity = settings.text("tls_certificate_key")?;
        if authority.is_empty() && identity.is_empty() {
            return Ok(());
        }
        let mut tls = match self.options.tls.take() {
            Some(Tls::Enabled(tls)) => tls,
            _ => TlsOptions::default(),
        };
        if !authority.is_empty() {
            tls.ca_file_path = Some(self.keep("tls_ca", &authority, &["CERTIFICATE"])?);
        }
        if !identity.is_empty() {
            let blocks = ["CERTIFICATE", "PRIVATE KEY"];
            tls.cert_key_file_path = Some(self.keep("tls_certificate_key", &identity, &blocks)?);
            // The certificate is the login, unless the URL has another.
            if self.options.credential.is_none() {
                let mut credential = Credential::default();
                credential.mechanism = Some(AuthMechanism::MongoDbX509);
                credential.username = Some(self.own_user.0.clone()).filter(|name| !name.is_empty());
                self.options.credential = Some(credential);
            }
        }
        self.options.tls = Some(Tls::Enabled(tls));
        Ok(())
    }

    /// Keeps a PEM text where the library can read it.
    fn keep(&mut self, field: &str, pem: &str, blocks: &[&str]) -> Result<std::path::PathBuf, DriverError> {
        for block in blocks {
            let is_there = pem.lines().any(|line| {
                line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&format!("{block}-----"))
            });
            if !is_there {
                return Err(DriverError::Setting(format!(
                    "{field}: there is no PEM block {block} in it"
                )));
            }
        }
        let file = SecretFile::new(field, pem).map_err(|error| {
            DriverError::Setting(format!("{field}: cannot be handed to the driver: {error}"))
        })?;
        let path = file.path().to_owned();
        self.files.push(file);
        Ok(path)
    }

    fn login(&self, settings: &ConnectionSettings) -> Result<(String, String), DriverError> {
        let credential = self.options.credential.as_ref();
        let name = credential.and_then(|credential| credential.username.clone());
        let database = credential.and_then(|credential| credential.source.clone());
        Ok((
            name.map_or_else(|| settings.username(), Ok)?,
            database.unwrap_or_else(|| ADMIN.to_owned()),
        ))
    }
}

fn wrong_url(what: &str) -> DriverError {
    DriverError::Setting(format!(
        "connection_url: {what}; the form is mongodb://{{{{username}}}}:{{{{password}}}}@host:27017/admin"
    ))
}

/// A write concern in JSON, or that in base64.
fn write_concern(text: &str) -> Result<Option<Document>, DriverError> {
    let wrong = |what: &str| {
        DriverError::Setting(format!(
            "write_concern: {what}; write JSON like {{\"w\":\"majority\",\"wtimeout\":5000}}, or that in base64"
        ))
    };
    if text.is_empty() {
        return Ok(None);
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(text).ok();
    let bytes = decoded.as_deref().unwrap_or(text.as_bytes());
    let Ok(Json::Object(members)) = Json::parse(bytes, &Limits::default()) else {
        return Err(wrong("it is no JSON object"));
    };
    let mut concern = doc! {};
    for (name, value) in members.iter() {
        match (name.as_str(), value) {
            ("w", Json::String(mode)) | ("wmode", Json::String(mode)) if !mode.is_empty() => {
                concern.insert("w", mode.to_string());
            }
            ("w" | "wtimeout", value) => {
                let number = value.as_i64().filter(|number| *number >= 0);
                let number = number.ok_or_else(|| wrong(&format!("{name} is no number from 0")))?;
                concern.insert(name.to_string(), Bson::Int64(number));
            }
            ("j" | "fsync", Json::Bool(flag)) => {
                concern.insert(name.to_string(), *flag);
            }
            ("wmode", _) => {}
            _ => {
                return Err(wrong(
                    "it has other members than w, wmode, wtimeout, j and fsync, or of other types",
                ));
            }
        }
    }
    Ok((!concern.is_empty()).then_some(concern))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> ConnectionSettings {
        match Json::parse(json.as_bytes(), &Limits::default()).unwrap() {
            Json::Object(details) => ConnectionSettings::new(details),
            _ => panic!("an object"),
        }
    }

    async fn read(json: &str) -> Result<Setup, DriverError> {
        let settings = settings(json);
        Setup::read(&settings, &settings.redactor()).await
    }

    #[tokio::test]
    async fn the_settings_arrive_at_the_library() {
        let setup = read(
            r#"{"connection_url":"mongodb://{{username}}:{{password}}@127.0.0.1:1/app?authSource=users",
                "username":"ro@ot","password":"p@ss/w:rd%","max_open_connections":3}"#,
        )
        .await
        .unwrap();
        let credential = setup.options.credential.unwrap();
        assert_eq!(credential.username.as_deref(), Some("ro@ot"));
        assert_eq!(credential.password.as_deref(), Some("p@ss/w:rd%"));
        assert_eq!(setup.own_user, ("ro@ot".to_owned(), "users".to_owned()));
        assert_eq!(
            (setup.database.as_str(), setup.options.max_pool_size),
            ("app", Some(3))
        );
    }

    #[tokio::test]
    async fn a_certificate_is_the_login_where_the_url_has_none() {
        let setup = read(
            r#"{"connection_url":"mongodb://127.0.0.1:1/","username":"CN=arca",
                "tls_certificate_key":"-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----"}"#,
        )
        .await
        .unwrap();
        let credential = setup.options.credential.unwrap();
        assert_eq!(credential.mechanism, Some(AuthMechanism::MongoDbX509));
        assert_eq!(credential.username.as_deref(), Some("CN=arca"));
        let Some(Tls::Enabled(tls)) = setup.options.tls else {
            panic!("no TLS");
        };
        let key = std::fs::read_to_string(tls.cert_key_file_path.unwrap()).unwrap();
        assert!(key.contains("PRIVATE KEY"), "{key}");
    }

    #[tokio::test]
    async fn mistakes_are_named_and_passwords_are_not() {
        for (url, more, said) in [
            ("https://u:CANARY@h", "", "mongodb://"),
            ("mongodb://u:CANARY@@h/%zz", "", "connection_url"),
            ("mongodb://u:CANARY@h/?nonsense=1", "", "connection_url"),
            ("mongodb://h", r#","tls_ca":"CANARY""#, "tls_ca"),
            (
                "mongodb://h",
                r#","tls_certificate_key":"CANARY""#,
                "tls_certificate_key",
            ),
            ("mongodb://h", r#","write_concern":"CANARY""#, "write_concern"),
        ] {
            let error = read(&format!(r#"{{"connection_url":"{url}"{more}}}"#))
                .await
                .err()
                .unwrap();
            let error = error.to_string();
            assert!(error.contains(said) && !error.contains("CANARY"), "{error}");
        }
    }

    #[test]
    fn write_concerns_are_read() {
        let read = |text: &str| write_concern(text).unwrap().unwrap();
        assert_eq!(
            read(r#"{"w":"majority","j":true}"#),
            doc! { "w": "majority", "j": true }
        );
        assert_eq!(
            read(r#"{"wmode":"dc","wtimeout":5000}"#),
            doc! { "w": "dc", "wtimeout": 5000_i64 }
        );
        // {"w":2}
        assert_eq!(read("eyJ3IjoyfQ=="), doc! { "w": 2_i64 });
        assert_eq!(write_concern("").unwrap(), None);
        for text in ["1", "{\"w\":-1}", "{\"x\":1}", "{\"j\":1}", "{"] {
            assert!(write_concern(text).is_err(), "{text}");
        }
    }
}
