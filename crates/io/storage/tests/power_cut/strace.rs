//! Recording every change that a process makes to files.
//!
//! `strace` prints each system call with all its bytes. What this does not know how to follow it refuses, and the
//! caller compares the recorded files with the real ones, so that a gap in the recording cannot go unnoticed.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::disk::Disk;
use crate::workload::{Workload, acks_of};

/// Something that happened to the files.
#[derive(Clone)]
pub(crate) enum Change {
    MakeFolder {
        path: PathBuf,
    },
    Create {
        path: PathBuf,
        file: u64,
    },
    Write {
        file: u64,
        at: u64,
        bytes: Vec<u8>,
    },
    SetLength {
        file: u64,
        length: u64,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Unlink {
        path: PathBuf,
    },
    /// A sync has begun: what is there now will be safe.
    SyncFile {
        sync: u64,
        file: u64,
    },
    SyncFolder {
        sync: u64,
        path: PathBuf,
    },
    /// And it has ended.
    Synced {
        sync: u64,
    },
    Acknowledge(String),
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MakeFolder { path } => write!(f, "mkdir {}", path.display()),
            Self::Create { path, file } => write!(f, "create {} as {file}", path.display()),
            Self::Write { file, at, bytes } => write!(f, "write {} bytes at {at} of {file}", bytes.len()),
            Self::SetLength { file, length } => write!(f, "length {length} of {file}"),
            Self::Rename { from, to } => write!(f, "rename {} to {}", from.display(), to.display()),
            Self::Unlink { path } => write!(f, "unlink {}", path.display()),
            Self::SyncFile { file, .. } => write!(f, "begin to sync {file}"),
            Self::SyncFolder { path, .. } => write!(f, "begin to sync {}", path.display()),
            Self::Synced { .. } => write!(f, "synced"),
            Self::Acknowledge(line) => write!(f, "acknowledge {}", line.trim()),
        }
    }
}

const CALLS: &str = "open,openat,openat2,creat,close,write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,\
    sync_file_range,truncate,ftruncate,fallocate,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,\
    link,linkat,symlink,symlinkat,dup,dup2,dup3,fcntl,lseek,mmap,copy_file_range,sendfile,splice,io_uring_setup";

/// Runs `workload` on the store in `home`, where `before` is, and returns what it did there.
pub(crate) fn record(home: &Path, before: &Disk, workload: &Workload) -> Vec<Change> {
    let strace = arca_fixtures::install::program("strace", &["/usr/bin"], "strace").unwrap();
    let output = home.with_extension("strace");
    let _ = fs::remove_file(acks_of(home));
    let (name, value) = workload.at(home).to_environment();
    let status = Command::new(strace)
        .args(["-f", "-y", "-s", "100000000", "-e", "signal=none", "-e"])
        .arg(format!("trace={CALLS}"))
        .arg("-o")
        .arg(&output)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "recorded"])
        .env(name, value)
        .output()
        .unwrap();
    assert!(
        status.status.success(),
        "{}{}",
        String::from_utf8_lossy(&status.stdout),
        String::from_utf8_lossy(&status.stderr)
    );
    let trace = fs::read(&output).unwrap();
    fs::remove_file(&output).unwrap();
    let _ = fs::remove_file(acks_of(home));
    let mut recorder = Recorder {
        home: home.canonicalize().unwrap(),
        acks: acks_of(&home.canonicalize().unwrap()),
        disk: before.clone(),
        changes: Vec::new(),
        open: HashMap::new(),
        numbers: 0,
        begun: HashMap::new(),
    };
    trace
        .split(|byte| *byte == b'\n')
        .for_each(|line| recorder.line(line));
    recorder.changes
}

/// What a number of an open file stands for in the recorded process.
#[derive(Clone)]
enum Open {
    File { file: u64, at: u64, append: bool },
    Folder(PathBuf),
    Acks,
}

struct Recorder {
    home: PathBuf,
    acks: PathBuf,
    disk: Disk,
    changes: Vec<Change>,
    open: HashMap<u32, Open>,
    numbers: u64,
    /// Calls that have begun, by thread.
    begun: HashMap<u32, Begun>,
}

struct Begun {
    text: Vec<u8>,
    sync: Option<u64>,
}

/// A call as it is printed: its name, its arguments and what it returned.
struct Call<'a> {
    name: &'a str,
    arguments: Vec<&'a [u8]>,
    result: i64,
}

impl Recorder {
    fn line(&mut self, line: &[u8]) {
        let Some(space) = line.iter().position(|byte| *byte == b' ') else {
            return;
        };
        let thread = ascii(&line[..space]).parse().unwrap();
        let text = line[space..].trim_ascii();
        if let Some(begun) = text.strip_suffix(b"<unfinished ...>") {
            let sync = self.begin(begun);
            let text = begun.to_vec();
            self.begun.insert(thread, Begun { text, sync });
        } else if text.starts_with(b"<... ") {
            let rest = text.iter().position(|byte| *byte == b'>').unwrap() + 1;
            let begun = self.begun.remove(&thread).unwrap();
            let whole = [&begun.text[..], &text[rest..]].concat();
            self.end(&whole, begun.sync);
        } else if !text.starts_with(b"+++") {
            let sync = self.begin(text);
            self.end(text, sync);
        }
    }

    fn change(&mut self, change: Change) {
        self.disk.apply(&change);
        self.changes.push(change);
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// What takes effect when a call begins: a sync covers what is there by then, and the number of a file that is
    /// being closed may already be given to another one.
    fn begin(&mut self, text: &[u8]) -> Option<u64> {
        let call = Call::parse(text);
        match call.name {
            "close" => {
                self.open.remove(&call.number(0));
                None
            }
            "fsync" | "fdatasync" => {
                let sync = self.number();
                match self.open.get(&call.number(0))?.clone() {
                    Open::File { file, .. } => self.change(Change::SyncFile { sync, file }),
                    Open::Folder(path) => self.change(Change::SyncFolder { sync, path }),
                    Open::Acks => return None,
                }
                Some(sync)
            }
            _ => None,
        }
    }

    /// What takes effect when a call ends.
    fn end(&mut self, text: &[u8], sync: Option<u64>) {
        let call = Call::parse(text);
        if call.result < 0 {
            return;
        }
        match call.name {
            "open" | "creat" => self.opened(&call, call.path(None, 0), 1),
            "openat" => self.opened(&call, call.path(Some(0), 1), 2),
            "write" | "pwrite64" | "writev" => self.written(&call),
            "fsync" | "fdatasync" => {
                if let Some(sync) = sync {
                    self.change(Change::Synced { sync });
                }
            }
            "ftruncate" => self.set_length(&call, call.long(1)),
            "fallocate" => self.allocated(&call),
            "lseek" => {
                if let Some(Open::File { at, .. }) = self.open.get_mut(&call.number(0)) {
                    *at = call.result as u64;
                }
            }
            "rename" => self.rename(call.path(None, 0), call.path(None, 1)),
            "renameat" | "renameat2" => self.rename(call.path(Some(0), 1), call.path(Some(2), 3)),
            "unlink" | "rmdir" => self.unlink(call.path(None, 0)),
            "unlinkat" => self.unlink(call.path(Some(0), 1)),
            "mkdir" => self.make_folder(call.path(None, 0)),
            "mkdirat" => self.make_folder(call.path(Some(0), 1)),
            "close" => (),
            "fcntl" => self.refuse(&call, "F_DUPFD"),
            "mmap" => self.refuse(&call, "MAP_SHARED"),
            _ => self.refuse(&call, ""),
        }
    }

    /// Stops at a call on a file of the store that is none of the above.
    fn refuse(&self, call: &Call<'_>, unless: &str) {
        let text = call.arguments.join(&b", "[..]);
        let ours = find(&text, self.home.as_os_str().as_encoded_bytes()) && find(&text, unless.as_bytes());
        assert!(
            !ours,
            "cannot follow {}({})",
            call.name,
            String::from_utf8_lossy(&text)
        );
    }

    /// A path below the home of the store, relative to it.
    fn ours(&self, path: &Path) -> Option<PathBuf> {
        path.strip_prefix(&self.home).ok().map(Path::to_owned)
    }

    fn opened(&mut self, call: &Call<'_>, path: PathBuf, flags: usize) {
        let number = call.result as u32;
        self.open.remove(&number);
        if path == self.acks {
            self.open.insert(number, Open::Acks);
        }
        let Some(path) = self.ours(&path) else {
            return;
        };
        if self.disk.is_folder(&path) {
            self.open.insert(number, Open::Folder(path));
            return;
        }
        let has = |flag: &str| find(call.arguments[flags], flag.as_bytes());
        let file = match self.disk.file_at(&path) {
            Some(file) => file,
            None => {
                let file = self.number();
                self.change(Change::Create { path, file });
                file
            }
        };
        if has("O_TRUNC") && self.disk.length(file) > 0 {
            self.change(Change::SetLength { file, length: 0 });
        }
        let append = has("O_APPEND");
        self.open.insert(number, Open::File { file, at: 0, append });
    }

    fn written(&mut self, call: &Call<'_>) {
        let Some(open) = self.open.get(&call.number(0)).cloned() else {
            return;
        };
        let mut bytes = unescape(call.arguments[1]);
        assert_eq!(bytes.len() as i64, call.result, "a write was recorded whole");
        match open {
            Open::Acks => {
                let line = String::from_utf8(std::mem::take(&mut bytes)).unwrap();
                self.change(Change::Acknowledge(line));
            }
            Open::Folder(path) => panic!("a write to the folder {}", path.display()),
            Open::File { file, at, append } => {
                let placed = call.name == "pwrite64";
                let at = match (placed, append) {
                    (true, _) => call.long(3),
                    (false, true) => self.disk.length(file),
                    (false, false) => at,
                };
                if !placed {
                    let at = at + bytes.len() as u64;
                    self.open.insert(call.number(0), Open::File { file, at, append });
                }
                self.change(Change::Write { file, at, bytes });
            }
        }
    }

    fn set_length(&mut self, call: &Call<'_>, length: u64) {
        if let Some(Open::File { file, .. }) = self.open.get(&call.number(0)) {
            self.change(Change::SetLength { file: *file, length });
        }
    }

    fn allocated(&mut self, call: &Call<'_>) {
        if let Some(Open::File { file, .. }) = self.open.get(&call.number(0)) {
            assert_eq!(call.arguments[1], b"0", "only to make a file longer");
            let length = self.disk.length(*file).max(call.long(2) + call.long(3));
            self.set_length(call, length);
        }
    }

    fn rename(&mut self, from: PathBuf, to: PathBuf) {
        if let (Some(from), Some(to)) = (self.ours(&from), self.ours(&to)) {
            self.change(Change::Rename { from, to });
        }
    }

    fn unlink(&mut self, path: PathBuf) {
        if let Some(path) = self.ours(&path) {
            self.change(Change::Unlink { path });
        }
    }

    fn make_folder(&mut self, path: PathBuf) {
        if let Some(path) = self.ours(&path) {
            self.change(Change::MakeFolder { path });
        }
    }
}

impl<'a> Call<'a> {
    /// Reads `name(argument, argument) = result`, as far as it is there.
    fn parse(text: &'a [u8]) -> Self {
        let open = text.iter().position(|byte| *byte == b'(').unwrap();
        let (arguments, rest) = arguments(&text[open + 1..]);
        let result = rest
            .trim_ascii()
            .strip_prefix(b"=")
            .unwrap_or_default()
            .trim_ascii();
        let digits = result
            .iter()
            .take_while(|byte| byte.is_ascii_digit() || **byte == b'-')
            .count();
        Self {
            name: ascii(&text[..open]),
            arguments,
            result: ascii(&result[..digits]).parse().unwrap_or(-1),
        }
    }

    /// The number of an open file: `5</path>`.
    fn number(&self, argument: usize) -> u32 {
        let text = self.arguments[argument];
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        ascii(&text[..digits]).parse().unwrap_or(u32::MAX)
    }

    fn long(&self, argument: usize) -> u64 {
        ascii(self.arguments[argument]).parse().unwrap()
    }

    /// A path, relative to the folder that another argument is.
    fn path(&self, folder: Option<usize>, argument: usize) -> PathBuf {
        let path = PathBuf::from(OsString::from_vec(unescape(self.arguments[argument])));
        let Some(folder) = folder.map(|folder| self.arguments[folder]) else {
            return path;
        };
        let start = folder
            .iter()
            .position(|byte| *byte == b'<')
            .map_or(0, |at| at + 1);
        let end = folder.iter().rposition(|byte| *byte == b'>').unwrap_or(start);
        PathBuf::from(OsString::from_vec(folder[start..end].to_vec())).join(path)
    }
}

/// Splits arguments at their commas, up to the closing parenthesis, and returns what follows it.
fn arguments(text: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let (mut found, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0, false);
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            _ if quoted => (),
            b'(' | b'[' | b'{' | b'<' => depth += 1,
            b')' if depth == 0 => {
                found.push(text[start..at].trim_ascii());
                return (found, &text[at + 1..]);
            }
            b')' | b']' | b'}' | b'>' => depth -= 1,
            b',' if depth == 0 => {
                found.push(text[start..at].trim_ascii());
                start = at + 1;
            }
            _ => (),
        }
        at += 1;
    }
    found.push(text[start..].trim_ascii());
    (found, &[])
}

/// All bytes in the quotes of an argument; of several quoted texts one after the other, as `writev` has them.
fn unescape(text: &[u8]) -> Vec<u8> {
    let (mut bytes, mut quoted, mut at) = (Vec::new(), false, 0);
    while at < text.len() {
        match text[at] {
            b'"' => quoted = !quoted,
            b'\\' if quoted => {
                let (byte, length) = escaped(&text[at + 1..]);
                bytes.push(byte);
                at += length;
            }
            byte if quoted => bytes.push(byte),
            _ => (),
        }
        at += 1;
    }
    bytes
}

/// The byte that an escape without its backslash stands for, and the length of the escape.
fn escaped(text: &[u8]) -> (u8, usize) {
    let octal = text
        .iter()
        .take(3)
        .take_while(|byte| (b'0'..=b'7').contains(byte))
        .count();
    if octal > 0 {
        return (u8::from_str_radix(ascii(&text[..octal]), 8).unwrap(), octal);
    }
    let byte = match text[0] {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'v' => 11,
        b'f' => 12,
        plain => plain,
    };
    (byte, 1)
}

fn ascii(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap()
}

fn find(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}
