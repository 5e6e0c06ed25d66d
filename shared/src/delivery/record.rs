//! A delivery as stored, but for the texts.

use core::fmt;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Pieces;

/// What is stored of a delivery, but for the texts and their [`Pieces`]. Holds secrets.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct DeliveryRecord {
    pub(super) sender: SenderRecord,
    pub(super) receiver: ReceiverRecord,
}

impl fmt::Debug for DeliveryRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeliveryRecord(..)")
    }
}

/// The sending end.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SenderRecord {
    pub(super) stream: u32,
    pub(super) next: u32,
    pub(super) acked: u32,
    /// Nothing from this number on has left.
    pub(super) released: u32,
    /// Numbers before this one never mean anything else.
    pub(super) firm: u32,
    /// What was firm when the other side was last heard.
    pub(super) unheard: Option<u32>,
    pub(super) pass: Option<PassRecord>,
}

/// A pass secret that is not acknowledged.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(super) struct PassRecord {
    pub(super) secret: [u8; 32],
    #[zeroize(skip)]
    pub(super) pieces: Pieces,
}

/// The receiving end.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ReceiverRecord {
    pub(super) stream: u32,
    pub(super) ended: Vec<u32>,
    pub(super) next: u32,
    pub(super) partial: Option<PartialRecord>,
}

/// An item of which the beginning came.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(super) struct PartialRecord {
    pub(super) pass: bool,
    pub(super) left: u16,
    pub(super) bytes: Option<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::{DeliveryRecord, PartialRecord, PassRecord, Pieces, ReceiverRecord, SenderRecord};

    #[test]
    fn stored_form_is_frozen() {
        let pieces = Pieces {
            stream: 1,
            first: 2,
            count: 3,
            piece_bytes: 200,
        };
        let record = DeliveryRecord {
            sender: SenderRecord {
                stream: 1,
                next: 300,
                acked: 2,
                released: 4,
                firm: 3,
                unheard: Some(5),
                pass: Some(PassRecord {
                    secret: [0xab; 32],
                    pieces,
                }),
            },
            receiver: ReceiverRecord {
                stream: 6,
                ended: vec![7, 8],
                next: 9,
                partial: Some(PartialRecord {
                    pass: false,
                    left: 10,
                    bytes: Some(vec![0xcd; 2]),
                }),
            },
        };
        let bytes = [
            &[1, 0xac, 2, 2, 4, 3, 1, 5, 1][..],
            &[0xab; 32],
            &[1, 2, 3, 200],
            &[6, 2, 7, 8, 9, 1, 0, 10, 1, 2, 0xcd, 0xcd],
        ]
        .concat();
        assert_eq!(postcard::to_allocvec(&record).unwrap(), bytes);
        let read: DeliveryRecord = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(postcard::to_allocvec(&read).unwrap(), bytes);
    }
}
