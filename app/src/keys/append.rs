//! A line more in a file of keys, so that whoever reads the file meanwhile finds it whole, before or after.
//!
//! 1. The file as it is must be good, and stay so: with anything wrong in it nothing is written.
//! 2. The new content goes to a file beside it, which is then renamed over it. A link is followed first.
//! 3. That file, of a fixed name, is also what keeps a second one from writing at the same time.
//! 4. A new file is the owner's alone (0600). One that exists keeps its owner, its group and its permissions: the
//!    gate may read it as another user.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use gangplank_authn::FileError;
use gangplank_authn::static_keys::KeyList;

/// Appends a line, or says why not.
pub(super) fn line(file: &Path, line: &str) -> Result<(), String> {
    let target = match std::fs::canonicalize(file) {
        Ok(target) => target,
        Err(error) if error.kind() == ErrorKind::NotFound => file.to_owned(),
        Err(error) => return Err(format!("{}: {error}", file.display())),
    };
    let beside = Beside::create(&target)?;
    let result = beside.write(&target, line);
    if result.is_err() {
        let _ = std::fs::remove_file(&beside.path);
    }
    result.map_err(|problem| format!("{}: {problem}", file.display()))
}

/// The file that is going to take the place of another.
struct Beside {
    path: PathBuf,
    file: File,
}

impl Beside {
    fn create(target: &Path) -> Result<Self, String> {
        let name = target.file_name().ok_or_else(|| format!("{} is no file", target.display()))?;
        let path = target.with_file_name(format!(".{}.new", name.to_string_lossy()));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => Ok(Beside { path, file }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(format!(
                "{} is there: somebody is writing the file, or was interrupted; if nobody is, remove it",
                path.display()
            )),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    fn write(&self, target: &Path, line: &str) -> Result<(), String> {
        let text = |e: std::io::Error| e.to_string();
        let mut content = self.take_over(target)?;
        KeyList::parse(&content).map_err(told)?;
        if !content.is_empty() && !content.ends_with(b"\n") {
            content.push(b'\n');
        }
        content.extend_from_slice(line.as_bytes());
        content.push(b'\n');
        KeyList::parse(&content).map_err(told)?;
        let mut file = &self.file;
        file.write_all(&content).and_then(|()| file.sync_all()).map_err(text)?;
        std::fs::rename(&self.path, target).map_err(text)?;
        let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(text)
    }

    /// The content so far. The new file gets what else there is to keep.
    fn take_over(&self, target: &Path) -> Result<Vec<u8>, String> {
        let before = match File::open(target) {
            Ok(before) => before,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.to_string()),
        };
        let text = |e: std::io::Error| e.to_string();
        let (old, new) = (before.metadata().map_err(text)?, self.file.metadata().map_err(text)?);
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            fchown(&self.file, Some(old.uid()), Some(old.gid())).map_err(|e| {
                format!("its owner and group can't be kept ({e}): run this as its owner, or append the line yourself")
            })?;
        }
        let permissions = std::fs::Permissions::from_mode(old.mode() & 0o777);
        self.file.set_permissions(permissions).map_err(text)?;
        let mut content = Vec::new();
        let read = before.take(KeyList::LARGEST + 1).read_to_end(&mut content).map_err(text)?;
        if read as u64 > KeyList::LARGEST {
            return Err(format!("it is larger than {} bytes", KeyList::LARGEST));
        }
        Ok(content)
    }
}

fn told(errors: Vec<FileError>) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
