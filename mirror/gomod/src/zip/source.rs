//! Where the bytes of an archive come from: anything that reads at an offset.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::ZipError;

/// Bytes of known length that can be read at any offset, from several threads at once.
///
/// The length must not change while an archive is open.
pub trait ReadAt: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads up to `buf.len()` bytes from `offset`; fewer only as [`std::io::Read::read`] may, 0 at or behind the end.
    ///
    /// # Errors
    /// Whatever the medium says; [`io::ErrorKind::Interrupted`] is tried again.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;
}

impl ReadAt for [u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}

impl ReadAt for Vec<u8> {
    fn len(&self) -> u64 {
        ReadAt::len(self.as_slice())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.as_slice().read_at(offset, buf)
    }
}

/// A file whose length cannot be told counts as empty.
impl ReadAt for File {
    fn len(&self) -> u64 {
        self.metadata().map_or(0, |data| data.len())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buf, offset)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(offset, buf)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for Arc<T> {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(offset, buf)
    }
}

/// Fills all of `buf` from `offset`; an early end is [`ZipError::Truncated`].
pub(super) fn read_exact_at(
    source: &dyn ReadAt,
    mut offset: u64,
    mut buf: &mut [u8],
) -> Result<(), ZipError> {
    while !buf.is_empty() {
        match source.read_at(offset, buf) {
            Ok(0) => return Err(ZipError::Truncated),
            Ok(n) => {
                offset = offset.checked_add(n as u64).ok_or(ZipError::Truncated)?;
                buf = buf.get_mut(n..).ok_or(ZipError::Truncated)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
