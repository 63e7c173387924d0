//! One conversation with the directory: who is this, does the password fit, which groups are they in.

use std::collections::BTreeSet;

use arca_base::{Entropy, Secret, id};
use arca_client::ConfigError;
use arca_core::Fault;

use super::config::Config;
use super::directory::{Directory, DirectoryError, Entry, Manner, Reach, Search};
use super::{dn, filter};

/// Most groups of one user.
const MOST_GROUPS: usize = 5000;
/// Identifiers of Active Directory groups that one search asks for.
const SIDS_AT_ONCE: usize = 100;

/// Why a login failed, in the words for operators.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("{0}")]
    Settings(#[from] ConfigError),
    #[error("no server of the directory can be reached: {0}")]
    Unreachable(String),
    #[error("binddn and bindpass: {0}")]
    Account(#[source] DirectoryError),
    #[error("searching the user below {base:?}: {cause}")]
    Users {
        base: String,
        #[source]
        cause: DirectoryError,
    },
    #[error("searching the groups below {base:?}: {cause}")]
    Groups {
        base: String,
        #[source]
        cause: DirectoryError,
    },
    #[error("asking the directory about the password: {0}")]
    Password(#[source] DirectoryError),
    #[error("{0}")]
    Unknown(&'static str),
    #[error("the directory does not accept the password: {0}")]
    Wrong(#[source] DirectoryError),
    #[error("{}", .0.text())]
    Template(Fault),
}

impl Refused {
    /// Whether name or password are wrong, which counts towards a lock.
    pub(super) const fn is_wrong_credential(&self) -> bool {
        matches!(self, Self::Unknown(_) | Self::Wrong(_))
    }

    /// What whoever tried is told. An unknown name and a wrong password are told alike.
    pub(super) fn fault(&self) -> Fault {
        let text = match self {
            Self::Unknown(_) | Self::Wrong(_) => "failed to bind as user",
            Self::Unreachable(_) | Self::Settings(_) => "failed to connect to LDAP server",
            Self::Account(_) => "failed to bind with the account that searches",
            Self::Users { .. } | Self::Template(_) => "failed to search the user",
            Self::Groups { .. } => "failed to search the groups",
            Self::Password(_) => "the directory did not answer about the password",
        };
        Fault::invalid(format!("ldap operation failed: {text}")).because(self.to_string())
    }
}

/// An entry that a login may be for.
pub(super) struct Person {
    /// What the password is tried with: a distinguished name, or a user principal name.
    pub(super) login: String,
    /// The entry; found after the password was, when it is not searched for first.
    entry: Option<Entry>,
}

/// A conversation with one server.
pub(super) struct Session<'a> {
    config: &'a Config,
    manner: &'a Manner,
    directory: Directory,
}

impl<'a> Session<'a> {
    /// Connects to the first server that can be reached.
    pub(super) async fn open(config: &'a Config, manner: &'a Manner) -> Result<Self, Refused> {
        Ok(Self {
            config,
            manner,
            directory: connect(config, manner).await?,
        })
    }

    /// Binds with the account that searches, if there is one.
    pub(super) async fn bind_account(&mut self) -> Result<(), Refused> {
        if self.config.has_account() {
            let bound = self
                .directory
                .bind(&self.config.bind_dn, &self.config.bind_password);
            bound.await.map_err(Refused::Account)?;
        }
        Ok(())
    }

    /// The entry of a name, if there is exactly one.
    pub(super) async fn find(&mut self, name: &str) -> Result<Option<Person>, Refused> {
        let config = self.config;
        if config.searches_users() {
            self.bind_account().await?;
            let entry = self.search_user(name).await?;
            return Ok(entry.map(|entry| Person {
                login: entry.dn.clone(),
                entry: Some(entry),
            }));
        }
        let login = match &*config.upn_domain {
            "" => format!(
                "{}={},{}",
                config.user_attribute,
                dn::escaped(name),
                config.user_dn
            ),
            domain => format!("{}@{domain}", dn::escaped(name)),
        };
        Ok(Some(Person { login, entry: None }))
    }

    /// Tries a password. For nobody it is tried as well, so that both take the same steps.
    pub(super) async fn prove(
        &mut self,
        person: Option<&Person>,
        password: &Secret<String>,
        entropy: &dyn Entropy,
    ) -> Result<(), Refused> {
        let login = person.map_or_else(|| self.nobody(entropy), |person| person.login.clone());
        let bound = self.directory.bind(&login, password).await;
        match (person, bound) {
            (None, _) => Err(Refused::Unknown("no entry, or more than one, has this name")),
            (Some(_), Ok(())) => Ok(()),
            (Some(_), Err(error)) if error.is_wrong_credential() => Err(Refused::Wrong(error)),
            (Some(_), Err(error)) => Err(Refused::Password(error)),
        }
    }

    /// The distinguished name of an entry that does not exist.
    fn nobody(&self, entropy: &dyn Entropy) -> String {
        let random = id::hex(&arca_base::entropy::bytes::<8>(entropy));
        format!("{}={random},{}", self.config.user_attribute, self.config.user_dn)
    }

    /// The entry of somebody who has proved to be it. Searches again with the account, if there is one.
    pub(super) async fn entry(&mut self, person: Person, name: &str) -> Result<Entry, Refused> {
        if self.config.has_account() {
            self.bind_account().await?;
        }
        if let Some(entry) = person.entry {
            return Ok(entry);
        }
        if self.config.upn_domain.is_empty() {
            // What the user may not read of itself is not needed.
            let found = self.look_at(&person.login).await;
            return Ok(found.ok().flatten().unwrap_or_else(|| Entry::named(person.login)));
        }
        let found = self.search_user(name).await?;
        found.ok_or(Refused::Unknown(
            "no entry, or more than one, has this user principal name",
        ))
    }

    async fn look_at(&mut self, dn: &str) -> Result<Option<Entry>, DirectoryError> {
        let search = Search {
            base: dn,
            reach: Reach::Entry,
            filter: "(objectClass=*)",
            attributes: &[self.alias_attribute()],
            most: 1,
        };
        Ok(self.directory.search(&search).await?.pop())
    }

    /// The attribute that names the alias of a user.
    fn alias_attribute(&self) -> &'a str {
        match &*self.config.upn_domain {
            "" => &self.config.user_attribute,
            _ => "userPrincipalName",
        }
    }

    async fn search_user(&mut self, name: &str) -> Result<Option<Entry>, Refused> {
        let config = self.config;
        let name = match &*config.upn_domain {
            "" => filter::escaped(name),
            domain => format!("{}@{}", filter::escaped(name), filter::escaped(domain)),
        };
        let values = [("UserAttr", self.alias_attribute()), ("Username", &*name)];
        let filter = filter::filled("userfilter", &config.user_filter, &values).map_err(Refused::Template)?;
        let search = Search {
            base: &config.user_dn,
            reach: Reach::Subtree,
            filter: &filter,
            attributes: &[self.alias_attribute()],
            most: 1,
        };
        match self.directory.search(&search).await {
            Ok(mut found) => Ok(found.pop()),
            // More than one: nobody can say whom the password belongs to.
            Err(DirectoryError::TooMuch(_)) => Ok(None),
            Err(cause) => Err(Refused::Users {
                base: config.user_dn.clone(),
                cause,
            }),
        }
    }

    /// The name the entity of a user goes by.
    pub(super) fn alias(&self, entry: &Entry, name: &str) -> String {
        let known = entry.texts(self.alias_attribute()).find(|text| !text.is_empty());
        match known.filter(|_| !self.config.username_as_alias) {
            Some(known) => known.to_owned(),
            None => name.to_owned(),
        }
    }

    /// The one name of an entry that is known before the password is tried, however it was spelled.
    pub(super) fn name_of(&self, person: &Person) -> Option<String> {
        let mut texts = person.entry.as_ref()?.texts(self.alias_attribute());
        texts.find(|text| !text.is_empty()).map(str::to_owned)
    }

    /// Names of the groups of a user.
    pub(super) async fn groups(&mut self, entry: &Entry, name: &str) -> Result<Vec<String>, Refused> {
        let config = self.config;
        let base = if config.use_token_groups && config.group_dn.is_empty() {
            dn::domain(&entry.dn)
        } else {
            config.group_dn.clone()
        };
        let filters = if config.use_token_groups {
            self.token_group_filters(entry).await?
        } else if config.group_dn.is_empty() || config.group_filter.is_empty() {
            Vec::new()
        } else {
            let user_dn = filter::escaped(&entry.dn);
            let values = [("UserDN", &*user_dn), ("Username", &*filter::escaped(name))];
            vec![filter::filled("groupfilter", &config.group_filter, &values).map_err(Refused::Template)?]
        };
        if filters.is_empty() {
            return Ok(Vec::new());
        }
        let mut anonymous = match config.anonymous_group_search {
            true => Some(connect(config, self.manner).await?),
            false => None,
        };
        let directory = anonymous.as_mut().unwrap_or(&mut self.directory);
        let mut names = BTreeSet::new();
        for filter in &filters {
            names.extend(named_by(directory, config, &base, filter).await?);
        }
        Ok(names.into_iter().collect())
    }

    /// Searches for the groups whose identifiers Active Directory lists for a user, nested ones included.
    async fn token_group_filters(&mut self, entry: &Entry) -> Result<Vec<String>, Refused> {
        let search = Search {
            base: &entry.dn,
            reach: Reach::Entry,
            filter: "(objectClass=*)",
            attributes: &["tokenGroups"],
            most: 1,
        };
        let found = self
            .directory
            .search(&search)
            .await
            .map_err(|cause| Refused::Groups {
                base: entry.dn.clone(),
                cause,
            })?;
        let sids = found
            .first()
            .map(|user| user.bytes("tokenGroups"))
            .unwrap_or_default();
        let at_once = sids.chunks(SIDS_AT_ONCE).map(|sids| {
            let any: String = sids
                .iter()
                .map(|sid| format!("(objectSid={})", filter::escaped_all(sid)))
                .collect();
            format!("(|{any})")
        });
        Ok(at_once.collect())
    }
}

/// The groups that a search names: those in the attribute for it, and else what is found itself.
async fn named_by(
    directory: &mut Directory,
    config: &Config,
    base: &str,
    filter: &str,
) -> Result<Vec<String>, Refused> {
    let search = Search {
        base,
        reach: Reach::Subtree,
        filter,
        attributes: &[&config.group_attribute],
        most: MOST_GROUPS,
    };
    let refused = |cause| Refused::Groups {
        base: base.to_owned(),
        cause,
    };
    let found = directory.search(&search).await.map_err(refused)?;
    let mut names = Vec::with_capacity(found.len());
    for entry in &found {
        let mut given = entry.texts(&config.group_attribute).peekable();
        if given.peek().is_none() {
            names.push(dn::group_name(&entry.dn));
        }
        names.extend(given.map(dn::group_name));
    }
    if names.len() > MOST_GROUPS {
        return Err(refused(DirectoryError::TooMuch(MOST_GROUPS)));
    }
    Ok(names)
}

async fn connect(config: &Config, manner: &Manner) -> Result<Directory, Refused> {
    let mut reasons = Vec::new();
    for url in config.addresses() {
        match Directory::connect(&url, manner).await {
            Ok(directory) => return Ok(directory),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    Err(Refused::Unreachable(reasons.join("; ")))
}
