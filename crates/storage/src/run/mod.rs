//! Rows in memory. An applied batch is a list of chunks (one a shard and measurement) that never change; they are sorted
//! when a reader or the flush needs them, and neighbours in slot order merge by size tiers.

pub mod sorted;
