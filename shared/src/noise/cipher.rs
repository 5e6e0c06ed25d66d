//! ChaCha20-Poly1305 with the nonces that Noise prescribes, by what is fastest where it runs: in a
//! browser the one that the page carries anyway, elsewhere assembly (a server opens and seals some
//! frames of every client in every round). Both make the same bytes: noise/tests.rs.

use snow::{Error, types::Cipher};
use zeroize::Zeroizing;

use super::SEAL_BYTES;

#[cfg(not(any(target_arch = "wasm32", feature = "portable")))]
pub(super) use assembly::Assembly as Fastest;
#[cfg(any(target_arch = "wasm32", feature = "portable"))]
pub(super) use portable::Portable as Fastest;

fn nonce(counter: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    let (_, last) = nonce.split_at_mut(4);
    last.copy_from_slice(&counter.to_le_bytes());
    nonce
}

/// Splits what was sealed into text and tag.
fn split(sealed: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let len = sealed.len().checked_sub(SEAL_BYTES);
    Ok(sealed.split_at(len.ok_or(Error::Decrypt)?))
}

#[cfg(any(target_arch = "wasm32", feature = "portable", test))]
pub(super) mod portable {
    use chacha20poly1305::{AeadInPlace as _, ChaCha20Poly1305, KeyInit as _};

    use super::{Cipher, Error, SEAL_BYTES, Zeroizing, nonce, split};

    /// In Rust alone.
    #[derive(Default)]
    pub(in crate::noise) struct Portable(Zeroizing<[u8; 32]>);

    impl Portable {
        fn cipher(&self) -> ChaCha20Poly1305 {
            ChaCha20Poly1305::new(self.0.as_slice().into())
        }
    }

    impl Cipher for Portable {
        fn name(&self) -> &'static str {
            "ChaChaPoly"
        }

        fn set(&mut self, key: &[u8; 32]) {
            *self.0 = *key;
        }

        fn encrypt(&self, counter: u64, aad: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
            let sealed = plaintext.len() + SEAL_BYTES;
            let (text, rest) = out.split_at_mut(plaintext.len());
            let (tag, _) = rest.split_at_mut(SEAL_BYTES);
            text.copy_from_slice(plaintext);
            let made = self
                .cipher()
                .encrypt_in_place_detached(&nonce(counter).into(), aad, text)
                .expect("snow's messages are short");
            tag.copy_from_slice(&made);
            sealed
        }

        fn decrypt(
            &self,
            counter: u64,
            aad: &[u8],
            ciphertext: &[u8],
            out: &mut [u8],
        ) -> Result<usize, Error> {
            let (text, tag) = split(ciphertext)?;
            let out = out.get_mut(..text.len()).ok_or(Error::Decrypt)?;
            out.copy_from_slice(text);
            self.cipher()
                .decrypt_in_place_detached(&nonce(counter).into(), aad, out, tag.into())
                .map_err(|_| Error::Decrypt)?;
            Ok(text.len())
        }
    }
}

#[cfg(not(any(target_arch = "wasm32", feature = "portable")))]
mod assembly {
    use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

    use super::{Cipher, Error, SEAL_BYTES, Zeroizing, nonce, split};

    /// AWS-LC's, which erases its keys as well.
    pub(in crate::noise) struct Assembly(LessSafeKey);

    impl Assembly {
        fn new(key: &[u8; 32]) -> Self {
            let key = UnboundKey::new(&CHACHA20_POLY1305, key).expect("a key of 32 bytes");
            Self(LessSafeKey::new(key))
        }
    }

    impl Default for Assembly {
        fn default() -> Self {
            Self::new(&Zeroizing::new([0; 32]))
        }
    }

    impl Cipher for Assembly {
        fn name(&self) -> &'static str {
            "ChaChaPoly"
        }

        fn set(&mut self, key: &[u8; 32]) {
            *self = Self::new(key);
        }

        fn encrypt(&self, counter: u64, aad: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
            let (text, rest) = out.split_at_mut(plaintext.len());
            text.copy_from_slice(plaintext);
            let nonce = Nonce::assume_unique_for_key(nonce(counter));
            let tag = self
                .0
                .seal_in_place_separate_tag(nonce, Aad::from(aad), text)
                .expect("snow's messages are short");
            let (place, _) = rest.split_at_mut(SEAL_BYTES);
            place.copy_from_slice(tag.as_ref());
            plaintext.len() + SEAL_BYTES
        }

        fn decrypt(
            &self,
            counter: u64,
            aad: &[u8],
            ciphertext: &[u8],
            out: &mut [u8],
        ) -> Result<usize, Error> {
            let (text, tag) = split(ciphertext)?;
            let out = out.get_mut(..text.len()).ok_or(Error::Decrypt)?;
            let nonce = Nonce::assume_unique_for_key(nonce(counter));
            self.0
                .open_separate_gather(nonce, Aad::from(aad), text, tag, out)
                .map_err(|_| Error::Decrypt)?;
            Ok(text.len())
        }
    }
}
