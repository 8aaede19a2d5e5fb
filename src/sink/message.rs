//! What can be sent: anything that lends its bytes.

use bytes::Bytes;

/// A message that a waiting send holds until there is room.
pub trait Message: Unpin {
    /// Its bytes.
    fn bytes(&self) -> &[u8];

    /// The same bytes to be kept by reference, where that takes no copy.
    fn shared(&self) -> Option<Bytes> {
        None
    }
}

impl Message for &[u8] {
    fn bytes(&self) -> &[u8] {
        self
    }
}

impl<const N: usize> Message for &[u8; N] {
    fn bytes(&self) -> &[u8] {
        *self
    }
}

impl Message for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }
}

impl Message for Bytes {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn shared(&self) -> Option<Bytes> {
        Some(self.clone())
    }
}
