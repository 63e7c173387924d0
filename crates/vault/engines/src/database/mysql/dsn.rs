//! Connection strings as MySQL clients write them: `user:password@tcp(host:3306)/database?parameter=value`.

use std::collections::BTreeMap;

use arca_base::Secret;

use super::super::driver::DriverError;

const LONGEST: usize = 4096;
const MOST_PARAMETERS: usize = 64;
const PORT: u16 = 3306;

/// A connection string.
pub(super) struct Dsn {
    pub(super) username: String,
    pub(super) password: Secret<String>,
    pub(super) address: Address,
    pub(super) database: Option<String>,
    pub(super) tls: TlsMode,
    pub(super) cleartext_plugin: bool,
    /// System variables that each connection sets.
    pub(super) variables: BTreeMap<String, String>,
}

/// Where a server is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Address {
    Tcp { host: String, port: u16 },
    Socket(String),
}

/// What the parameter `tls` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TlsMode {
    /// As the TLS fields of the configuration say.
    Unsaid,
    Off,
    On,
    Unverified,
}

impl Dsn {
    /// Reads `template` and fills in the user and the password. They go where their places are and are not read as a
    /// part of the template, so nothing in them needs escaping.
    ///
    /// # Errors
    /// What is wrong with the template, without any part of it that could be a password.
    pub(super) fn parse(
        template: &str,
        username: &str,
        password: &Secret<String>,
    ) -> Result<Self, DriverError> {
        if template.len() > LONGEST {
            return Err(wrong(&format!("it is longer than {LONGEST} bytes")));
        }
        if template.contains("://") {
            return Err(wrong("it is not a URL"));
        }
        let (target, rest) = template
            .rsplit_once('/')
            .ok_or_else(|| wrong("the `/` in front of the database is missing"))?;
        let (database, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (user, address) = target.rsplit_once('@').unwrap_or(("", target));
        let (name, secret) = user.split_once(':').unwrap_or((user, ""));
        let fill = |text: &str| {
            text.replace("{{username}}", username)
                .replace("{{password}}", password.expose())
        };
        let mut dsn = Self {
            username: fill(name),
            password: Secret::new(fill(secret)),
            address: Address::parse(address)?,
            database: (!database.is_empty()).then(|| database.to_owned()),
            tls: TlsMode::Unsaid,
            cleartext_plugin: false,
            variables: BTreeMap::new(),
        };
        dsn.take_parameters(parameters)?;
        Ok(dsn)
    }

    fn take_parameters(&mut self, parameters: &str) -> Result<(), DriverError> {
        let pairs: Vec<&str> = parameters.split('&').filter(|pair| !pair.is_empty()).collect();
        if pairs.len() > MOST_PARAMETERS {
            return Err(wrong(&format!("it has more than {MOST_PARAMETERS} parameters")));
        }
        for pair in pairs {
            let (name, value) = pair
                .split_once('=')
                .ok_or_else(|| wrong("a parameter has no value; write name=value"))?;
            self.take_parameter(name, value)?;
        }
        Ok(())
    }

    fn take_parameter(&mut self, name: &str, value: &str) -> Result<(), DriverError> {
        match name {
            "tls" => self.tls = TlsMode::parse(value)?,
            "allowCleartextPasswords" => self.cleartext_plugin = matches!(value, "true" | "1"),
            // What only steers how other clients read rows, or has a setting of its own here.
            _ if IGNORED.contains(&name) => {}
            _ if is_word(name) => {
                let value = percent_decoded(value).filter(|value| !value.contains([';', '\0']));
                let value = value.ok_or_else(|| wrong(&format!("the value of {name} cannot be used")))?;
                self.variables.insert(name.to_owned(), value);
            }
            _ => {
                return Err(wrong(
                    "a parameter's name has other characters than letters, digits and _",
                ));
            }
        }
        Ok(())
    }
}

impl Address {
    fn parse(text: &str) -> Result<Self, DriverError> {
        let (protocol, address) = match text.split_once('(') {
            Some((protocol, rest)) => (
                protocol,
                rest.strip_suffix(')')
                    .ok_or_else(|| wrong("the `)` after the address is missing"))?,
            ),
            None => (text, ""),
        };
        match protocol {
            "tcp" | "" => Self::tcp(address),
            "unix" if address.starts_with('/') => Ok(Self::Socket(address.to_owned())),
            "unix" => Err(wrong("the socket is not an absolute path")),
            _ => Err(wrong("the protocol is neither tcp nor unix")),
        }
    }

    fn tcp(address: &str) -> Result<Self, DriverError> {
        if address.contains(',') {
            return Err(wrong("only one host can be given"));
        }
        let (host, port) = match address.strip_prefix('[') {
            Some(rest) => rest
                .split_once(']')
                .ok_or_else(|| wrong("the `]` after the IPv6 address is missing"))?,
            None => address.split_at(address.find(':').unwrap_or(address.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port
                .parse()
                .map_err(|_| wrong("the port is not a number from 0 to 65535"))?,
            None if port.is_empty() => PORT,
            None => return Err(wrong("a port follows the host after `:`")),
        };
        let host = if host.is_empty() { "127.0.0.1" } else { host };
        Ok(Self::Tcp {
            host: host.to_owned(),
            port,
        })
    }
}

impl TlsMode {
    fn parse(value: &str) -> Result<Self, DriverError> {
        match value {
            "false" => Ok(Self::Off),
            "true" => Ok(Self::On),
            "skip-verify" => Ok(Self::Unverified),
            // Whoever sits between could make it clear text.
            "preferred" => Err(wrong(
                "tls=preferred is no protection; use tls=true, skip-verify or false",
            )),
            _ => Err(wrong(
                "tls is none of true, skip-verify and false; certificates belong in tls_ca and tls_certificate_key",
            )),
        }
    }
}

const IGNORED: &[&str] = &[
    "allowAllFiles",
    "allowFallbackToPlaintext",
    "allowNativePasswords",
    "allowOldPasswords",
    "charset",
    "checkConnLiveness",
    "clientFoundRows",
    "collation",
    "columnsWithAlias",
    "connectionAttributes",
    "interpolateParams",
    "loc",
    "maxAllowedPacket",
    "multiStatements",
    "parseTime",
    "readTimeout",
    "rejectReadOnly",
    "serverPubKey",
    "timeTruncate",
    "timeout",
    "writeTimeout",
];

fn wrong(what: &str) -> DriverError {
    DriverError::Setting(format!(
        "connection_url: {what}; the form is {{{{username}}}}:{{{{password}}}}@tcp(host:3306)/database?parameter=value"
    ))
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(if byte == b'+' { b' ' } else { byte });
            continue;
        }
        let digits = std::str::from_utf8(after.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after.get(2..)?;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(template: &str) -> Result<Dsn, DriverError> {
        Dsn::parse(template, "ro@ot:x", &Secret::new("p@ss/w:rd?".to_owned()))
    }

    fn tcp(host: &str, port: u16) -> Address {
        Address::Tcp {
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn credentials_need_no_escaping() {
        let dsn = parse("{{username}}:{{password}}@tcp(db.example.com:3307)/app?tls=true").unwrap();
        assert_eq!(dsn.username, "ro@ot:x");
        assert_eq!(dsn.password.expose(), "p@ss/w:rd?");
        assert_eq!(dsn.address, tcp("db.example.com", 3307));
        assert_eq!(dsn.database.as_deref(), Some("app"));
        assert_eq!(dsn.tls, TlsMode::On);
    }

    #[test]
    fn the_parts_that_may_be_missing_have_defaults() {
        let dsn = parse("{{username}}:{{password}}@tcp(db)/").unwrap();
        assert_eq!((dsn.address, dsn.database), (tcp("db", 3306), None));
        assert_eq!(parse("u@/").unwrap().address, tcp("127.0.0.1", 3306));
        assert_eq!(parse("/").unwrap().username, "");
        assert_eq!(parse("u@tcp([::1]:1)/").unwrap().address, tcp("::1", 1));
        assert_eq!(parse("u@tcp([::1])/").unwrap().address, tcp("::1", 3306));
        assert_eq!(
            parse("u:p@unix(/run/mysqld/mysqld.sock)/d").unwrap().address,
            Address::Socket("/run/mysqld/mysqld.sock".to_owned())
        );
        let literal = parse("u:p@ss:w@tcp(h)/").unwrap();
        assert_eq!(
            (literal.username.as_str(), literal.password.expose().as_str()),
            ("u", "p@ss:w")
        );
    }

    #[test]
    fn other_parameters_are_variables() {
        let dsn = parse("u@/?parseTime=true&sql_mode=%27ANSI%27&allowCleartextPasswords=1").unwrap();
        assert_eq!(dsn.variables.get("sql_mode").unwrap(), "'ANSI'");
        assert_eq!(dsn.variables.len(), 1);
        assert!(dsn.cleartext_plugin);
    }

    #[test]
    fn mistakes_are_named_and_passwords_are_not() {
        for (template, said) in [
            ("mysql://u:CANARY@h/", "not a URL"),
            ("u:CANARY@tcp(h:3306)", "the `/`"),
            ("u:CANARY@tcp(h:3306/", "the `)`"),
            ("u:CANARY@tcp(h:x)/", "the port"),
            ("u:CANARY@tcp(h:70000)/", "the port"),
            ("u:CANARY@tcp([::1/", "the `)`"),
            ("u:CANARY@tcp([::1)/", "the `]`"),
            ("u:CANARY@tcp([::1]3306)/", "after `:`"),
            ("u:CANARY@tcp(a:1,b:1)/", "one host"),
            ("u:CANARY@udp(h)/", "protocol"),
            ("u:CANARY@unix(h)/", "absolute path"),
            ("u:CANARY@/?tls=preferred", "no protection"),
            ("u:CANARY@/?tls=custom", "tls_ca"),
            ("u:CANARY@/?tls", "no value"),
            ("u:CANARY@/?a.b=1", "letters"),
            ("u:CANARY@/?a=%3B", "cannot be used"),
            ("u:CANARY@/?a=%f", "cannot be used"),
        ] {
            let Err(error) = parse(template) else {
                panic!("{template} was taken");
            };
            let error = error.to_string();
            assert!(
                error.starts_with("connection_url: ") && error.contains(said),
                "{error}"
            );
            assert!(!error.contains("CANARY"), "{error}");
        }
        assert!(parse(&"x".repeat(LONGEST + 1)).is_err());
        let many = format!("/?{}", "a=1&".repeat(MOST_PARAMETERS + 1));
        assert!(parse(&many).is_err());
    }
}
