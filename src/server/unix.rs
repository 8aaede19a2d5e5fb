//! Listening on a path: which paths a socket can have, and what may be in the way.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The longest path that a Unix socket's address has room for, in bytes.
const LONGEST_PATH: usize = 107;

/// A socket's file, removed with its listener, unless another has taken its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl SocketFile {
    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            // Where it cannot be removed, the next to listen there does.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Listens on a path. A socket that nobody listens on any more is left over, and replaced; nothing else is. The path is made
/// absolute: as a URL, and when its file is removed, it has to mean the same in every folder.
pub(super) fn listen(path: &Path) -> Result<(UnixListener, SocketFile)> {
    check(path)?;
    let path = &std::path::absolute(path).map_err(Error::io("find the current folder"))?;
    check(path)?;
    let fail = |source| Error::Address { doing: "listen on", address: format!("unix://{}", path.display()), source };
    let listener = bind(path).map_err(fail)?;
    Ok((listener, SocketFile { path: path.to_owned(), identity: identity(path) }))
}

/// Paths that no socket can have are told apart from those that the system refuses.
fn check(path: &Path) -> Result<()> {
    let (bytes, shown) = (path.as_os_str().as_bytes(), path.display());
    if bytes.is_empty() || bytes.contains(&0) || bytes.starts_with(b"@") {
        return Err(Error::argument("path", shown, "allowed are paths in the file system; no abstract names"));
    }
    if bytes.len() > LONGEST_PATH {
        let allowed = format!("allowed are paths of up to {LONGEST_PATH} bytes; this one has {}", bytes.len());
        return Err(Error::argument("path", shown, allowed));
    }
    Ok(())
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_over(path) => {
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }
}

fn is_left_over(path: &Path) -> bool {
    let is_socket = path.symlink_metadata().is_ok_and(|file| file.file_type().is_socket());
    is_socket && UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// What tells a file from another of the same name.
fn identity(path: &Path) -> Option<(u64, u64)> {
    path.symlink_metadata().ok().map(|file| (file.dev(), file.ino()))
}
