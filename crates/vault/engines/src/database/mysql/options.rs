//! From the settings of a configuration to those of the client library.

use mysql_async::{ClientIdentity, Opts, OptsBuilder, SslOpts};

use super::super::driver::DriverError;
use super::super::settings::ConnectionSettings;
use super::dsn::{Address, Dsn, TlsMode};

/// Said here rather than asked for, which saves a question on each new connection.
const LONGEST_PACKET: usize = 16 << 20;
const KEPT_QUESTIONS: usize = 32;
const SERVER_WAITS_SECONDS: usize = 28_800;

/// The options of connections.
///
/// # Errors
/// [`DriverError::Setting`].
pub(super) fn options(settings: &ConnectionSettings) -> Result<Opts, DriverError> {
    let template = settings.required("connection_url")?;
    let dsn = Dsn::parse(&template, &settings.username()?, &settings.password()?)?;
    let mut builder = OptsBuilder::default()
        .user(Some(dsn.username.clone()))
        .pass(Some(dsn.password.expose().clone()))
        .db_name(dsn.database.clone())
        .enable_cleartext_plugin(dsn.cleartext_plugin)
        // More than we have questions, so that each is prepared once. Without a cache the library never closes one.
        .stmt_cache_size(KEPT_QUESTIONS)
        .max_allowed_packet(Some(LONGEST_PACKET))
        .wait_timeout(Some(SERVER_WAITS_SECONDS))
        .setup(
            dsn.variables
                .iter()
                .map(|(name, value)| format!("SET {name} = {value}"))
                .collect(),
        );
    builder = match &dsn.address {
        Address::Tcp { host, port } => builder
            .ip_or_hostname(host.clone())
            .tcp_port(*port)
            // Not the socket that a server on this machine may name: the administrator wrote an address.
            .prefer_socket(Some(false))
            .ssl_opts(tls(settings, dsn.tls)?),
        Address::Socket(path) => builder.socket(Some(path.clone())).ssl_opts(None),
    };
    Ok(builder.into())
}

fn tls(settings: &ConnectionSettings, mode: TlsMode) -> Result<Option<SslOpts>, DriverError> {
    let authority = settings.text("tls_ca")?;
    let identity = settings.text("tls_certificate_key")?;
    let name = settings.text("tls_server_name")?;
    let unverified = settings.get::<bool>("tls_skip_verify")? || mode == TlsMode::Unverified;
    let is_configured = !authority.is_empty() || !identity.is_empty() || !name.is_empty() || unverified;
    match mode {
        TlsMode::Off if is_configured => {
            return Err(DriverError::Setting(
                "connection_url: tls=false contradicts the tls_ fields of the configuration".to_owned(),
            ));
        }
        TlsMode::Unsaid if !is_configured => return Ok(None),
        TlsMode::Off => return Ok(None),
        TlsMode::Unsaid | TlsMode::On | TlsMode::Unverified => {}
    }
    let mut options = SslOpts::default()
        .with_danger_accept_invalid_certs(unverified)
        .with_danger_skip_domain_validation(unverified);
    if !authority.is_empty() {
        check_pem("tls_ca", &authority, &["CERTIFICATE"])?;
        options = options
            .with_root_certs(vec![authority.into_bytes().into()])
            .with_disable_built_in_roots(true);
    }
    if !identity.is_empty() {
        check_pem("tls_certificate_key", &identity, &["CERTIFICATE", "PRIVATE KEY"])?;
        let pem = identity.into_bytes();
        options = options.with_client_identity(Some(ClientIdentity::new(pem.clone().into(), pem.into())));
    }
    if !name.is_empty() {
        options = options.with_danger_tls_hostname_override(Some(name));
    }
    Ok(Some(options))
}

/// Looks for the blocks that a PEM text must hold. What is in them the client library reads when it connects.
fn check_pem(field: &str, text: &str, blocks: &[&str]) -> Result<(), DriverError> {
    for block in blocks {
        let is_there = text.lines().any(|line| {
            line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&format!("{block}-----"))
        });
        if !is_there {
            return Err(DriverError::Setting(format!(
                "{field}: there is no PEM block {block} in it"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use arca_base::Json;
    use arca_base::json::Limits;

    use super::*;

    fn read(json: &str) -> Result<Opts, DriverError> {
        match Json::parse(json.as_bytes(), &Limits::default()).unwrap() {
            Json::Object(details) => options(&ConnectionSettings::new(details)),
            _ => panic!("an object"),
        }
    }

    fn with_url(url: &str, more: &str) -> Result<Opts, DriverError> {
        read(&format!(
            r#"{{"connection_url":"{url}","username":"u","password":"p/w"{more}}}"#
        ))
    }

    #[test]
    fn the_settings_arrive_at_the_library() {
        let options = with_url("{{username}}:{{password}}@tcp(db:3307)/app", "").unwrap();
        assert_eq!((options.user(), options.pass()), (Some("u"), Some("p/w")));
        assert_eq!((options.ip_or_hostname(), options.tcp_port()), ("db", 3307));
        assert_eq!(options.db_name(), Some("app"));
        assert!(options.ssl_opts().is_none());
    }

    #[test]
    fn tls_is_used_when_anything_asks_for_it() {
        let url = "{{username}}:{{password}}@tcp(db)/";
        for (url, more) in [
            ("u@tcp(db)/?tls=true", ""),
            (url, r#","tls_skip_verify":true"#),
            (url, r#","tls_server_name":"db.internal""#),
            (url, r#","tls_ca":"-----BEGIN CERTIFICATE-----""#),
        ] {
            let options = with_url(url, more).unwrap();
            let tls = options.ssl_opts().unwrap();
            assert_eq!(tls.accept_invalid_certs(), more.contains("skip_verify"), "{more}");
            assert_eq!(tls.disable_built_in_roots(), more.contains("tls_ca"), "{more}");
        }
        let without = with_url("u@tcp(db)/?tls=skip-verify", "").unwrap();
        assert!(without.ssl_opts().unwrap().accept_invalid_certs());
    }

    #[test]
    fn tls_mistakes_name_the_field() {
        for (url, more, said) in [
            (
                "u@tcp(db)/?tls=false",
                r#","tls_ca":"x""#,
                "tls=false contradicts",
            ),
            ("u@tcp(db)/", r#","tls_ca":"CANARY""#, "tls_ca: "),
            (
                "u@tcp(db)/",
                r#","tls_certificate_key":"CANARY""#,
                "tls_certificate_key: ",
            ),
            (
                "u@tcp(db)/",
                r#","tls_certificate_key":"-----BEGIN CERTIFICATE-----\nCANARY""#,
                "no PEM block PRIVATE KEY",
            ),
        ] {
            let error = with_url(url, more).unwrap_err().to_string();
            assert!(error.contains(said) && !error.contains("CANARY"), "{error}");
        }
    }
}
