//! What a limit is for, as it is written down by whoever makes it.

use std::sync::Arc;

use super::endpoints::LONGEST_PATH;
use super::rule::Aim;
use crate::active::Active;
use crate::fault::Fault;
use crate::router::{Class, Target};

impl Aim {
    /// Reads what a limit is to be for. The path of a namespace or a mount ends in a slash, whether it was given or not.
    ///
    /// # Errors
    /// 400 naming the field and the fix.
    pub(super) async fn parse(
        root: &Arc<Active>,
        path: &str,
        role: &str,
        inheritable: Option<bool>,
    ) -> Result<Self, Fault> {
        let path = path.trim_start_matches('/');
        if path.len() > LONGEST_PATH || path.strip_suffix('*').unwrap_or(path).contains('*') {
            return Err(Fault::invalid(format!(
                "'path' may have at most {LONGEST_PATH} bytes, and '*' at its end only"
            )));
        }
        let (around, mount) = find(root, path.trim_end_matches(['*', '/'])).await?;
        let namespace = around.namespace.path.to_string();
        let plain = path.trim_end_matches('/');
        let path = match &mount {
            None if plain == namespace.trim_end_matches('/') => namespace.clone(),
            None => return Err(unmounted()),
            Some(target) => {
                let mount = format!("{namespace}{}", target.mount.full_path());
                // Only mounts and namespaces end in a slash.
                if plain == mount.trim_end_matches('/') {
                    mount
                } else if plain.starts_with(&mount) {
                    plain.to_owned()
                } else {
                    return Err(Fault::invalid(format!(
                        "'path' needs a slash between the mount and '*', as in \"{mount}*\": without it other mounts would be meant, too"
                    )));
                }
            }
        };
        if mount.is_some() && inheritable == Some(true) {
            return Err(Fault::invalid(
                "'inheritable' is for limits of a namespace: leave it out, or make 'path' that of a namespace",
            ));
        }
        Ok(Self {
            inheritable: inheritable.unwrap_or(path.is_empty()),
            role: parse_role(mount.as_ref(), &path, role)?,
            path,
            namespace,
        })
    }

    /// Follows a mount from one path to another; `false` when it is for something else.
    pub(super) fn follow(&mut self, from: &str, to: &str) -> bool {
        let Some(rest) = self.path.strip_prefix(from) else {
            return false;
        };
        self.path = format!("{to}{rest}");
        true
    }

    /// Two limits of one thing could not both be the most specific.
    pub(super) fn refuse_same(&self, other: &Self, name: &str) -> Result<(), Fault> {
        if (&self.path, &self.role) == (&other.path, &other.role) {
            return Err(Fault::invalid(format!(
                "quota rule with similar properties exists under the name {name:?}"
            )));
        }
        Ok(())
    }
}

/// Methods know their roles in lower case.
fn parse_role(mount: Option<&Target>, path: &str, role: &str) -> Result<String, Fault> {
    if role.is_empty() {
        return Ok(String::new());
    }
    if role.len() > LONGEST_PATH {
        return Err(Fault::invalid(format!(
            "'role' may have at most {LONGEST_PATH} bytes"
        )));
    }
    let method = mount.filter(|target| target.mount.class == Class::Auth && path.ends_with('/'));
    let method = method.ok_or_else(|| {
        Fault::invalid("'role' needs an auth method as 'path', such as auth/approle, and nothing after it")
    })?;
    if !method.engine.has_roles() {
        return Err(Fault::invalid(format!(
            "'role': logins of the {} method at {path:?} are by no role; leave it out",
            method.mount.kind
        )));
    }
    Ok(role.to_lowercase())
}

/// The namespace and the mount that a path lies in; no mount where it is a namespace itself.
async fn find(root: &Arc<Active>, path: &str) -> Result<(Arc<Active>, Option<Target>), Fault> {
    let namespaces = root.namespaces()?;
    let path = if path.is_empty() {
        String::new()
    } else {
        format!("{path}/")
    };
    let (mut around, mut below) = (root.clone(), &*path);
    loop {
        if below.is_empty() {
            return Ok((around, None));
        }
        let target = around.router.resolve(below.trim_end_matches('/')).await?;
        if target.is_some() {
            return Ok((around, target));
        }
        let found = namespaces.below(&around.namespace, below).await?;
        (around, below) = found.ok_or_else(unmounted)?;
    }
}

fn unmounted() -> Fault {
    Fault::invalid("invalid mount path")
}
