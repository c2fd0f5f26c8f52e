//! Users: who they are, what they were granted, and the statements that change that. Rules and texts are InfluxDB's.

use super::{CatalogError, State};
use influxql::ast::{Grantee, Privilege};
use std::collections::BTreeMap;
use std::fmt;

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    /// Whether all is allowed.
    pub(crate) admin: bool,
    pub(crate) hash: StoredHash,
    /// What was granted, by database. What was revoked stays as nothing, as SHOW GRANTS shows it.
    pub(crate) grants: BTreeMap<String, Granted>,
}

/// The hash of a password, as the catalog keeps it; never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StoredHash(String);

impl StoredHash {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StoredHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[REDACTED]")
    }
}

/// What a user may do with a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Granted {
    read: bool,
    write: bool,
}

impl Granted {
    const ALL: [Self; 4] = [
        Self { read: false, write: false },
        Self { read: true, write: false },
        Self { read: false, write: true },
        Self { read: true, write: true },
    ];

    /// As SHOW GRANTS prints it.
    pub(crate) fn word(self) -> &'static str {
        match (self.read, self.write) {
            (false, false) => "NO PRIVILEGES",
            (true, false) => "READ",
            (false, true) => "WRITE",
            (true, true) => "ALL PRIVILEGES",
        }
    }

    /// The one with that word.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|granted| granted.word() == word)
    }

    /// Whether it is enough.
    pub(crate) fn allows(self, privilege: Privilege) -> bool {
        match privilege {
            Privilege::Read => self.read,
            Privilege::Write => self.write,
            Privilege::All => self.read && self.write,
        }
    }

    fn of(privilege: Privilege) -> Self {
        let [read, write] =
            [Privilege::Read, Privilege::Write].map(|one| privilege == one || privilege == Privilege::All);
        Self { read, write }
    }

    fn without(self, taken: Self) -> Self {
        Self { read: self.read && !taken.read, write: self.write && !taken.write }
    }
}

impl State {
    /// The user of that name.
    pub(crate) fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }

    /// Whether a user may do that with a database. None stands for whoever asks while nobody is asked for a name.
    pub(crate) fn may(&self, user: Option<&str>, privilege: Privilege, database: &str) -> bool {
        let Some(name) = user else { return true };
        self.user(name).is_some_and(|user| {
            user.admin || user.grants.get(database).is_some_and(|granted| granted.allows(privilege))
        })
    }

    /// CREATE USER; one of that name must not be there.
    pub(crate) fn create_user(&mut self, name: &str, hash: StoredHash, admin: bool) -> Result<(), CatalogError> {
        if self.user(name).is_some() {
            return Err(CatalogError::UserExists);
        }
        self.users.push(User { name: name.to_owned(), admin, hash, grants: BTreeMap::new() });
        Ok(())
    }

    /// DROP USER.
    pub(crate) fn drop_user(&mut self, name: &str) -> Result<(), CatalogError> {
        self.user_mut(name)?;
        self.users.retain(|user| user.name != name);
        Ok(())
    }

    /// SET PASSWORD.
    pub(crate) fn set_password(&mut self, name: &str, hash: StoredHash) -> Result<(), CatalogError> {
        self.user_mut(name)?.hash = hash;
        Ok(())
    }

    /// GRANT ALL PRIVILEGES TO and REVOKE ALL PRIVILEGES FROM.
    pub(crate) fn set_admin(&mut self, name: &str, admin: bool) -> Result<(), CatalogError> {
        self.user_mut(name)?.admin = admin;
        Ok(())
    }

    /// GRANT: takes the place of what was granted on the database before.
    pub(crate) fn grant(&mut self, grant: &Grantee) -> Result<(), CatalogError> {
        self.change_grant(grant, |_, given| given)
    }

    /// REVOKE: what is left of what was granted.
    pub(crate) fn revoke(&mut self, grant: &Grantee) -> Result<(), CatalogError> {
        self.change_grant(grant, Granted::without)
    }

    fn change_grant(
        &mut self,
        grant: &Grantee,
        change: impl FnOnce(Granted, Granted) -> Granted,
    ) -> Result<(), CatalogError> {
        self.user_mut(&grant.user)?;
        self.database_mut(&grant.database)?;
        let user = self.user_mut(&grant.user)?;
        let granted = user.grants.entry(grant.database.clone()).or_default();
        *granted = change(*granted, Granted::of(grant.privilege));
        Ok(())
    }

    fn user_mut(&mut self, name: &str) -> Result<&mut User, CatalogError> {
        self.users.iter_mut().find(|user| user.name == name).ok_or(CatalogError::UserNotFound)
    }
}
