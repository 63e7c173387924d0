//! The functions a template of the agent can call: those that reach outside are here, all others further inside.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arca_base::{Secret, glob};
use arca_lang::template::{Conduct, FunctionError, Functions, Kind, Signature, Value};

use crate::config::Account;
use crate::secrets::{BadDependency, Dependency, Held, Secrets};

/// Most files one rendering writes on the side.
const SIDE_FILES: usize = 100;

/// A file that `writeToFile` asks for. Written only once everything the template needs is there.
pub(crate) struct SideFile {
    pub(crate) path: PathBuf,
    pub(crate) user: Option<Account>,
    pub(crate) group: Option<Account>,
    pub(crate) perms: u32,
    pub(crate) append: bool,
    pub(crate) content: Secret<Vec<u8>>,
}

/// Where what templates ask for is held.
pub(crate) trait Holds {
    /// What is held for `dependency`, if it is there already.
    fn held(&self, dependency: &Dependency) -> Option<Arc<Held>>;
}

impl Holds for Secrets {
    fn held(&self, dependency: &Dependency) -> Option<Arc<Held>> {
        self.look(dependency)
    }
}

/// Functions with what they noticed during one pass.
pub(crate) struct Outside<'a> {
    pub(crate) secrets: &'a dyn Holds,
    pub(crate) inner: &'a mut dyn Functions,
    pub(crate) denied: &'a [String],
    pub(crate) sandbox: Option<&'a Path>,
    /// Everything asked for, and the part of it that is not there yet.
    pub(crate) used: BTreeSet<Arc<Dependency>>,
    pub(crate) missing: BTreeSet<Arc<Dependency>>,
    pub(crate) side_files: Vec<SideFile>,
}

const STRING: &[Kind] = &[Kind::String];

impl Functions for Outside<'_> {
    fn signature(&self, name: &str) -> Option<Signature> {
        own(name).or_else(|| self.inner.signature(name))
    }

    fn refusal(&self, name: &str) -> Option<&'static str> {
        match name {
            "plugin" => Some("programs are not run by templates; use the command of the template"),
            other => self.inner.refusal(other),
        }
    }

    fn conduct(&self, name: &str) -> Conduct {
        self.inner.conduct(name)
    }

    /// Numbers of the functions further inside follow zero, which is for those here.
    fn number(&self, name: &str) -> usize {
        if own(name).is_some() {
            return 0;
        }
        self.inner.number(name).saturating_add(1)
    }

    fn call_numbered(
        &mut self,
        number: usize,
        name: &str,
        arguments: &[Value],
    ) -> Result<Value, FunctionError> {
        let Some(number) = number.checked_sub(1) else {
            return self.call(name, arguments);
        };
        self.allowed(name)?;
        self.inner.call_numbered(number, name, arguments)
    }

    fn effort(&mut self) -> u64 {
        self.inner.effort()
    }

    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Value, FunctionError> {
        self.allowed(name)?;
        let texts = || -> Result<Vec<&str>, FunctionError> {
            let texts = arguments.iter().map(Value::as_str);
            texts
                .collect::<Option<_>>()
                .ok_or_else(|| "an argument is not UTF-8 text".into())
        };
        match name {
            "secret" => match texts()?.as_slice() {
                [] => Ok(Value::Nil),
                [path, rest @ ..] => self.look(Dependency::secret(path, rest)),
            },
            "secrets" if first(&texts()?).is_empty() => Ok(Value::list([])),
            "secrets" => self.look(Dependency::list(first(&texts()?))),
            "pkiCert" => {
                let texts = texts()?;
                let rest = texts.get(1..).unwrap_or_default();
                self.look(Dependency::certificate(first(&texts), rest))
            }
            "file" if first(&texts()?).is_empty() => Ok(Value::from("")),
            "file" => {
                let path = first(&texts()?).trim();
                self.stay_inside(path)?;
                // Until it has been read, it is taken for empty.
                match self.look(Dependency::file(path))? {
                    Value::Nil => Ok(Value::from("")),
                    content => Ok(content),
                }
            }
            "env" => Ok(Value::from(variable(first(&texts()?)).unwrap_or_default())),
            "mustEnv" => {
                let texts = texts()?;
                let name = first(&texts);
                let value = variable(name).ok_or_else(|| format!("the variable {name:?} is not set"))?;
                Ok(Value::from(value))
            }
            "envOrDefault" => {
                let texts = texts()?;
                let default = texts.get(1).copied().unwrap_or_default();
                Ok(Value::from(
                    variable(first(&texts)).unwrap_or_else(|| default.to_owned()),
                ))
            }
            "writeToFile" => self.write_to_file(arguments),
            other => self.inner.call(other, arguments),
        }
    }
}

/// What the functions here take.
fn own(name: &str) -> Option<Signature> {
    Some(match name {
        "secret" => Signature::variadic(&[], Kind::String),
        "pkiCert" => Signature::variadic(STRING, Kind::String),
        "secrets" | "file" | "env" | "mustEnv" => Signature::of(STRING),
        "envOrDefault" => Signature::of(&[Kind::String, Kind::String]),
        "writeToFile" => Signature::variadic(
            &[Kind::String, Kind::String, Kind::String, Kind::String],
            Kind::String,
        ),
        _ => return None,
    })
}

fn first<'a>(texts: &[&'a str]) -> &'a str {
    texts.first().copied().unwrap_or_default()
}

fn variable(name: &str) -> Option<String> {
    let is_name = !name.is_empty() && !name.contains(['=', '\0']);
    is_name.then(|| std::env::var(name).ok()).flatten()
}

impl Outside<'_> {
    fn allowed(&self, name: &str) -> Result<(), FunctionError> {
        if self.denied.iter().any(|pattern| glob::matches(pattern, name)) {
            return Err("the configuration of this template denies it (function_denylist)".into());
        }
        Ok(())
    }

    fn look(&mut self, dependency: Result<Dependency, BadDependency>) -> Result<Value, FunctionError> {
        let dependency = Arc::new(dependency.map_err(|error| FunctionError::new(error.to_string()))?);
        self.used.insert(Arc::clone(&dependency));
        if let Some(held) = self.secrets.held(&dependency) {
            return Ok(held.value(&dependency));
        }
        self.missing.insert(dependency);
        Ok(Value::Nil)
    }

    /// A sandboxed template reads below its folder only, wherever symbolic links lead.
    fn stay_inside(&self, path: &str) -> Result<(), FunctionError> {
        let Some(sandbox) = self.sandbox else {
            return Ok(());
        };
        let resolved = |path: &Path| {
            std::fs::canonicalize(path)
                .map_err(|error| FunctionError::new(format!("{}: {error}", path.display())))
        };
        if resolved(Path::new(path))?.starts_with(resolved(sandbox)?) {
            return Ok(());
        }
        Err(FunctionError::new(format!(
            "{path} is outside of the sandbox_path of this template"
        )))
    }

    fn write_to_file(&mut self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let text = |index: usize| arguments.get(index).and_then(Value::as_str).unwrap_or_default();
        let (flags, content) = match arguments.get(4..) {
            Some([content]) => ("", content),
            Some([flags, content]) => (flags.as_str().unwrap_or_default(), content),
            _ => return Err("want path, user, group, permissions, perhaps flags, and content".into()),
        };
        if self.side_files.len() >= SIDE_FILES {
            return Err("more than 100 files in one rendering".into());
        }
        let perms =
            u32::from_str_radix(text(3), 8).map_err(|_| "the permissions are not octal, such as 0640")?;
        let mut content = content.as_bytes().unwrap_or_default().to_vec();
        if flags.split(',').any(|flag| flag.trim() == "newline") && !content.ends_with(b"\n") {
            content.push(b'\n');
        }
        self.side_files.push(SideFile {
            path: PathBuf::from(text(0)),
            user: account(text(1)),
            group: account(text(2)),
            perms,
            append: flags.split(',').any(|flag| flag.trim() == "append"),
            content: Secret::new(content),
        });
        Ok(Value::from(""))
    }
}

fn account(name: &str) -> Option<Account> {
    let name = name.trim();
    match name.parse() {
        _ if name.is_empty() => None,
        Ok(number) => Some(Account::Id(number)),
        Err(_) => Some(Account::Name(name.to_owned())),
    }
}
