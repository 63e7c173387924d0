//! The connection details of a configuration, as drivers read them.

use std::time::Duration;

use arca_api::Field;
use arca_base::json::Object;
use arca_base::{GoDuration, Json, Secret};

use super::driver::DriverError;
use super::redact::{Redactor, percent_encoded};

/// Connections where the configuration says nothing.
const DEFAULT_OPEN: usize = 4;
/// Connections where the configuration says "any number".
const MOST_OPEN: usize = 512;

/// How many connections a driver keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// At most this many at the same time.
    pub open: usize,
    /// At most this many that nobody uses.
    pub idle: usize,
    /// None older than this.
    pub lifetime: Option<Duration>,
}

/// The connection details of a configuration.
pub struct ConnectionSettings {
    details: Object,
}

impl ConnectionSettings {
    /// Settings of these details.
    #[must_use]
    pub const fn new(details: Object) -> Self {
        Self { details }
    }

    /// A setting; its default when it is not there.
    ///
    /// # Errors
    /// [`DriverError::Setting`], without the value.
    pub fn get<F: Field>(&self, name: &str) -> Result<F, DriverError> {
        match self.details.get(name) {
            None | Some(Json::Null) => Ok(F::default()),
            Some(value) => {
                F::decode(value).map_err(|reason| DriverError::Setting(format!("{name}: {reason}")))
            }
        }
    }

    /// A text; empty when it is not there.
    ///
    /// # Errors
    /// [`DriverError::Setting`], without the value.
    pub fn text(&self, name: &str) -> Result<String, DriverError> {
        self.get(name)
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// [`DriverError::Setting`].
    pub fn required(&self, name: &str) -> Result<String, DriverError> {
        let text = self.text(name)?;
        if text.is_empty() {
            return Err(DriverError::Setting(format!("{name} cannot be empty")));
        }
        Ok(text)
    }

    /// The user Arca logs in as.
    ///
    /// # Errors
    /// [`DriverError::Setting`].
    pub fn username(&self) -> Result<String, DriverError> {
        self.free_of_variables("username")
    }

    /// Its password.
    ///
    /// # Errors
    /// [`DriverError::Setting`].
    pub fn password(&self) -> Result<Secret<String>, DriverError> {
        self.free_of_variables("password").map(Secret::new)
    }

    fn free_of_variables(&self, name: &str) -> Result<String, DriverError> {
        let text = self.text(name)?;
        if ["{{username}}", "{{password}}", "{{name}}"]
            .iter()
            .any(|variable| text.contains(variable))
        {
            return Err(DriverError::Setting(
                "username and/or password cannot contain the template variables".to_owned(),
            ));
        }
        Ok(text)
    }

    /// `connection_url` with `{{username}}` and `{{password}}` filled in, each through `escape` unless
    /// `disable_escaping` is set. Goes nowhere but into a driver.
    ///
    /// # Errors
    /// [`DriverError::Setting`].
    pub fn filled_url(&self, escape: impl Fn(&str) -> String) -> Result<Secret<String>, DriverError> {
        let template = self.required("connection_url")?;
        let raw: bool = self.get("disable_escaping")?;
        let written = |text: &str| if raw { text.to_owned() } else { escape(text) };
        let (username, password) = (self.username()?, self.password()?);
        Ok(Secret::new(
            template
                .replace("{{username}}", &written(&username))
                .replace("{{password}}", &written(password.expose())),
        ))
    }

    /// The connections a driver may keep.
    ///
    /// # Errors
    /// [`DriverError::Setting`].
    pub fn pool(&self) -> Result<PoolLimits, DriverError> {
        let open: i64 = self.get("max_open_connections")?;
        let open = match usize::try_from(open) {
            Ok(0) => DEFAULT_OPEN,
            Ok(open) => open.min(MOST_OPEN),
            Err(_) => MOST_OPEN,
        };
        let idle: i64 = self.get("max_idle_connections")?;
        let idle = match usize::try_from(idle) {
            Ok(0) => open,
            Ok(idle) => idle.min(open),
            Err(_) => 0,
        };
        let lifetime: GoDuration = self.get("max_connection_lifetime")?;
        let lifetime = u64::try_from(lifetime.nanos()).unwrap_or(0);
        Ok(PoolLimits {
            open,
            idle,
            lifetime: (lifetime > 0).then(|| Duration::from_nanos(lifetime)),
        })
    }

    /// Knows the credentials in these settings: the password, and one written into `connection_url`.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        let mut redactor = Redactor::new();
        for name in ["password", "private_key", "tls_certificate_key"] {
            if let Some(text) = self.details.get(name).and_then(Json::as_str) {
                redactor = redactor.hiding(text, "[password]");
            }
        }
        let url = self.details.get("connection_url").and_then(Json::as_str);
        match url.and_then(literal_password) {
            Some((_, password)) => redactor
                .hiding(&percent_decoded(password), "[password]")
                .hiding(password, "[password]"),
            None => redactor,
        }
    }
}

/// Where in a connection URL or DSN (`user:password@...`) a literal password stands, and the password. Users end at
/// the first `:`, passwords at the last `@`; `password=` is where the other form has it.
#[must_use]
pub fn literal_password(url: &str) -> Option<(std::ops::Range<usize>, &str)> {
    let found = |range: std::ops::Range<usize>| {
        let password = url.get(range.clone())?;
        (!password.is_empty() && password != "{{password}}").then_some((range, password))
    };
    let start = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(start..)?;
    if let Some(at) = rest.rfind('@') {
        let userinfo = rest.get(..at)?;
        let colon = userinfo.find(':')?;
        return found(start + colon + 1..start + at);
    }
    let value = url.find("password=")? + "password=".len();
    let tail = url.get(value..)?;
    let (skip, end) = match tail.strip_prefix('\'') {
        Some(quoted) => (1, quoted.find('\'').unwrap_or(quoted.len())),
        None => (0, tail.find([' ', '&']).unwrap_or(tail.len())),
    };
    found(value + skip..value + skip + end)
}

/// A connection URL as it may be shown.
#[must_use]
pub fn shown_url(url: &str) -> String {
    match literal_password(url) {
        Some((range, _)) => {
            let mut shown = url.to_owned();
            shown.replace_range(range, "xxxxx");
            shown
        }
        None => url.to_owned(),
    }
}

/// Escapes for the user information of a URL.
#[must_use]
pub fn url_escaped(text: &str) -> String {
    percent_encoded(text, |_| false)
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = (byte == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(hex.unwrap_or(byte));
        rest = after.get(if hex.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use arca_base::json::Limits;

    use super::*;

    fn settings(json: &str) -> ConnectionSettings {
        match Json::parse(json.as_bytes(), &Limits::default()).unwrap() {
            Json::Object(details) => ConnectionSettings::new(details),
            _ => panic!("an object"),
        }
    }

    #[test]
    fn urls_are_filled_and_shown_without_passwords() {
        let settings = settings(
            r#"{"connection_url":"postgresql://{{username}}:{{password}}@db:5432/app","username":"a b","password":"p@:/"}"#,
        );
        assert_eq!(
            settings.filled_url(url_escaped).unwrap().expose(),
            "postgresql://a%20b:p%40%3A%2F@db:5432/app"
        );
        for (url, shown) in [
            ("postgresql://u:secret@h/db", "postgresql://u:xxxxx@h/db"),
            ("postgresql://u:se@cret@h/db", "postgresql://u:xxxxx@h/db"),
            ("u:secret@tcp(h:3306)/", "u:xxxxx@tcp(h:3306)/"),
            (
                "host=h user=u password=secret dbname=d",
                "host=h user=u password=xxxxx dbname=d",
            ),
            (
                "host=h password='se cret' dbname=d",
                "host=h password='xxxxx' dbname=d",
            ),
            (
                "postgresql://{{username}}:{{password}}@h",
                "postgresql://{{username}}:{{password}}@h",
            ),
            ("postgresql://h:5432/db", "postgresql://h:5432/db"),
            ("", ""),
        ] {
            assert_eq!(shown_url(url), shown);
        }
    }

    #[test]
    fn a_password_in_a_url_is_known_decoded_too() {
        let redactor = settings(r#"{"connection_url":"postgresql://u:s%40x%2Fy@h"}"#).redactor();
        assert_eq!(redactor.cut("s%40x%2Fy and s@x/y"), "[password] and [password]");
    }

    #[test]
    fn pools_are_bounded() {
        let pool = |json| settings(json).pool().unwrap();
        assert_eq!(
            pool("{}"),
            PoolLimits {
                open: 4,
                idle: 4,
                lifetime: None
            }
        );
        assert_eq!(pool(r#"{"max_open_connections":-1}"#).open, MOST_OPEN);
        let limits =
            pool(r#"{"max_open_connections":"2","max_idle_connections":9,"max_connection_lifetime":"5s"}"#);
        assert_eq!(
            (limits.open, limits.idle, limits.lifetime),
            (2, 2, Some(Duration::from_secs(5)))
        );
    }

    #[test]
    fn template_variables_are_refused_in_credentials() {
        let error = settings(r#"{"username":"{{username}}"}"#).username().unwrap_err();
        assert_eq!(
            error.to_string(),
            "username and/or password cannot contain the template variables"
        );
    }
}
