//! A call in somebody's name, made by who stole the callee's key: message 1 alone proves no more
//! than that. (Docs: the threat model.)

use mcmix_shared::{identity::ClientKey, manifest::Realm};
use snow::{
    Builder, Error,
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::{CryptoResolver, DefaultResolver},
    types::{Cipher, Dh, Hash, Random},
};
use x25519_dalek::{PublicKey, StaticSecret};

/// What a forged call says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forged {
    pub(crate) flags: u8,
    pub(crate) seed: [u8; 16],
    pub(crate) resume: [u8; 8],
    pub(crate) until: u64,
}

impl Forged {
    fn payload(self) -> Vec<u8> {
        let name = b"Ada";
        let mut bytes = vec![2, self.flags, 3];
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(&[0; 61]);
        bytes.extend_from_slice(&self.seed);
        bytes.extend_from_slice(&self.resume);
        bytes.extend_from_slice(&self.until.to_le_bytes());
        bytes.extend_from_slice(&0xff_u32.to_le_bytes());
        bytes.push(0);
        bytes
    }
}

/// Makes message 1 of a call of `claimed` to the owner of that secret key.
pub(crate) fn forge(
    stolen: [u8; 32],
    claimed: &ClientKey,
    realm: &Realm,
    forged: Forged,
) -> [u8; 200] {
    let island = realm.island.to_le_bytes();
    let prologue = [&b"mcmix.v2 call"[..], &realm.deployment, &island].concat();
    let callee = PublicKey::from(&StaticSecret::from(stolen));
    let resolver = Thief {
        stolen,
        claimed: *claimed.as_bytes(),
        ephemeral: forged.seed,
    };
    let pattern = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s".parse().unwrap();
    let mut state = Builder::with_resolver(pattern, Box::new(resolver))
        .prologue(&prologue)
        .unwrap()
        .local_private_key(&[1; 32])
        .unwrap()
        .remote_public_key(callee.as_bytes())
        .unwrap()
        .build_initiator()
        .unwrap();
    let mut message = [0; 200];
    let written = state.write_message(&forged.payload(), &mut message);
    assert_eq!(written, Ok(200));
    message
}

struct Thief {
    stolen: [u8; 32],
    claimed: [u8; 32],
    ephemeral: [u8; 16],
}

impl CryptoResolver for Thief {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Fixed(self.ephemeral)))
    }

    fn resolve_dh(&self, _: &DHChoice) -> Option<Box<dyn Dh>> {
        Some(Box::new(ThiefsKey {
            stolen: StaticSecret::from(self.stolen),
            claimed: self.claimed,
            ephemeral: None,
        }))
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

struct Fixed([u8; 16]);

impl Random for Fixed {
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Error> {
        let seed = self.0.iter().cycle();
        out.iter_mut().zip(seed).for_each(|(to, from)| *to = *from);
        Ok(())
    }
}

/// As the static key: claims to be the caller's, and computes with the callee's what the caller
/// would compute with its own. As the ephemeral one: the thief's.
struct ThiefsKey {
    stolen: StaticSecret,
    claimed: [u8; 32],
    ephemeral: Option<(StaticSecret, PublicKey)>,
}

impl Dh for ThiefsKey {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    fn set(&mut self, _: &[u8]) {}

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), Error> {
        let mut bytes = [0; 32];
        rng.try_fill_bytes(&mut bytes)?;
        let secret = StaticSecret::from(bytes);
        let public = PublicKey::from(&secret);
        self.ephemeral = Some((secret, public));
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        match &self.ephemeral {
            Some((_, public)) => public.as_bytes(),
            None => &self.claimed,
        }
    }

    fn privkey(&self) -> &[u8] {
        &[]
    }

    fn dh(&self, public: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let shared = match &self.ephemeral {
            Some((secret, _)) => {
                let public = *public.first_chunk::<32>().ok_or(Error::Dh)?;
                secret.diffie_hellman(&PublicKey::from(public))
            }
            None => self.stolen.diffie_hellman(&PublicKey::from(self.claimed)),
        };
        out[..32].copy_from_slice(shared.as_bytes());
        Ok(())
    }
}
