//! Reading what a program is given: each path once, so that the members of one credential belong together.

use std::collections::BTreeMap;
use std::time::Duration;

use arca_base::json::Object;
use arca_base::{Json, Secret};

use super::leases::Lease;
use crate::cli::failure::Failure;
use crate::cli::kv::place;
use crate::cli::session::Session;

/// One member of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    path: String,
    key: String,
}

/// Reads `NAME=PATH#KEY`.
pub(super) fn single(text: &str) -> Result<(String, Source), String> {
    const FORM: &str = "use NAME=PATH#KEY, such as DB_PASSWORD=secret/app#password";
    let (name, rest) = text.split_once('=').ok_or(FORM)?;
    let (path, key) = rest.rsplit_once('#').ok_or(FORM)?;
    if name.is_empty() || path.trim_matches('/').is_empty() || key.is_empty() {
        return Err(FORM.to_owned());
    }
    Ok((
        name.to_owned(),
        Source {
            path: path.to_owned(),
            key: key.to_owned(),
        },
    ))
}

/// What has been read.
#[derive(Default)]
pub(super) struct Reading {
    secrets: BTreeMap<String, Object>,
    leases: Vec<Lease>,
}

impl Reading {
    /// One member, as text.
    pub(super) async fn value(
        &mut self,
        source: &Source,
        session: &mut Session,
    ) -> Result<Secret<String>, Failure> {
        let members = self.read(&source.path, session).await?;
        let value = members.get(&source.key).ok_or_else(|| {
            let known: Vec<&str> = members.keys().map(String::as_str).collect();
            Failure::absent(format!(
                "{} has no member {:?}; it has {}",
                source.path,
                source.key,
                known.join(", ")
            ))
        })?;
        Ok(text(value))
    }

    /// All members, with names for variables.
    pub(super) async fn members(
        &mut self,
        path: &str,
        session: &mut Session,
    ) -> Result<Vec<(String, Secret<String>)>, Failure> {
        let members = self.read(path, session).await?;
        let named = members.iter().map(|(key, value)| (variable(key), text(value)));
        let named: Vec<_> = named.collect();
        for (name, value) in &named {
            check_variable(name, value)?;
        }
        Ok(named)
    }

    /// The leases that reading has brought about.
    pub(super) fn into_leases(self) -> Vec<Lease> {
        self.leases
    }

    async fn read(&mut self, path: &str, session: &mut Session) -> Result<&Object, Failure> {
        let path = path.trim_matches('/').to_owned();
        if !self.secrets.contains_key(&path) {
            let members = self.fetch(&path, session).await?;
            self.secrets.insert(path.clone(), members);
        }
        self.secrets
            .get(&path)
            .ok_or_else(|| Failure::absent(format!("No value found at {path}")))
    }

    async fn fetch(&mut self, path: &str, session: &mut Session) -> Result<Object, Failure> {
        let place = place::find(None, path, session).await?;
        let full = place.path("data");
        let answer = session.client()?.with_wrap_ttl(None).read(&full).await;
        let answer = answer.map_err(|error| Failure::remote(&format!("Error reading {full}"), error))?;
        let absent = || Failure::absent(format!("No value found at {full}"));
        let answer = answer.ok_or_else(absent)?;
        if !answer.lease_id.is_empty() {
            self.leases.push(Lease {
                id: answer.lease_id,
                length: Duration::from_secs(answer.lease_duration),
                renewable: answer.renewable && answer.lease_duration > 0,
            });
        }
        let data = answer.data.ok_or_else(absent)?;
        let members = if place.is_versioned() {
            data.get("data").and_then(Json::as_object)
        } else {
            data.as_object()
        };
        members.cloned().ok_or_else(absent)
    }
}

fn text(value: &Json) -> Secret<String> {
    let text = value.as_str().map(str::to_owned);
    Secret::new(text.unwrap_or_else(|| value.to_text().as_str().to_owned()))
}

/// The name of a variable for a member: upper case, with `_` for what no name has.
fn variable(key: &str) -> String {
    let mut name: String = key
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}

/// What no environment can hold is told by name.
pub(super) fn check_variable(name: &str, value: &Secret<String>) -> Result<(), Failure> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(Failure::local(format!(
            "{name:?} cannot be the name of a variable"
        )));
    }
    if value.expose().contains('\0') {
        return Err(Failure::local(format!(
            "{name}: the value holds a NUL byte, which no variable can; use -file"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_and_others_refused() {
        let (name, source) = single("A=secret/a=b#c").unwrap();
        assert_eq!(
            (name.as_str(), source.path.as_str(), source.key.as_str()),
            ("A", "secret/a=b", "c")
        );
        for text in ["", "A", "A=secret", "A=#k", "=p#k", "A=p#"] {
            assert!(single(text).is_err(), "{text}");
        }
    }

    #[test]
    fn members_become_variables() {
        assert_eq!(variable("password"), "PASSWORD");
        assert_eq!(variable("api-key.2"), "API_KEY_2");
        assert_eq!(variable("2fa"), "_2FA");
        assert!(check_variable("A", &Secret::new("a\0b".to_owned())).is_err());
    }
}
