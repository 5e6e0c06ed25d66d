use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;

/// A guess that costs next to nothing.
const CHEAP: Cost = Cost {
    memory_kib: 8,
    passes: 1,
};

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(7)
}

fn record(key: &str, value: &[u8]) -> Record {
    Record {
        key: key.to_owned(),
        value: value.to_vec(),
    }
}

#[test]
fn records_come_back() {
    let rng = &mut rng();
    let key = VaultKey::random(rng);
    for record in [record("identity", b"secret"), record("", &[])] {
        let sealed = key.seal(&record, rng);
        assert_eq!(sealed.pseudonym, key.pseudonym(&record.key));
        assert_eq!(key.open(&sealed), Ok(record));
    }
}

/// Neither name nor value stands in what is kept, and the same record is never sealed alike.
#[test]
fn nothing_of_a_record_is_seen() {
    let rng = &mut rng();
    let key = VaultKey::random(rng);
    let record = record("contact/somebody", b"their name and more");
    let [one, two] = [(); 2].map(|()| key.seal(&record, rng));
    assert_ne!(one.bytes, two.bytes);
    assert_eq!(one.pseudonym, two.pseudonym);
    let seen = [one.pseudonym.as_bytes(), &one.bytes].concat();
    for part in [&record.key.as_bytes()[..7], b"somebody", b"name"] {
        assert!(!seen.windows(part.len()).any(|window| window == part));
    }
    let other = VaultKey::random(rng).pseudonym(&record.key);
    assert_ne!(one.pseudonym, other);
}

/// What was changed in any byte, moved to another name, or sealed by another key, is not taken.
#[test]
fn changes_are_noticed() {
    let rng = &mut rng();
    let key = VaultKey::random(rng);
    let sealed = key.seal(&record("pair/a", b"state"), rng);
    for at in 0..sealed.bytes.len() {
        let mut changed = sealed.clone();
        changed.bytes[at] ^= 1;
        assert_eq!(key.open(&changed), Err(Tampered), "byte {at}");
    }
    let moved = Sealed {
        pseudonym: key.pseudonym("pair/b"),
        ..sealed.clone()
    };
    assert_eq!(key.open(&moved), Err(Tampered));
    assert_eq!(VaultKey::random(rng).open(&sealed), Err(Tampered));
    for len in 0..sealed.bytes.len() {
        let bytes = sealed.bytes[..len].to_vec();
        let pseudonym = sealed.pseudonym.clone();
        assert_eq!(key.open(&Sealed { pseudonym, bytes }), Err(Tampered));
    }
}

#[test]
fn a_key_behind_another_one_comes_back() {
    let rng = &mut rng();
    let [key, by, other] = [(); 3].map(|()| VaultKey::random(rng));
    let guard = Guard::by_key(&key, &by, rng);
    assert!(!guard.is_locked());
    let guard = Guard::decode(&guard.encode()).unwrap();
    assert_eq!(guard.open(&by).unwrap().as_bytes(), key.as_bytes());
    assert_eq!(guard.open(&other).unwrap_err(), GuardError::Damaged);
    assert_eq!(guard.unlock("").unwrap_err(), GuardError::Damaged);
}

#[test]
fn a_key_behind_a_passphrase_needs_it() {
    let rng = &mut rng();
    let key = VaultKey::random(rng);
    let guard = Guard::by_passphrase(&key, "correct horse", CHEAP, rng);
    assert!(guard.is_locked());
    let guard = Guard::decode(&guard.encode()).unwrap();
    let got = guard.unlock("correct horse").unwrap();
    assert_eq!(got.as_bytes(), key.as_bytes());
    for wrong in ["", "correct horse ", "Correct horse"] {
        assert_eq!(guard.unlock(wrong).unwrap_err(), GuardError::Wrong);
    }
    assert_eq!(guard.open(&key).unwrap_err(), GuardError::Locked);
    // Two guards of one passphrase have different salts.
    let salts = [(); 2].map(|()| {
        let guard = Guard::by_passphrase(&key, "correct horse", CHEAP, rng);
        let Guard::Passphrase { salt, .. } = guard else {
            panic!("another guard");
        };
        salt
    });
    assert_ne!(salts[0], salts[1]);
}

/// A guard that would take all memory, or for ever, is none of ours.
#[test]
fn no_guard_costs_more_than_we_would_pay() {
    let rng = &mut rng();
    let key = VaultKey::random(rng);
    let Guard::Passphrase { salt, sealed, .. } = Guard::by_passphrase(&key, "p", CHEAP, rng) else {
        panic!("another guard");
    };
    let costs = [(u32::MAX, 1), (8, u32::MAX), (0, 1), (8, 0)];
    for (memory_kib, passes) in costs {
        let (sealed, cost) = (sealed.clone(), Cost { memory_kib, passes });
        let guard = Guard::Passphrase { cost, salt, sealed };
        assert_eq!(guard.unlock("p").unwrap_err(), GuardError::Damaged);
    }
}

#[test]
fn what_is_no_guard_is_refused() {
    for bytes in [&[][..], &[0], &[1], &[1, 9, 9, 9]] {
        assert_eq!(Guard::decode(bytes), Err(GuardError::Damaged));
    }
    assert_eq!(Guard::decode(&[2, 0]), Err(GuardError::Newer));
}

/// The reference program's own known answer (`argon2 somesalt -id -t 2 -k 65536 -p 1`).
#[test]
fn the_library_is_argon2id() {
    let mut out = [0; 32];
    let params = argon2::Params::new(65_536, 2, 1, Some(32)).unwrap();
    argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
        .hash_password_into(b"password", b"somesalt", &mut out)
        .unwrap();
    assert_eq!(
        out,
        [
            0x09, 0x31, 0x61, 0x15, 0xd5, 0xcf, 0x24, 0xed, 0x5a, 0x15, 0xa3, 0x1a, 0x3b, 0xa3,
            0x26, 0xe5, 0xcf, 0x32, 0xed, 0xc2, 0x47, 0x02, 0x98, 0x7c, 0x02, 0xb6, 0x56, 0x6f,
            0x61, 0x91, 0x3c, 0xf7,
        ]
    );
}

#[test]
fn a_backup_opens_with_its_passphrase_alone() {
    let rng = &mut rng();
    let records = [record("contact/a", b"name"), record("identity", b"secret")];
    let backup = Backup::seal(&records, "correct horse", CHEAP, rng);
    let file = backup.as_bytes();
    assert_eq!(Backup::open(file, "correct horse").unwrap(), records);
    for part in [&b"identity"[..], b"secret", b"contact"] {
        assert!(!file.windows(part.len()).any(|window| window == part));
    }
    assert_eq!(Backup::open(file, "horse"), Err(BackupError::Wrong));
    assert_eq!(Backup::open(b"GIF89a", ""), Err(BackupError::NoBackup));
    assert_eq!(Backup::open(&[], ""), Err(BackupError::NoBackup));
}

/// Whatever is done to a file, it opens as it was or not at all.
#[test]
fn changed_backups_do_not_open() {
    let rng = &mut rng();
    let records = [record("identity", b"secret")];
    let backup = Backup::seal(&records, "p", CHEAP, rng);
    for at in 0..backup.as_bytes().len() {
        let mut file = backup.as_bytes().to_vec();
        // A cost that is far above would take its time.
        file[at] ^= 1;
        assert!(Backup::open(&file, "p").is_err(), "byte {at}");
        assert!(
            Backup::open(&backup.as_bytes()[..at], "p").is_err(),
            "{at} bytes"
        );
    }
}

/// Who knows the passphrase of a file can't have anything else stored than a backup holds.
#[test]
fn a_backup_holds_nothing_but_what_it_should() {
    let rng = &mut rng();
    for other in ["pair/a", "outbox/a", "", "tasks", "aside/identity"] {
        let records = [record("identity", b"secret"), record(other, b"x")];
        let backup = Backup::seal(&records, "p", CHEAP, rng);
        let opened = Backup::open(backup.as_bytes(), "p");
        assert_eq!(opened, Err(BackupError::Wrong), "{other}");
    }
    let twice = [record("identity", b"one"), record("identity", b"two")];
    let backup = Backup::seal(&twice, "p", CHEAP, rng);
    assert_eq!(
        Backup::open(backup.as_bytes(), "p"),
        Err(BackupError::Wrong)
    );
}
