//! One running database: catalog, routing of writes, statements, background work.
