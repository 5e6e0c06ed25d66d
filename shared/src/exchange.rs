//! X25519, by what is fastest where it runs: in a browser the curve that the page carries anyway,
//! elsewhere assembly (a server's handshakes, and clients without a page).

#[cfg(any(target_arch = "wasm32", feature = "portable", test))]
use x25519_dalek::PublicKey;
use x25519_dalek::StaticSecret;
use zeroize::Zeroizing;

/// Returns what two parties share; zeros where the public key is of low order.
#[cfg(any(target_arch = "wasm32", feature = "portable"))]
pub(crate) fn agree(secret: &StaticSecret, public: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(*secret.diffie_hellman(&PublicKey::from(*public)).as_bytes())
}

/// Returns what two parties share; zeros where the public key is of low order.
#[cfg(not(any(target_arch = "wasm32", feature = "portable")))]
pub(crate) fn agree(secret: &StaticSecret, public: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519};

    let secret = PrivateKey::from_private_key(&X25519, secret.as_bytes()).expect("any 32 bytes");
    let public = UnparsedPublicKey::new(&X25519, public);
    let mut shared = Zeroizing::new([0; 32]);
    // Refused is what gives zeros; so they stay.
    let _low_order = aws_lc_rs::agreement::agree(&secret, public, (), |bytes| {
        shared.copy_from_slice(bytes);
        Ok(())
    });
    shared
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    /// A page and a server share the same, whatever a public key is: with its highest bit set, not
    /// reduced, of low order.
    #[test]
    fn both_exchanges_are_one() {
        let secret = StaticSecret::from([7; 32]);
        let [zero, mut one] = [[0; 32]; 2];
        one[0] = 1;
        let of_low_order = [zero, one];
        let mut publics = vec![[0xff; 32], [9; 32], *PublicKey::from(&secret).as_bytes()];
        publics.extend(of_low_order);
        for public in publics {
            let expected = secret.diffie_hellman(&PublicKey::from(public));
            assert_eq!(*agree(&secret, &public), *expected.as_bytes());
        }
        for public in of_low_order {
            assert_eq!(*agree(&secret, &public), [0; 32]);
        }
    }
}
