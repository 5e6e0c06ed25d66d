//! TLS 1.3 between two parties, each of which knows the other's certificate.
//!
//! Keys are agreed by X25519 and ML-KEM-768 together and by nothing less: recorded links stay
//! closed to whoever breaks one of the two later. Who a peer is rests on its certificate's
//! signature alone (docs/threat-model.md 10).

use std::sync::{Arc, Mutex};

use mcmix_shared::party::PartyId;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName,
    Error, PeerIncompatible, ServerConfig, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::PeerError;
use crate::keys::{Fingerprint, SERVER_NAME, TlsIdentity};

/// The fingerprints of both peers' certificates.
#[derive(Clone, Copy, Debug)]
pub struct Pins {
    /// Of the next party on the ring, which we dial.
    pub next: Fingerprint,
    /// Of the previous party on the ring, which dials us.
    pub prev: Fingerprint,
}

/// What one party needs for TLS with its peers.
#[derive(Clone, Debug)]
pub struct TlsContext {
    identity: Arc<TlsIdentity>,
    pins: Pins,
    provider: Arc<CryptoProvider>,
}

/// What TLS may hold before writers wait: one write hands it whole messages.
const BUFFER_BYTES: usize = 1 << 20;
/// Length of the secret that both ends derive from the TLS session.
const EXPORT_BYTES: usize = 32;

impl TlsContext {
    /// Takes our certificate and the peers' fingerprints.
    pub fn new(identity: TlsIdentity, pins: Pins) -> Self {
        let mut provider = aws_lc_rs::default_provider();
        // The fastest first: a round moves many megabytes.
        provider.cipher_suites = vec![
            aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256,
            aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ];
        provider.kx_groups = vec![aws_lc_rs::kx_group::X25519MLKEM768];
        Self {
            identity: Arc::new(identity),
            pins,
            provider: Arc::new(provider),
        }
    }

    /// Returns the fingerprints of both peers' certificates.
    pub(super) const fn pins(&self) -> &Pins {
        &self.pins
    }

    /// Returns our certificate.
    pub(super) fn certificate(&self) -> CertificateDer<'static> {
        self.identity.certificate()
    }

    /// Returns our certificate's fingerprint.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.identity.fingerprint()
    }

    /// Says what it looks like when a certificate is shown that is not the pinned one.
    pub(super) fn hint(&self, shown: Fingerprint) -> &'static str {
        if shown == self.fingerprint() {
            "it is our own: the address leads back to this server"
        } else if [self.pins.next, self.pins.prev].contains(&shown) {
            "it is pinned for the other peer: peers.next_fingerprint and peers.prev_fingerprint are \
             swapped here, or the two peers' addresses"
        } else {
            "compare fingerprints with that party's operator"
        }
    }

    /// Says why a handshake failed, or what came right after it: a peer that does not take our
    /// certificate says so only then.
    pub(super) fn explain(&self, peer: PartyId, source: std::io::Error) -> PeerError {
        let ours = self.fingerprint();
        match rustls_error(&source) {
            Some(Error::AlertReceived(AlertDescription::AccessDenied)) => {
                PeerError::Refused { peer, ours }
            }
            Some(Error::PeerIncompatible(PeerIncompatible::NoKxGroupsInCommon)) => {
                PeerError::KeyExchange(peer)
            }
            _ => PeerError::Tls { peer, source },
        }
    }

    /// Signs with our certificate's key.
    pub(super) fn sign(&self, message: &[u8]) -> Result<(SignatureScheme, Vec<u8>), Error> {
        let key = self
            .provider
            .key_provider
            .load_private_key(self.identity.key())?;
        let schemes = self
            .provider
            .signature_verification_algorithms
            .supported_schemes();
        let signer = key
            .choose_scheme(&schemes)
            .ok_or_else(|| Error::General("our key fits no signature that we know".to_owned()))?;
        Ok((signer.scheme(), signer.sign(message)?))
    }

    /// Says whether a certificate's key signed a message.
    pub(super) fn is_signed_by(
        &self,
        certificate: &CertificateDer<'_>,
        scheme: SignatureScheme,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else {
            return false;
        };
        let known = self.provider.signature_verification_algorithms.mapping;
        let algorithms = known.iter().filter(|(known, _)| *known == scheme);
        algorithms
            .flat_map(|(_, algorithms)| *algorithms)
            .any(|&algorithm| {
                certificate
                    .verify_signature(algorithm, message, signature)
                    .is_ok()
            })
    }

    /// Makes TLS with the next party, which we dialled.
    pub(super) async fn connect(
        &self,
        peer: PartyId,
        socket: TcpStream,
    ) -> Result<TlsStream<TcpStream>, PeerError> {
        let io = |source| PeerError::Tls { peer, source };
        socket.set_nodelay(true).map_err(io)?;
        let pin = Arc::new(Pin::new(self.pins.next, Arc::clone(&self.provider)));
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map(|builder| {
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::clone(&pin) as _)
            })
            .and_then(|builder| {
                builder
                    .with_client_auth_cert(vec![self.identity.certificate()], self.identity.key())
            })
            .map_err(PeerError::OwnFiles)?;
        let name = ServerName::try_from(SERVER_NAME).expect("a valid DNS name");
        match TlsConnector::from(Arc::new(config))
            .connect(name, socket)
            .await
        {
            Ok(mut stream) => {
                stream.get_mut().1.set_buffer_limit(Some(BUFFER_BYTES));
                Ok(TlsStream::Client(stream))
            }
            Err(source) if is_hung_up(&source) => Err(PeerError::TurnedAway {
                peer,
                ours: self.fingerprint(),
            }),
            Err(source) if matches!(rustls_error(&source), Some(Error::InvalidMessage(_))) => {
                Err(PeerError::NoPeerPort(peer))
            }
            Err(source) => Err(pin.explain(peer, source, self)),
        }
    }

    /// Makes TLS with whoever dialled us and claims to be the previous party.
    pub(super) async fn accept(
        &self,
        peer: PartyId,
        socket: TcpStream,
    ) -> Result<TlsStream<TcpStream>, PeerError> {
        let io = |source| PeerError::Tls { peer, source };
        socket.set_nodelay(true).map_err(io)?;
        let pin = Arc::new(Pin::new(self.pins.prev, Arc::clone(&self.provider)));
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map(|builder| builder.with_client_cert_verifier(Arc::clone(&pin) as _))
            .and_then(|builder| {
                builder.with_single_cert(vec![self.identity.certificate()], self.identity.key())
            })
            .map_err(PeerError::OwnFiles)?;
        // Links are long-lived; a resumed session would skip the certificates.
        config.send_tls13_tickets = 0;
        match TlsAcceptor::from(Arc::new(config)).accept(socket).await {
            Ok(mut stream) => {
                stream.get_mut().1.set_buffer_limit(Some(BUFFER_BYTES));
                Ok(TlsStream::Server(stream))
            }
            Err(source) => Err(pin.explain(peer, source, self)),
        }
    }
}

/// Derives the secret that only the two ends of this TLS session know.
pub(super) fn export(
    peer: PartyId,
    stream: &TlsStream<TcpStream>,
) -> Result<[u8; EXPORT_BYTES], PeerError> {
    let label = b"EXPORTER-mcmix.v2 pair key";
    let exported = match stream {
        TlsStream::Client(stream) => {
            let (_, session) = stream.get_ref();
            session.export_keying_material([0; EXPORT_BYTES], label, None)
        }
        TlsStream::Server(stream) => {
            let (_, session) = stream.get_ref();
            session.export_keying_material([0; EXPORT_BYTES], label, None)
        }
    };
    exported.map_err(|error| invalid(peer, error))
}

fn invalid(peer: PartyId, error: Error) -> PeerError {
    PeerError::Tls {
        peer,
        source: std::io::Error::other(error),
    }
}

/// Accepts one certificate and no other, in one handshake.
#[derive(Debug)]
struct Pin {
    pinned: Fingerprint,
    provider: Arc<CryptoProvider>,
    /// A certificate that was shown and refused, for the error message.
    refused: Mutex<Option<Fingerprint>>,
}

impl Pin {
    const fn new(pinned: Fingerprint, provider: Arc<CryptoProvider>) -> Self {
        Self {
            pinned,
            provider,
            refused: Mutex::new(None),
        }
    }

    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        let shown = Fingerprint::of(certificate);
        if shown == self.pinned {
            return Ok(());
        }
        if let Ok(mut refused) = self.refused.lock() {
            *refused = Some(shown);
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn explain(&self, peer: PartyId, source: std::io::Error, tls: &TlsContext) -> PeerError {
        match self.refused.lock().ok().and_then(|refused| *refused) {
            Some(shown) => PeerError::WrongCertificate {
                peer,
                pinned: self.pinned,
                shown,
                hint: tls.hint(shown),
            },
            None => tls.explain(peer, source),
        }
    }

    fn signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Returns what TLS says of a broken connection, where it does.
fn rustls_error(error: &std::io::Error) -> Option<&Error> {
    error.get_ref().and_then(|error| error.downcast_ref())
}

/// Says whether the other end hung up without a word.
fn is_hung_up(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(
        error.kind(),
        UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe
    )
}

/// TLS 1.2 is switched off; its signatures are never right.
fn no_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::General("TLS 1.2 is not spoken here".to_owned()))
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

impl ClientCertVerifier for Pin {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    fn identity(folder: &std::path::Path, name: &str) -> TlsIdentity {
        let path = |ending: &str| folder.join(format!("{name}.{ending}"));
        TlsIdentity::generate(&path("crt"), &path("key")).unwrap()
    }

    fn context(identity: TlsIdentity, pin: Fingerprint) -> TlsContext {
        let pins = Pins {
            next: pin,
            prev: pin,
        };
        TlsContext::new(identity, pins)
    }

    /// Lets P0 dial P1.
    async fn handshake(
        p0: TlsContext,
        p1: TlsContext,
    ) -> [Result<[u8; EXPORT_BYTES], PeerError>; 2] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let accept = tokio::spawn(async move {
            let stream = p1.accept(PartyId::P0, accepted).await?;
            export(PartyId::P0, &stream)
        });
        let dial = async {
            let stream = p0.connect(PartyId::P1, socket).await?;
            export(PartyId::P1, &stream)
        };
        [dial.await, accept.await.unwrap()]
    }

    #[tokio::test]
    async fn only_the_pinned_certificate_is_let_in() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name| identity(folder.path(), name);
        let (p0, p1) = (make("p0"), make("p1"));
        let (pin0, pin1) = (p0.fingerprint(), p1.fingerprint());
        let [dialled, accepted] = handshake(context(p0, pin1), context(p1, pin0)).await;
        assert_eq!(dialled.unwrap(), accepted.unwrap());

        let (p0, impostor) = (make("other p0"), make("impostor"));
        let (pin0, shown_pin) = (p0.fingerprint(), impostor.fingerprint());
        let [dialled, accepted] = handshake(context(p0, pin1), context(impostor, pin0)).await;
        // Whoever is refused is told which fingerprint the other one should have.
        let error = accepted.unwrap_err();
        assert!(
            matches!(error, PeerError::Refused { peer: PartyId::P0, ours } if ours == shown_pin),
            "{error}"
        );
        assert!(
            error.to_string().contains(&shown_pin.to_string()),
            "{error}"
        );
        let error = dialled.unwrap_err();
        assert!(
            matches!(error, PeerError::WrongCertificate { peer: PartyId::P1, pinned, shown, .. }
                if pinned == pin1 && shown == shown_pin),
            "{error}"
        );

        let (impostor, p1) = (make("other impostor"), make("other p1"));
        let pin1 = p1.fingerprint();
        let [_, accepted] = handshake(context(impostor, pin1), context(p1, pin0)).await;
        let error = accepted.unwrap_err();
        assert!(
            matches!(
                error,
                PeerError::WrongCertificate {
                    peer: PartyId::P0,
                    ..
                }
            ),
            "{error}"
        );
    }

    /// The example's operator dials the clients' port, or a proxy.
    #[tokio::test]
    async fn a_port_that_speaks_http_is_called_so() {
        let folder = tempfile::tempdir().unwrap();
        let p0 = identity(folder.path(), "p0");
        let pin = p0.fingerprint();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (mut http, _) = listener.accept().await.unwrap();
        let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        http.write_all(answer).await.unwrap();
        let error = context(p0, pin).connect(PartyId::P1, socket).await;
        let error = error.unwrap_err();
        assert!(matches!(error, PeerError::NoPeerPort(_)), "{error}");
        assert!(error.to_string().contains("P1's peers.listen"), "{error}");
    }

    #[test]
    fn swapped_fingerprints_are_called_so() {
        let folder = tempfile::tempdir().unwrap();
        let [p0, p1, p2] = ["p0", "p1", "p2"].map(|name| identity(folder.path(), name));
        let (own, next, prev) = (p0.fingerprint(), p1.fingerprint(), p2.fingerprint());
        let tls = TlsContext::new(p0, Pins { next, prev });
        assert!(tls.hint(next).contains("swapped") && tls.hint(prev).contains("swapped"));
        assert!(tls.hint(own).contains("our own"));
        let stranger = identity(folder.path(), "stranger").fingerprint();
        assert!(tls.hint(stranger).contains("compare"));
    }

    /// Keys that rest on X25519 alone are never agreed, whichever side asks for them.
    #[tokio::test]
    async fn a_peer_without_the_hybrid_key_exchange_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let contexts = |name: &str| {
            let made =
                ["p0", "p1"].map(|party| identity(folder.path(), &format!("{name} {party}")));
            let [pin0, pin1] = made.each_ref().map(TlsIdentity::fingerprint);
            let [p0, p1] = made;
            [context(p0, pin1), context(p1, pin0)]
        };
        let classical = |mut context: TlsContext| {
            let provider = Arc::make_mut(&mut context.provider);
            provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
            context
        };

        let [p0, p1] = contexts("dialling");
        let [dialled, accepted] = handshake(classical(p0), p1).await;
        assert!(dialled.is_err());
        let error = accepted.unwrap_err();
        assert!(
            matches!(error, PeerError::KeyExchange(PartyId::P0)),
            "{error}"
        );

        let [p0, p1] = contexts("dialled");
        let [dialled, accepted] = handshake(p0, classical(p1)).await;
        assert!(matches!(
            dialled,
            Err(PeerError::Tls {
                peer: PartyId::P1,
                ..
            })
        ));
        assert!(accepted.is_err());
    }
}
