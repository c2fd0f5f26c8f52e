//! The statements about users and their privileges.

use super::rows::Rows;
use crate::accounts;
use crate::catalog::CatalogError;
use crate::node::Inner;
use crate::read::ExecuteError;
use influxql::Statement;
use query::Sink;
use std::ops::ControlFlow;

/// Runs one that changes something; others do nothing.
pub(super) fn run(inner: &Inner, statement: &Statement) -> Result<(), ExecuteError> {
    let catalog = &inner.catalog;
    match statement {
        Statement::CreateUser(create) => accounts::create_user(inner, create)?,
        Statement::SetPassword { name, password } => accounts::set_password(inner, name, password)?,
        Statement::DropUser(name) => catalog.change(|state| state.drop_user(name))?,
        Statement::Grant(grant) => catalog.change(|state| state.grant(grant))?,
        Statement::Revoke(revoke) => catalog.change(|state| state.revoke(revoke))?,
        Statement::GrantAdmin(name) => catalog.change(|state| state.set_admin(name, true))?,
        Statement::RevokeAdmin(name) => catalog.change(|state| state.set_admin(name, false))?,
        _ => {}
    }
    Ok(())
}

/// SHOW USERS.
pub(super) fn list(inner: &Inner, sink: &mut dyn Sink) -> ControlFlow<()> {
    let mut rows = Rows::new("", &["user", "admin"]);
    let state = inner.catalog.state();
    rows.rows = state.users.iter().map(|user| vec![user.name.clone().into(), user.admin.into()]).collect();
    rows.send(sink)
}

/// SHOW GRANTS FOR, in the order of the databases' names.
pub(super) fn grants(inner: &Inner, name: &str, sink: &mut dyn Sink) -> Result<(), ExecuteError> {
    let state = inner.catalog.state();
    let user = state.user(name).ok_or(CatalogError::UserNotFound)?;
    let mut rows = Rows::new("", &["database", "privilege"]);
    rows.rows =
        user.grants.iter().map(|(database, granted)| vec![database.clone().into(), granted.word().into()]).collect();
    super::done(rows.send(sink))
}
