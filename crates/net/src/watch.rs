//! Files that change under us: certificates, secrets, configuration.
//!
//! 1. The parent directories are watched, not the files: an editor replaces a file, and Kubernetes replaces a whole
//!    ConfigMap by re-pointing the `..data` symbolic link beside it.
//! 2. Every 30 s the files are looked at whatever the system has told: not every file system tells.
//! 3. A file has changed when modification time, length or inode of what its path leads to differ, or when it
//!    appeared or vanished. Changes that come together are told together.
//! 4. Nothing is lost while the receiver is busy: files are compared with what it was told last.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, sleep_until};

const POLL: Duration = Duration::from_secs(30);
const SETTLE: Duration = Duration::from_millis(200);

/// Tells of changes to the files given to [`watch_files`]. Dropping it ends the watching.
#[derive(Debug)]
pub struct FileWatch {
    changes: mpsc::Receiver<Vec<PathBuf>>,
}

impl FileWatch {
    /// Waits for the next changes and returns the paths that changed, as they were given. Cancel-safe.
    ///
    /// Never resolves if there is nothing to watch.
    pub async fn changed(&mut self) -> Vec<PathBuf> {
        match self.changes.recv().await {
            Some(changed) => changed,
            None => std::future::pending().await,
        }
    }
}

/// Watches `paths` from now on: call it before reading them, so that no change falls between. Needs a tokio runtime.
pub fn watch_files(paths: impl IntoIterator<Item = PathBuf>) -> FileWatch {
    watch_with(paths, POLL)
}

fn watch_with(paths: impl IntoIterator<Item = PathBuf>, poll: Duration) -> FileWatch {
    let (sender, changes) = mpsc::channel(1);
    let files = Files::new(paths);
    if !files.seen.is_empty() {
        let nudge = Arc::new(Notify::new());
        let watcher = Directories::new(&files, nudge.clone());
        tokio::spawn(run(files, watcher, nudge, sender, poll));
    }
    FileWatch { changes }
}

async fn run(
    mut files: Files,
    mut directories: Option<Directories>,
    nudge: Arc<Notify>,
    sender: mpsc::Sender<Vec<PathBuf>>,
    poll: Duration,
) {
    let mut look = Instant::now() + poll;
    loop {
        tokio::select! {
            () = nudge.notified() => sleep(SETTLE).await,
            () = sleep_until(look) => {
                look = Instant::now() + poll;
                if let Some(directories) = &mut directories {
                    directories.watch_again();
                }
            }
            () = sender.closed() => return,
        }
        // Room first, then the comparison: changes made while the receiver is busy are then told as one.
        let Ok(room) = sender.reserve().await else { return };
        let changed = files.compare();
        if !changed.is_empty() {
            room.send(changed);
        }
    }
}

/// What tells one state of a file from another; `None` if there is no file.
type Fingerprint = Option<(u64, u64, i64, i64, u64)>;

struct Files {
    seen: Vec<(PathBuf, Fingerprint)>,
}

impl Files {
    fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let paths: BTreeSet<PathBuf> = paths.into_iter().collect();
        Files { seen: paths.into_iter().map(|path| (path.clone(), fingerprint(&path))).collect() }
    }

    fn compare(&mut self) -> Vec<PathBuf> {
        let mut changed = Vec::new();
        for (path, before) in &mut self.seen {
            let now = fingerprint(path);
            if now != *before {
                *before = now;
                changed.push(path.clone());
            }
        }
        changed
    }
}

fn fingerprint(path: &Path) -> Fingerprint {
    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino(), found.mtime(), found.mtime_nsec(), found.len()))
}

/// The system's word on the parent directories.
struct Directories {
    watcher: RecommendedWatcher,
    paths: BTreeSet<PathBuf>,
}

impl Directories {
    fn new(files: &Files, nudge: Arc<Notify>) -> Option<Self> {
        let heard = move |event: notify::Result<notify::Event>| match event {
            // Reading is no change; and our own look at the files must not call for the next one.
            Ok(event) if is_only_reading(event.kind) => {}
            Ok(_) | Err(_) => nudge.notify_one(),
        };
        match notify::recommended_watcher(heard) {
            Ok(watcher) => {
                let paths = files.seen.iter().map(|(path, _)| parent(path)).collect();
                let mut directories = Directories { watcher, paths };
                directories.watch_again();
                Some(directories)
            }
            Err(error) => {
                tracing::warn!(%error, "files are looked at every {POLL:?} only: the system does not tell of changes");
                None
            }
        }
    }

    /// A directory that was removed and made again has to be watched again; for the others this changes nothing.
    fn watch_again(&mut self) {
        for path in &self.paths {
            if let Err(error) = self.watcher.watch(path, RecursiveMode::NonRecursive) {
                tracing::debug!(directory = %path.display(), %error, "directory is not watched, only looked at");
            }
        }
    }
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn is_only_reading(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    struct TempDir(PathBuf);

    impl TempDir {
        fn new() -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let name = format!("gangplank-watch-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            TempDir(path)
        }
    }

    impl Drop for TempDir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    async fn next(watch: &mut FileWatch) -> Vec<PathBuf> {
        tokio::time::timeout(Duration::from_secs(20), watch.changed()).await.expect("should have been told by now")
    }

    #[tokio::test]
    async fn written_replaced_deleted_and_made_again() {
        let dir = TempDir::new();
        let (file, other) = (dir.0.join("a.toml"), dir.0.join("b.toml"));
        fs::write(&file, "1").unwrap();
        let mut watch = watch_files([file.clone(), other.clone(), file.clone()]);
        fs::write(&file, "22").unwrap();
        assert_eq!(next(&mut watch).await, [file.as_path()]);
        fs::write(dir.0.join("next"), "33").unwrap();
        fs::rename(dir.0.join("next"), &file).unwrap();
        assert_eq!(next(&mut watch).await, [file.as_path()]);
        fs::remove_file(&file).unwrap();
        assert_eq!(next(&mut watch).await, [file.as_path()]);
        fs::write(&file, "4").unwrap();
        assert_eq!(next(&mut watch).await, [file]);
        fs::write(&other, "5").unwrap();
        assert_eq!(next(&mut watch).await, [other]);
    }

    #[tokio::test]
    async fn what_changes_together_is_told_together_and_neighbours_are_not_told() {
        let dir = TempDir::new();
        let (certificate, key) = (dir.0.join("tls.crt"), dir.0.join("tls.key"));
        let mut watch = watch_files([certificate.clone(), key.clone()]);
        fs::write(dir.0.join("neighbour"), "x").unwrap();
        fs::write(&certificate, "c").unwrap();
        fs::write(&key, "k").unwrap();
        assert_eq!(next(&mut watch).await, [certificate, key]);
    }

    /// What the kubelet does with a ConfigMap: `file → ..data/file`, `..data → ..<date>`, and the latter is renamed over.
    #[tokio::test]
    async fn a_config_map_is_swapped() {
        let dir = TempDir::new();
        let version = |name: &str, content: &str| {
            fs::create_dir(dir.0.join(name)).unwrap();
            fs::write(dir.0.join(name).join("gangplank.toml"), content).unwrap();
            symlink(name, dir.0.join("..data_tmp")).unwrap();
            fs::rename(dir.0.join("..data_tmp"), dir.0.join("..data")).unwrap();
        };
        version("..2026_01", "a = 1");
        let file = dir.0.join("gangplank.toml");
        symlink("..data/gangplank.toml", &file).unwrap();
        let mut watch = watch_files([file.clone()]);
        for (old, new, content) in [("..2026_01", "..2026_02", "a = 2"), ("..2026_02", "..2026_03", "a = 3")] {
            version(new, content);
            fs::remove_dir_all(dir.0.join(old)).unwrap();
            assert_eq!(next(&mut watch).await, [file.as_path()]);
            assert_eq!(fs::read_to_string(&file).unwrap(), content);
        }
    }

    #[tokio::test]
    async fn the_poll_finds_what_the_system_does_not_tell() {
        let dir = TempDir::new();
        let file = dir.0.join("later").join("a.toml");
        let mut watch = watch_with([file.clone()], Duration::from_millis(20));
        fs::create_dir(dir.0.join("later")).unwrap();
        fs::write(&file, "1").unwrap();
        assert_eq!(next(&mut watch).await, [file.as_path()]);
        // Through a link, the watched directory sees nothing of the change.
        let link = dir.0.join("link.toml");
        symlink(&file, &link).unwrap();
        let mut watch = watch_with([link.clone()], Duration::from_millis(20));
        fs::write(&file, "22").unwrap();
        assert_eq!(next(&mut watch).await, [link]);
    }

    #[tokio::test]
    async fn nothing_is_lost_while_nobody_listens() {
        let dir = TempDir::new();
        let file = dir.0.join("a.toml");
        let mut watch = watch_with([file.clone()], Duration::from_millis(20));
        fs::write(&file, "1").unwrap();
        while watch.changes.is_empty() {
            tokio::task::yield_now().await;
        }
        // The first change waits to be heard; these two must be told after it, as one.
        fs::write(&file, "22").unwrap();
        fs::write(&file, "333").unwrap();
        assert_eq!(next(&mut watch).await, [file.as_path()]);
        assert_eq!(next(&mut watch).await, [file]);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_to_watch_is_silence() {
        let mut watch = watch_files([]);
        assert!(tokio::time::timeout(Duration::from_secs(3600), watch.changed()).await.is_err());
    }
}
