//! What the system and the disk hold, and what a power cut may leave.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::random::Random;
use crate::strace::Change;

const BLOCK: u64 = 4096;
const SECTOR: usize = 512;

/// The bytes of a file. Blocks of zeros are left out.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct File {
    length: u64,
    blocks: BTreeMap<u64, Arc<Vec<u8>>>,
}

impl File {
    pub(crate) fn read(path: &Path) -> Self {
        let mut file = Self::default();
        let bytes = fs::read(path).unwrap();
        file.write(0, &bytes);
        file
    }

    fn block(&self, number: u64) -> Vec<u8> {
        self.blocks
            .get(&number)
            .map_or_else(|| vec![0; BLOCK as usize], |block| block.to_vec())
    }

    fn set_block(&mut self, number: u64, block: Vec<u8>) {
        if block.iter().all(|byte| *byte == 0) {
            self.blocks.remove(&number);
        } else {
            self.blocks.insert(number, Arc::new(block));
        }
    }

    fn write(&mut self, at: u64, mut bytes: &[u8]) {
        self.length = self.length.max(at + bytes.len() as u64);
        let mut at = at;
        while !bytes.is_empty() {
            let start = (at % BLOCK) as usize;
            let (now, rest) = bytes.split_at(bytes.len().min(BLOCK as usize - start));
            let mut block = self.block(at / BLOCK);
            block[start..start + now.len()].copy_from_slice(now);
            self.set_block(at / BLOCK, block);
            at += now.len() as u64;
            bytes = rest;
        }
    }

    fn set_length(&mut self, length: u64) {
        let last = length / BLOCK;
        self.blocks.retain(|number, _| *number <= last);
        if self.blocks.contains_key(&last) {
            let mut block = self.block(last);
            block[(length % BLOCK) as usize..].fill(0);
            self.set_block(last, block);
        }
        self.length = length;
    }

    fn write_to(&self, path: &Path) {
        let file = fs::File::create(path).unwrap();
        file.set_len(self.length).unwrap();
        for (number, block) in &self.blocks {
            let at = number * BLOCK;
            let length = (self.length - at).min(BLOCK) as usize;
            file.write_all_at(&block[..length], at).unwrap();
        }
    }

    /// This file with some of the sectors of `newer`, by chance.
    fn mixed_with(&self, newer: &Self, random: &mut Random) -> Self {
        let mut mixed = self.clone();
        if random.chance() {
            mixed.set_length(newer.length);
        }
        let numbers: Vec<u64> = self.blocks.keys().chain(newer.blocks.keys()).copied().collect();
        for number in numbers {
            if self.blocks.get(&number) == newer.blocks.get(&number) {
                continue;
            }
            let (old, new) = (self.block(number), newer.block(number));
            let sectors = old.chunks(SECTOR).zip(new.chunks(SECTOR));
            let block = sectors.flat_map(|(old, new)| if random.chance() { new } else { old });
            let block: Vec<u8> = block.copied().collect();
            let end = number * BLOCK
                + block
                    .iter()
                    .rposition(|byte| *byte != 0)
                    .map_or(0, |at| at as u64 + 1);
            mixed.length = mixed.length.max(end.min(newer.length));
            mixed.set_block(number, block);
        }
        let length = mixed.length;
        mixed.set_length(length);
        mixed
    }
}

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Node {
    Folder,
    File(u64),
}

/// Folders and files with their content, as they are found after a power cut.
#[derive(Clone, Default)]
pub(crate) struct Tree(BTreeMap<PathBuf, Option<File>>);

impl Tree {
    /// Replaces what is in `home`.
    pub(crate) fn write_to(&self, home: &Path) {
        for entry in fs::read_dir(home).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
        for (path, file) in &self.0 {
            let path = home.join(path);
            match file {
                None => fs::create_dir(path).unwrap(),
                Some(file) => file.write_to(&path),
            }
        }
    }

    fn read_from(home: &Path) -> Self {
        let mut tree = Self::default();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(home.join(&folder)).unwrap() {
                let entry = entry.unwrap();
                let path = folder.join(entry.file_name());
                if entry.path().is_dir() {
                    folders.push(path.clone());
                    tree.0.insert(path, None);
                } else {
                    tree.0.insert(path, Some(File::read(&entry.path())));
                }
            }
        }
        tree
    }

    /// Compares with what is in `home`: a recording that missed a change would prove nothing.
    pub(crate) fn assert_same_as(&self, home: &Path) {
        let real = Self::read_from(home);
        let names = |tree: &Self| tree.0.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(self), names(&real), "recorded and real names");
        for (path, file) in &self.0 {
            assert!(
                *file == real.0[path],
                "the recording of {} is complete",
                path.display()
            );
        }
    }

    /// Two trees with the same hash are the same, for the purpose of not checking one twice.
    pub(crate) fn fingerprint(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        for (path, file) in &self.0 {
            path.hash(&mut hasher);
            if let Some(file) = file {
                file.length.hash(&mut hasher);
                for (number, block) in &file.blocks {
                    (number, block).hash(&mut hasher);
                }
            }
        }
        hasher.finish()
    }
}

/// One side of the disk: what the system shows, or what is safe.
#[derive(Clone, Default)]
struct Side {
    names: BTreeMap<PathBuf, Node>,
    files: HashMap<u64, File>,
}

impl Side {
    fn tree(&self, content: &HashMap<u64, File>) -> Tree {
        let mut tree = Tree::default();
        for (path, node) in &self.names {
            let parent = path.parent().unwrap();
            // A name on the disk in a folder that is not cannot be reached.
            if parent.as_os_str().is_empty() || matches!(tree.0.get(parent), Some(None)) {
                let file = match node {
                    Node::Folder => None,
                    Node::File(file) => Some(content.get(file).cloned().unwrap_or_default()),
                };
                tree.0.insert(path.clone(), file);
            }
        }
        tree
    }
}

/// The disk at one instant of a recording.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    /// As the system shows it.
    now: Side,
    /// What was synced.
    safe: Side,
    /// Changes of names that were not synced, in order.
    open: Vec<(PathBuf, Option<Node>)>,
    /// What a sync that has begun will make safe.
    syncing: HashMap<u64, Syncing>,
}

#[derive(Clone)]
enum Syncing {
    File(u64, File),
    Folder(PathBuf, BTreeMap<PathBuf, Node>),
}

type Image = (&'static str, Tree);

impl Disk {
    /// A disk with all of `tree` safe on it.
    pub(crate) fn holding(tree: Tree) -> Self {
        let mut side = Side::default();
        for (number, (path, file)) in tree.0.into_iter().enumerate() {
            let node = match file {
                None => Node::Folder,
                Some(file) => {
                    // Counted down from the top, where the numbers of a recording do not get to.
                    let number = u64::MAX - number as u64;
                    side.files.insert(number, file);
                    Node::File(number)
                }
            };
            side.names.insert(path, node);
        }
        Self {
            now: side.clone(),
            safe: side,
            ..Self::default()
        }
    }

    pub(crate) fn holding_folder(home: &Path) -> Self {
        Self::holding(Tree::read_from(home))
    }

    /// The file of that name.
    pub(crate) fn file_at(&self, path: &Path) -> Option<u64> {
        match self.now.names.get(path) {
            Some(Node::File(file)) => Some(*file),
            _ => None,
        }
    }

    /// Whether there is a folder of that name. The home of everything has none.
    pub(crate) fn is_folder(&self, path: &Path) -> bool {
        path.as_os_str().is_empty() || self.now.names.get(path) == Some(&Node::Folder)
    }

    pub(crate) fn length(&self, file: u64) -> u64 {
        self.now.files.get(&file).map_or(0, |file| file.length)
    }

    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::MakeFolder { path } => self.name(path, Some(Node::Folder)),
            Change::Create { path, file } => {
                self.now.files.insert(*file, File::default());
                self.name(path, Some(Node::File(*file)));
            }
            Change::Write { file, at, bytes } => self.now.files.get_mut(file).unwrap().write(*at, bytes),
            Change::SetLength { file, length } => self.now.files.get_mut(file).unwrap().set_length(*length),
            Change::Rename { from, to } => self.rename(from, to),
            Change::Unlink { path } => self.name(path, None),
            Change::SyncFile { sync, file } => {
                let content = self.now.files[file].clone();
                self.syncing.insert(*sync, Syncing::File(*file, content));
            }
            Change::SyncFolder { sync, path } => {
                let names = self.now.names.clone();
                self.syncing.insert(*sync, Syncing::Folder(path.clone(), names));
            }
            Change::Synced { sync } => self.synced(*sync),
            Change::Acknowledge(_) => (),
        }
    }

    fn name(&mut self, path: &Path, node: Option<Node>) {
        set(&mut self.now.names, path, node);
        self.open.push((path.to_owned(), node));
    }

    /// A folder takes everything in it along.
    fn rename(&mut self, from: &Path, to: &Path) {
        let node = self.now.names[from];
        if node == Node::Folder {
            self.move_inside(from, to);
        }
        self.name(to, Some(node));
        self.name(from, None);
    }

    /// What is in a folder is in it whatever the folder is called: on the disk too, which may know it by either name.
    fn move_inside(&mut self, from: &Path, to: &Path) {
        let moved = |path: &Path| match path.strip_prefix(from) {
            Ok(rest) if !rest.as_os_str().is_empty() => Some(to.join(rest)),
            _ => None,
        };
        for names in [&mut self.now.names, &mut self.safe.names] {
            let inside: Vec<(PathBuf, Node)> = names
                .iter()
                .filter_map(|(path, node)| moved(path).map(|path| (path, *node)))
                .collect();
            names.extend(inside);
        }
        self.now.names.retain(|path, _| moved(path).is_none());
        let open = std::mem::take(&mut self.open);
        for (path, node) in open {
            let also = moved(&path).map(|path| (path, node));
            self.open.push((path, node));
            self.open.extend(also);
        }
    }

    fn synced(&mut self, sync: u64) {
        match self.syncing.remove(&sync).unwrap() {
            Syncing::File(file, content) => {
                self.safe.files.insert(file, content);
            }
            Syncing::Folder(folder, names) => {
                let inside = |path: &Path| path.parent() == Some(&*folder);
                self.safe.names.retain(|path, _| !inside(path));
                let synced = names.into_iter().filter(|(path, _)| inside(path));
                self.safe.names.extend(synced);
                self.open.retain(|(path, _)| !inside(path));
            }
        }
    }

    /// Everything that was done.
    pub(crate) fn everything(&self) -> Tree {
        self.now.tree(&self.now.files)
    }

    /// What may be found when the power goes right after `change`.
    pub(crate) fn images(&self, change: &Change, seed: usize) -> Vec<Image> {
        let mut random = Random::new(seed as u64);
        let mut images = vec![
            ("everything that was done", self.everything()),
            ("what was synced", self.safe.tree(&self.safe.files)),
            (
                "all names, and what was synced of the files",
                self.now.tree(&self.safe.files),
            ),
        ];
        let writes = matches!(change, Change::Write { .. } | Change::SetLength { .. });
        for _ in 0..if writes { 2 } else { 1 } {
            images.push(("some of what was not synced", self.some(&mut random)));
        }
        images
    }

    fn some(&self, random: &mut Random) -> Tree {
        let mut names = self.safe.names.clone();
        let kept = random.below(self.open.len() + 1);
        for (path, node) in &self.open[..kept] {
            set(&mut names, path, *node);
        }
        let mixed = |(number, newer): (&u64, &File)| {
            let older = self.safe.files.get(number).cloned().unwrap_or_default();
            (
                *number,
                if older == *newer {
                    older
                } else {
                    older.mixed_with(newer, random)
                },
            )
        };
        let files = self.now.files.iter().map(mixed).collect();
        let side = Side {
            names,
            files: HashMap::new(),
        };
        side.tree(&files)
    }

    /// What may be found when the power goes in the middle of a write that is about to happen.
    pub(crate) fn torn(&self, change: &Change, seed: usize) -> Vec<Image> {
        let Change::Write { file, at, bytes } = change else {
            return Vec::new();
        };
        // Sectors are where they are on the disk, not where the write begins.
        let first = SECTOR - (*at as usize % SECTOR);
        let cuts: Vec<usize> = (first..bytes.len()).step_by(SECTOR).collect();
        let mut random = Random::new(seed as u64);
        let chosen = if cuts.len() <= 3 {
            cuts
        } else {
            (0..3).map(|_| cuts[random.below(cuts.len())]).collect()
        };
        let mut images = Vec::new();
        for cut in chosen {
            let mut torn = self.clone();
            let written = torn.now.files.get_mut(file).unwrap();
            written.write(*at, &bytes[..cut]);
            written.length = written.length.max(at + bytes.len() as u64);
            images.push(("the write torn, and nothing behind it", torn.everything()));
            let garbage: Vec<u8> = bytes[cut..]
                .iter()
                .map(|_| random.next().to_le_bytes()[0])
                .collect();
            let written = torn.now.files.get_mut(file).unwrap();
            written.write(at + cut as u64, &garbage);
            images.push(("the write torn, and garbage behind it", torn.everything()));
        }
        images
    }
}

fn set(names: &mut BTreeMap<PathBuf, Node>, path: &Path, node: Option<Node>) {
    match node {
        Some(node) => names.insert(path.to_owned(), node),
        None => names.remove(path),
    };
}
