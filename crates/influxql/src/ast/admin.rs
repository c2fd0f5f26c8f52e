//! Statements about users and what they may do.

/// What a user may do with a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Privilege {
    /// READ
    Read,
    /// WRITE
    Write,
    /// ALL PRIVILEGES
    All,
}

impl Privilege {
    /// As printed: `READ`, `WRITE`, `ALL PRIVILEGES`.
    pub fn word(self) -> &'static str {
        match self {
            Privilege::Read => "READ",
            Privilege::Write => "WRITE",
            Privilege::All => "ALL PRIVILEGES",
        }
    }
}

/// `CREATE USER name WITH PASSWORD '..' [WITH ALL PRIVILEGES]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateUser {
    /// The user.
    pub name: String,
    /// The password in clear; never printed.
    pub password: String,
    /// Whether the user is an administrator.
    pub admin: bool,
}

/// A privilege on a database and whose it is, of GRANT and REVOKE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grantee {
    /// What is given or taken.
    pub privilege: Privilege,
    /// On which database.
    pub database: String,
    /// The user.
    pub user: String,
}
