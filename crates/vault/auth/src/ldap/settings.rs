//! Reading and writing the configuration.

use std::net::IpAddr;
use std::sync::Arc;

use arca_api::auth::ldap as api;
use arca_api::endpoint::Nothing;
use arca_base::json::Object;
use arca_base::{Json, Secret, Ttl, json_object};
use arca_core::Fault;
use arca_core::engine::{Answer, Cx};
use url::Url;

use super::Ldap;
use super::config::Config;
use super::filter;

/// Most servers.
const MOST_SERVERS: usize = 16;
/// Longest text of a field, in bytes.
const LONGEST: usize = 4 << 10;
/// Longest certificates and keys, in bytes.
const LONGEST_PEM: usize = 256 << 10;

pub(super) async fn read(_: Arc<Ldap>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let config = Config::stored(cx.site()?).await?.unwrap_or_default();
    let Json::Object(mut members) = describe(&config) else {
        return Err(Fault::internal("the configuration has no members"));
    };
    config.token.describe_in(&mut members);
    Ok(Answer::data(&Json::Object(members)))
}

/// All but the secrets.
fn describe(config: &Config) -> Json {
    let mut members = Object::new();
    let text: [(&str, &str); 14] = [
        ("certificate", &config.certificate),
        ("client_tls_cert", &config.client_tls_cert),
        ("tls_min_version", &config.tls_min_version),
        ("tls_max_version", &config.tls_max_version),
        ("binddn", &config.bind_dn),
        ("userdn", &config.user_dn),
        ("userattr", &config.user_attribute),
        ("userfilter", &config.user_filter),
        ("upndomain", &config.upn_domain),
        ("groupdn", &config.group_dn),
        ("groupfilter", &config.group_filter),
        ("groupattr", &config.group_attribute),
        ("dereference_aliases", &config.dereference_aliases),
        ("url", &config.urls.join(",")),
    ];
    members.extend(text.map(|(name, text)| (name.to_owned(), text.into())));
    if let Json::Object(rest) = json_object! {
        "starttls" => config.starttls,
        "insecure_tls" => config.insecure_tls,
        "discoverdn" => config.discover_dn,
        "deny_null_bind" => config.deny_null_bind,
        "anonymous_group_search" => config.anonymous_group_search,
        "use_token_groups" => config.use_token_groups,
        "username_as_alias" => config.username_as_alias,
        "case_sensitive_names" => config.case_sensitive_names,
        "request_timeout" => config.request_timeout.seconds(),
        "connection_timeout" => config.connection_timeout.seconds(),
        "max_page_size" => u64::from(config.max_page_size),
    } {
        members.extend(rest);
    }
    Json::Object(members)
}

pub(super) async fn write(_: Arc<Ldap>, cx: Cx, request: api::WriteConfig) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let stored = Config::stored(site).await?;
    let mut config = stored.map_or_else(Config::default, |stored| stored.copy());
    let given = request.token_parameters();
    config.token.change(&given)?;
    change(&mut config, request)?;
    check(&config)?;
    config.keep(site).await?;
    Ok(Answer::empty().warn_all(warnings(&config)))
}

fn change(config: &mut Config, request: api::WriteConfig) -> Result<(), Fault> {
    if let Some(url) = &request.url {
        config.urls = urls(url)?;
    }
    change_switches(config, &request);
    change_limits(config, &request)?;
    change_names(config, &request)?;
    change_certificates(config, &request)?;
    for (field, given, kept, longest) in [
        ("bindpass", request.bindpass, &mut config.bind_password, LONGEST),
        (
            "client_tls_key",
            request.client_tls_key,
            &mut config.client_tls_key,
            LONGEST_PEM,
        ),
    ] {
        if let Some(given) = given.map(Secret::new) {
            at_most(field, given.expose(), longest)?;
            *kept = given;
        }
    }
    Ok(())
}

fn change_switches(config: &mut Config, request: &api::WriteConfig) {
    for (given, kept) in [
        (request.starttls, &mut config.starttls),
        (request.insecure_tls, &mut config.insecure_tls),
        (request.discoverdn, &mut config.discover_dn),
        (request.deny_null_bind, &mut config.deny_null_bind),
        (request.anonymous_group_search, &mut config.anonymous_group_search),
        (request.use_token_groups, &mut config.use_token_groups),
        (request.username_as_alias, &mut config.username_as_alias),
        (request.case_sensitive_names, &mut config.case_sensitive_names),
    ] {
        *kept = given.unwrap_or(*kept);
    }
}

fn change_limits(config: &mut Config, request: &api::WriteConfig) -> Result<(), Fault> {
    config.request_timeout = request.request_timeout.unwrap_or(config.request_timeout);
    config.connection_timeout = request.connection_timeout.unwrap_or(config.connection_timeout);
    if let Some(size) = request.max_page_size {
        config.max_page_size =
            u16::try_from(size.max(0)).map_err(|_| Fault::invalid("max_page_size may be at most 65535"))?;
    }
    Ok(())
}

/// Names, filters, and other short texts.
fn change_names(config: &mut Config, request: &api::WriteConfig) -> Result<(), Fault> {
    for (field, given, kept) in [
        ("binddn", &request.binddn, &mut config.bind_dn),
        ("userdn", &request.userdn, &mut config.user_dn),
        ("userattr", &request.userattr, &mut config.user_attribute),
        ("userfilter", &request.userfilter, &mut config.user_filter),
        ("upndomain", &request.upndomain, &mut config.upn_domain),
        ("groupdn", &request.groupdn, &mut config.group_dn),
        ("groupattr", &request.groupattr, &mut config.group_attribute),
        ("groupfilter", &request.groupfilter, &mut config.group_filter),
        (
            "dereference_aliases",
            &request.dereference_aliases,
            &mut config.dereference_aliases,
        ),
    ] {
        take(field, given.as_deref(), kept, LONGEST)?;
    }
    Ok(())
}

fn change_certificates(config: &mut Config, request: &api::WriteConfig) -> Result<(), Fault> {
    for (field, given, kept) in [
        (
            "tls_min_version",
            &request.tls_min_version,
            &mut config.tls_min_version,
        ),
        (
            "tls_max_version",
            &request.tls_max_version,
            &mut config.tls_max_version,
        ),
        ("certificate", &request.certificate, &mut config.certificate),
        (
            "client_tls_cert",
            &request.client_tls_cert,
            &mut config.client_tls_cert,
        ),
    ] {
        take(field, given.as_deref(), kept, LONGEST_PEM)?;
    }
    Ok(())
}

fn take(field: &str, given: Option<&str>, kept: &mut String, longest: usize) -> Result<(), Fault> {
    if let Some(given) = given {
        at_most(field, given, longest)?;
        given.trim().clone_into(kept);
    }
    Ok(())
}

fn at_most(field: &str, text: &str, longest: usize) -> Result<(), Fault> {
    if text.len() > longest {
        return Err(Fault::invalid(format!("{field} is longer than {longest} bytes")));
    }
    Ok(())
}

/// The addresses of the servers.
fn urls(given: &str) -> Result<Vec<String>, Fault> {
    at_most("url", given, LONGEST)?;
    let refused = |reason: &str| Err(Fault::invalid(format!("url: {reason}")));
    let parts = given.split(',').map(str::trim).filter(|part| !part.is_empty());
    let parts: Vec<&str> = parts.collect();
    if parts.is_empty() || parts.len() > MOST_SERVERS {
        return refused(
            "give one to 16 addresses such as ldaps://directory.example.com, separated by commas",
        );
    }
    let mut urls = Vec::with_capacity(parts.len());
    for part in parts {
        let Ok(url) = Url::parse(part) else {
            return refused("an address is not a URL such as ldaps://directory.example.com");
        };
        if !matches!(url.scheme(), "ldap" | "ldaps") {
            return refused("addresses begin with ldaps:// or ldap://");
        }
        if url.host_str().is_none_or(str::is_empty) {
            return refused("an address has no host");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refused("an address holds a name or a password; use binddn and bindpass");
        }
        urls.push(part.to_owned());
    }
    Ok(urls)
}

/// Refuses what can never work.
fn check(config: &Config) -> Result<(), Fault> {
    for (field, name) in [
        ("userattr", &config.user_attribute),
        ("groupattr", &config.group_attribute),
    ] {
        let known = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | ';');
        if name.is_empty() || !name.chars().all(known) {
            return Err(Fault::invalid(format!(
                "{field} must be the name of an attribute, such as cn"
            )));
        }
    }
    filter::check("userfilter", &config.user_filter, &["UserAttr", "Username"])?;
    if !config.group_filter.is_empty() {
        filter::check("groupfilter", &config.group_filter, &["UserDN", "Username"])?;
    }
    if !matches!(
        &*config.dereference_aliases,
        "never" | "finding" | "searching" | "always"
    ) {
        return Err(Fault::invalid(
            "dereference_aliases must be never, finding, searching or always",
        ));
    }
    check_tls(config)?;
    for (field, ttl) in [
        ("request_timeout", config.request_timeout),
        ("connection_timeout", config.connection_timeout),
    ] {
        if ttl == Ttl::ZERO {
            return Err(Fault::invalid(format!("{field} must be longer than nothing")));
        }
    }
    Ok(())
}

fn check_tls(config: &Config) -> Result<(), Fault> {
    for (field, version) in [
        ("tls_min_version", &config.tls_min_version),
        ("tls_max_version", &config.tls_max_version),
    ] {
        if !matches!(&**version, "tls10" | "tls11" | "tls12" | "tls13") {
            return Err(Fault::invalid(format!("invalid '{field}': use tls12 or tls13")));
        }
    }
    if matches!(&*config.tls_max_version, "tls10" | "tls11") {
        return Err(Fault::invalid(
            "'tls_max_version' must be tls12 or tls13: older versions are not spoken",
        ));
    }
    if config.tls_max_version < config.tls_min_version {
        return Err(Fault::invalid(
            "'tls_max_version' must be greater than or equal to 'tls_min_version'",
        ));
    }
    if config.client_tls_cert.is_empty() != config.client_tls_key.expose().is_empty() {
        return Err(Fault::invalid(
            "client_tls_cert and client_tls_key go together: give both or neither",
        ));
    }
    config
        .tls()
        .map(drop)
        .map_err(|error| Fault::invalid(error.to_string()))
}

/// What works and is not as it should be.
fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    let clear = config
        .addresses()
        .find(|url| config.is_clear(url) && !is_local(url));
    if clear.is_some() {
        warnings
            .push("passwords travel without encryption: use ldaps:// addresses, or set starttls".to_owned());
    }
    if config.insecure_tls {
        warnings.push(
            "insecure_tls accepts any certificate: whoever answers sees the passwords; set certificate instead"
                .to_owned(),
        );
    }
    if !config.deny_null_bind {
        warnings.push(
            "deny_null_bind has no effect when false: logins without a password are always refused"
                .to_owned(),
        );
    }
    if matches!(&*config.tls_min_version, "tls10" | "tls11") {
        warnings.push("TLS older than 1.2 is not spoken, whatever tls_min_version says".to_owned());
    }
    warnings
}

fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
