//! Where the text of a template goes.

use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use arca_base::Entropy;

use super::functions::SideFile;
use crate::config::{Account, Template};
use crate::replace::Replacement;

/// Mode of a new file unless the configuration says otherwise.
const MODE: u32 = 0o644;

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Changed,
    /// It was there already.
    Same,
}

/// A file that is kept.
pub(super) struct Destination {
    path: PathBuf,
    perms: Option<u32>,
    user: Option<Account>,
    group: Option<Account>,
    backup: bool,
    create_folders: bool,
}

impl Destination {
    pub(super) fn of(template: &Template) -> Self {
        Self {
            path: template.destination.clone(),
            perms: template.perms,
            user: template.user.clone(),
            group: template.group.clone(),
            backup: template.backup,
            create_folders: template.create_dest_dirs,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file already is what it should be.
    pub(super) fn holds(&self, content: &[u8]) -> bool {
        read(&self.path, content.len()).is_some_and(|found| found == content)
    }

    /// Makes the file hold `content`, at once or not at all.
    pub(super) fn write(&self, content: &[u8], entropy: &dyn Entropy) -> io::Result<Written> {
        if self.holds(content) {
            return self.correct().map(|()| Written::Same);
        }
        if let (true, Some(folder)) = (self.create_folders, self.path.parent()) {
            fs::create_dir_all(folder)?;
        }
        // A new file has the owners of the one it replaces, as far as this process may say so.
        let former = fs::metadata(&self.path).ok();
        let kept = former.as_ref().map(|former| former.mode() & 0o7777);
        let replacement = Replacement {
            path: self.path.clone(),
            mode: self.perms.or(kept).unwrap_or(MODE),
            owner: self.user.clone(),
            group: self.group.clone(),
            former: former.map(|former| (former.uid(), former.gid())),
            backup: self.backup,
        };
        let temporary = replacement.temporary(entropy);
        replacement.write(&temporary, content)?;
        Ok(Written::Changed)
    }

    /// A file with the right content has the right mode and owners too.
    fn correct(&self) -> io::Result<()> {
        let found = fs::metadata(&self.path)?;
        if let Some(perms) = self.perms.filter(|perms| found.mode() & 0o7777 != *perms) {
            fs::set_permissions(&self.path, Permissions::from_mode(perms))?;
        }
        let user = self.user.as_ref().map(Account::user_id).transpose()?;
        let group = self.group.as_ref().map(Account::group_id).transpose()?;
        let is_other = |wanted: Option<u32>, is: u32| wanted.is_some_and(|wanted| wanted != is);
        if is_other(user, found.uid()) || is_other(group, found.gid()) {
            chown(&self.path, user, group)?;
        }
        Ok(())
    }
}

/// A file as long as `length`, or nothing.
fn read(path: &Path, length: usize) -> Option<Vec<u8>> {
    let file = File::open(path).ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || usize::try_from(metadata.len()).ok()? != length {
        return None;
    }
    let mut content = Vec::with_capacity(length);
    let limit = u64::try_from(length).ok()?.saturating_add(1);
    file.take(limit).read_to_end(&mut content).ok()?;
    Some(content)
}

/// Writes a file that a template asked for on the side.
pub(super) fn write_on_the_side(file: &SideFile, entropy: &dyn Entropy) -> io::Result<()> {
    let is_link = fs::symlink_metadata(&file.path).is_ok_and(|found| found.is_symlink());
    if is_link {
        return Err(io::Error::other(
            "a symbolic link is there; writeToFile does not follow it",
        ));
    }
    if let Some(folder) = file.path.parent() {
        fs::create_dir_all(folder)?;
    }
    let destination = Destination {
        path: file.path.clone(),
        perms: Some(file.perms),
        user: file.user.clone(),
        group: file.group.clone(),
        backup: false,
        create_folders: false,
    };
    if !file.append {
        return destination.write(file.content.expose(), entropy).map(drop);
    }
    let mut target = File::options()
        .append(true)
        .create(true)
        .mode(file.perms)
        .open(&file.path)?;
    io::Write::write_all(&mut target, file.content.expose())?;
    target.sync_all()
}
