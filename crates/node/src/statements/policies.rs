//! The statements that make, change and drop databases and retention policies.

use crate::node::Inner;
use crate::read::ExecuteError;
use influxql::Statement;

/// Runs one of them; others do nothing.
pub(super) fn run(inner: &Inner, statement: &Statement) -> Result<(), ExecuteError> {
    let catalog = &inner.catalog;
    match statement {
        Statement::CreateDatabase(create) => {
            let autocreate = inner.options.retention_autocreate;
            catalog.change(|state| state.create_database(create, autocreate))?;
        }
        Statement::CreateRetentionPolicy(create) => catalog.change(|state| state.create_policy(create))?,
        Statement::AlterRetentionPolicy(alter) => catalog.change(|state| state.alter_policy(alter))?,
        Statement::DropDatabase(name) => {
            inner.change_and_drop(|state| Ok(state.drop_database(name)))?;
        }
        Statement::DropRetentionPolicy { name, database } => {
            inner.change_and_drop(|state| Ok(state.drop_policy(database, name)))?;
        }
        _ => {}
    }
    Ok(())
}
