//! A certificate made for one run, as a listener takes it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use gangplank_idp::DevCa;
use gangplank_net::ReloadingTls;

/// Loads the certificate. Listeners take certificates from files; these are gone when this returns.
///
/// # Errors
/// The files can't be written.
pub fn load(made: &DevCa) -> Result<ReloadingTls, Box<dyn std::error::Error>> {
    let directory = Directory::new()?;
    let chain = directory.write("tls.crt", &made.chain_pem)?;
    let key = directory.write("tls.key", &made.key_pem)?;
    Ok(ReloadingTls::load(&chain, &key)?)
}

/// A directory of our own under the system's temporary one, gone when this is.
struct Directory(PathBuf);

impl Directory {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("gangplank-{}", std::process::id()));
        // Fails if it exists: nobody can have put it there for us.
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Directory(path))
    }

    fn write(&self, name: &str, text: &str) -> std::io::Result<PathBuf> {
        let path = self.0.join(name);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes())?;
        Ok(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
