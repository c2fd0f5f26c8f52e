//! Passwords that were found right, as digests under a key that no other process has.

use crate::catalog::StoredHash;
use hmac::{Hmac, Mac};
use parking_lot::Mutex;
use sha2::Sha256;
use std::collections::HashMap;
use std::fmt;

/// Users that are remembered at most; one more, and all are forgotten.
const MOST: usize = 10_000;

/// The digests, by user.
pub(super) struct Remembered {
    key: [u8; 32],
    by_user: Mutex<HashMap<String, (StoredHash, Vec<u8>)>>,
}

impl fmt::Debug for Remembered {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Remembered")
    }
}

impl Remembered {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self { key, by_user: Mutex::default() }
    }

    /// Whether this is the password that was found right for that hash.
    pub(super) fn has(&self, name: &str, hash: &StoredHash, password: &str) -> bool {
        let by_user = self.by_user.lock();
        let Some((kept, digest)) = by_user.get(name).filter(|(kept, _)| kept == hash) else { return false };
        // In constant time.
        self.digest(kept, password).verify_slice(digest).is_ok()
    }

    /// Keeps a password that was found right.
    pub(super) fn keep(&self, name: &str, hash: &StoredHash, password: &str) {
        let digest = self.digest(hash, password).finalize().into_bytes().to_vec();
        let mut by_user = self.by_user.lock();
        if by_user.len() >= MOST {
            by_user.clear();
        }
        by_user.insert(name.to_owned(), (hash.clone(), digest));
    }

    fn digest(&self, hash: &StoredHash, password: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(hash.text().as_bytes());
        mac.update(&[0]);
        mac.update(password.as_bytes());
        mac
    }
}
