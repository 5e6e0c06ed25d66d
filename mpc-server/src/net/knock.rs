//! The first thing that a dialling party says: a signature by the pinned key.
//!
//! TLS 1.3 shows the client's certificate last, after a round trip and the server's signature and
//! key exchange. Until then a peer looks like anyone. So it knocks first, in the flight that also
//! opens TLS. A knock earns a place to shake hands ([`super::door`]) and no more: who a peer is
//! TLS decides.
//!
//! `MAGIC`, length of the rest (2, little endian), [`Knock`] in postcard.

use std::time::SystemTime;

use rustls::SignatureScheme;
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::door::Misdeed;
use super::tls::TlsContext;
use crate::keys::Fingerprint;

const MAGIC: [u8; 8] = *b"mcmix k1";
const HEADER_BYTES: usize = MAGIC.len() + 2;
/// The longest knock, with a certificate much longer than `keygen` makes.
const MOST_BYTES: usize = 4096;
/// TLS signs nothing that starts so.
const CONTEXT: &[u8] = b"mcmix.v2 knock";

/// When its sender knocked, in microseconds of the sender's clock. Of several knocks the latest
/// counts most, so that old ones, sent again, keep no new one out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct KnockedAt(pub(super) u64);

impl KnockedAt {
    fn now() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let micros = since.unwrap_or_default().as_micros();
        Self(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// A knock, read but not checked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Knock {
    certificate: Vec<u8>,
    at: KnockedAt,
    scheme: u16,
    signature: Vec<u8>,
}

/// What is signed: for whom the knock is, and when it is made.
fn signed(door: &Fingerprint, at: KnockedAt) -> Vec<u8> {
    [CONTEXT, door.as_bytes(), &at.0.to_le_bytes()].concat()
}

impl Knock {
    fn new(tls: &TlsContext, at: KnockedAt) -> Result<Self, rustls::Error> {
        let (scheme, signature) = tls.sign(&signed(&tls.pins().next, at))?;
        Ok(Self {
            certificate: tls.certificate().to_vec(),
            at,
            scheme: scheme.into(),
            signature,
        })
    }

    fn encode(&self) -> Result<Vec<u8>, rustls::Error> {
        let body = postcard::to_allocvec(self).expect("bytes and numbers always encode");
        let length = u16::try_from(body.len())
            .ok()
            .filter(|&length| usize::from(length) <= MOST_BYTES)
            .ok_or_else(|| rustls::Error::General("our certificate is too long".to_owned()))?;
        Ok([&MAGIC[..], &length.to_le_bytes(), &body].concat())
    }

    /// Reads what whoever dialled us says first.
    pub(super) async fn read(mut socket: impl AsyncRead + Unpin) -> Result<Self, Misdeed> {
        let mut header = [0; HEADER_BYTES];
        // What can't become a knock is not waited for.
        let mut read = 0;
        while let Some(rest) = header.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match socket.read(rest).await {
                Ok(0) | Err(_) => return Err(Misdeed::HungUp),
                Ok(more) => read += more,
            }
            if header
                .iter()
                .zip(MAGIC)
                .take(read)
                .any(|(&got, expected)| got != expected)
            {
                return Err(Misdeed::NoKnock);
            }
        }
        let [.., low, high] = header;
        let length = usize::from(u16::from_le_bytes([low, high]));
        if length > MOST_BYTES {
            return Err(Misdeed::NoKnock);
        }
        let mut body = vec![0; length];
        let read = socket.read_exact(&mut body).await;
        read.map_err(|_| Misdeed::HungUp)?;
        match postcard::take_from_bytes(&body) {
            Ok((knock, [])) => Ok(knock),
            _ => Err(Misdeed::NoKnock),
        }
    }

    /// Checks that the previous party made this knock, and for us.
    pub(super) fn check(&self, tls: &TlsContext) -> Result<KnockedAt, Misdeed> {
        let certificate = CertificateDer::from(self.certificate.as_slice());
        // Before the signature, which costs more: whoever never saw the certificate gets no further.
        let shown = Fingerprint::of(&certificate);
        if shown != tls.pins().prev {
            return Err(Misdeed::OtherCertificate(shown, tls.hint(shown)));
        }
        let message = signed(&tls.fingerprint(), self.at);
        let scheme = SignatureScheme::from(self.scheme);
        if tls.is_signed_by(&certificate, scheme, &message, &self.signature) {
            Ok(self.at)
        } else {
            Err(Misdeed::Forged)
        }
    }
}

/// Reads a knock and writes again what was read, with how much of the bytes that was: for the fuzz
/// targets.
pub async fn reread_knock(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut left = bytes;
    let read = Knock::read(&mut left).await.ok()?;
    Some((read.encode().ok()?, bytes.len() - left.len()))
}

/// Knocks at the next party's door.
pub(super) async fn knock(tls: &TlsContext, socket: &mut TcpStream) -> std::io::Result<()> {
    let knock = Knock::new(tls, KnockedAt::now()).and_then(|knock| knock.encode());
    socket
        .write_all(&knock.map_err(std::io::Error::other)?)
        .await
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::keys::TlsIdentity;
    use crate::net::Pins;

    const AT: KnockedAt = KnockedAt(7);

    /// P0, P1 and P2, and another that takes P1 for its previous party.
    fn parties() -> [TlsContext; 4] {
        let folder = tempfile::tempdir().unwrap();
        let identities = [0, 1, 2, 3].map(|party| {
            let path = |ending| folder.path().join(format!("{party}.{ending}"));
            TlsIdentity::generate(&path("crt"), &path("key")).unwrap()
        });
        let [pin0, pin1, pin2, _] = identities.each_ref().map(TlsIdentity::fingerprint);
        let [p0, p1, p2, other] = identities;
        let context = |identity, next, prev| TlsContext::new(identity, Pins { next, prev });
        [
            context(p0, pin1, pin2),
            context(p1, pin2, pin0),
            context(p2, pin0, pin1),
            context(other, pin0, pin1),
        ]
    }

    #[test]
    fn a_knock_is_good_at_the_door_it_was_made_for() {
        let [p0, p1, p2, other] = parties();
        let knock = Knock::new(&p0, AT).unwrap();
        assert_eq!(knock.check(&p1).unwrap(), AT);
        assert!(matches!(
            knock.check(&p2),
            Err(Misdeed::OtherCertificate(..))
        ));
        let knock = Knock::new(&p1, AT).unwrap();
        assert_eq!(knock.check(&p2).unwrap(), AT);
        assert!(matches!(knock.check(&other), Err(Misdeed::Forged)));
    }

    #[test]
    fn no_byte_of_a_knock_can_be_changed() {
        let [p0, p1, ..] = parties();
        let good = || Knock::new(&p0, AT).unwrap();
        let later = Knock {
            at: KnockedAt(8),
            ..good()
        };
        assert!(matches!(later.check(&p1), Err(Misdeed::Forged)));
        let other_scheme = Knock {
            scheme: SignatureScheme::ED25519.into(),
            ..good()
        };
        assert!(matches!(other_scheme.check(&p1), Err(Misdeed::Forged)));
        let mut forged = good();
        for at in 0..forged.signature.len() {
            forged.signature[at] ^= 1;
            let checked = forged.check(&p1);
            assert!(matches!(checked, Err(Misdeed::Forged)), "byte {at}");
            forged.signature[at] ^= 1;
        }
        assert_eq!(forged.check(&p1).unwrap(), AT);
        forged.certificate[9] ^= 1;
        assert!(matches!(
            forged.check(&p1),
            Err(Misdeed::OtherCertificate(..))
        ));
    }

    #[test]
    fn the_form_of_a_knock_is_frozen() {
        let knock = Knock {
            certificate: vec![1, 2],
            at: KnockedAt(300),
            scheme: SignatureScheme::ECDSA_NISTP256_SHA256.into(),
            signature: vec![9],
        };
        let expected = b"mcmix k1\x09\x00\x02\x01\x02\xac\x02\x83\x08\x01\x09";
        assert_eq!(knock.encode().unwrap(), expected);
        let door = Fingerprint::of(&[7].as_slice().into());
        let message = signed(&door, KnockedAt(300));
        let (context, rest) = message.split_at(14);
        assert_eq!(context, b"mcmix.v2 knock");
        assert_eq!(
            rest,
            [&door.as_bytes()[..], &[44, 1, 0, 0, 0, 0, 0, 0]].concat()
        );
    }

    async fn read(bytes: &[u8]) -> Result<Knock, Misdeed> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        near.write_all(bytes).await.unwrap();
        near.shutdown().await.unwrap();
        Knock::read(&mut far).await
    }

    #[tokio::test]
    async fn what_is_no_knock_is_not_read_on() {
        let [p0, p1, ..] = parties();
        let good = Knock::new(&p0, AT).unwrap().encode().unwrap();
        // What follows is for TLS.
        let with_more = [&good[..], b"\x16\x03\x01"].concat();
        assert_eq!(read(&with_more).await.unwrap().check(&p1).unwrap(), AT);
        for length in (0..good.len()).step_by(7) {
            let cut = read(&good[..length]).await;
            assert!(matches!(cut, Err(Misdeed::HungUp)), "{length} bytes");
        }
        let too_long = [&MAGIC[..], &4097_u16.to_le_bytes()].concat();
        let trailing = {
            let body = [&good[HEADER_BYTES..], &[0]].concat();
            let length = u16::try_from(body.len()).unwrap().to_le_bytes();
            [&MAGIC[..], &length, &body].concat()
        };
        for nonsense in [&b"GET / HTTP/1.1"[..], b"\x16", &too_long, &trailing] {
            assert!(
                matches!(read(nonsense).await, Err(Misdeed::NoKnock)),
                "{nonsense:?}"
            );
        }
    }
}
