//! What a channel moves for one message: the smallest owned thing that holds it.
//!
//! Channels pass values, not bytes. So that each is measured in its best form, a message of a known small size travels
//! inline, and only a larger one costs an allocation.

use super::{Algorithm, Visitor};

/// An owned message.
pub trait Carrier: Send + Sync + Unpin + Sized + 'static {
    /// Takes the message, or `None` when it is not of a size that fits.
    fn carry(message: &[u8]) -> Option<Self>;

    /// The message.
    fn bytes(&self) -> &[u8];

    /// The messages one behind the other without a gap, where they lie so.
    fn flat(_items: &[Self]) -> Option<&[u8]> {
        None
    }
}

/// One byte.
impl Carrier for u8 {
    #[inline]
    fn carry(message: &[u8]) -> Option<Self> {
        if let [byte] = message { Some(*byte) } else { None }
    }

    fn bytes(&self) -> &[u8] {
        std::slice::from_ref(self)
    }

    fn flat(items: &[Self]) -> Option<&[u8]> {
        Some(items)
    }
}

/// Exactly `N` bytes.
impl<const N: usize> Carrier for [u8; N] {
    #[inline]
    fn carry(message: &[u8]) -> Option<Self> {
        message.try_into().ok()
    }

    fn bytes(&self) -> &[u8] {
        self
    }

    fn flat(items: &[Self]) -> Option<&[u8]> {
        Some(items.as_flattened())
    }
}

/// Up to `N` bytes, `N` below 256.
#[derive(Debug)]
pub struct Inline<const N: usize> {
    length: u8,
    bytes: [u8; N],
}

impl<const N: usize> Carrier for Inline<N> {
    #[inline]
    fn carry(message: &[u8]) -> Option<Self> {
        let mut bytes = [0; N];
        bytes.get_mut(..message.len())?.copy_from_slice(message);
        Some(Self { length: u8::try_from(message.len()).ok()?, bytes })
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// Any size.
impl Carrier for Box<[u8]> {
    #[inline]
    fn carry(message: &[u8]) -> Option<Self> {
        Some(message.into())
    }

    fn bytes(&self) -> &[u8] {
        self
    }
}

/// Visits the algorithm's queue with the best carrier for messages of `size` bytes.
pub(super) fn visit<A: Algorithm, V: Visitor>(size: Option<usize>, visitor: V) -> V::Output {
    match size {
        Some(1) => visitor.visit::<A::Queue<u8>>(),
        Some(2..=15) => visitor.visit::<A::Queue<Inline<15>>>(),
        Some(16..=63) => visitor.visit::<A::Queue<Inline<63>>>(),
        Some(64) => visitor.visit::<A::Queue<[u8; 64]>>(),
        _ => visitor.visit::<A::Queue<Box<[u8]>>>(),
    }
}
