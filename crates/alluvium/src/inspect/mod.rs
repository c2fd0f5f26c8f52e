//! `alluvium inspect`: prints what a data folder holds, and with `--verify` checks all of it. Nothing is written and no lock is taken,
//! so that it may run beside a server; rows that are only in the log are not counted.

mod json;
mod text;

use anyhow::{Context, Result};
use node::inspect::{Inspection, inspect};
use platform::World;
use std::path::PathBuf;
use std::process::ExitCode;
use storage::{Loss, StorageError};

/// Flags of `inspect`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The data folder.
    #[arg(value_name = "FOLDER", default_value = "alluvium-data")]
    folder: PathBuf,
    /// Compare every checksum and decode every page; exit code 1 if something is damaged.
    #[arg(long)]
    verify: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Something that is damaged.
struct Damage {
    /// Relative to the data folder.
    file: String,
    /// Where in it, bytes, if that is known.
    offset: Option<u64>,
    what: String,
}

/// Describes a data folder on standard output.
///
/// # Errors
/// It is no data folder, or its catalog cannot be read.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let world = World::look(&arguments.folder)?;
    let found =
        inspect(&world, arguments.verify).with_context(|| format!("cannot inspect {}", arguments.folder.display()))?;
    let damage = damage_of(&found);
    let mut out = String::new();
    if arguments.json {
        out = json::render(&found, &damage, arguments.verify);
        out.push('\n');
    } else {
        text::render(&found, &damage, arguments.verify, &mut out);
    }
    print!("{out}");
    Ok(if damage.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn damage_of(found: &Inspection) -> Vec<Damage> {
    let lost = |Loss { file, what, .. }: &Loss| Damage { file: file.clone(), offset: None, what: what.clone() };
    let in_file = |error: &StorageError| match error {
        StorageError::Damaged { file, offset, what } => {
            Damage { file: file.clone(), offset: Some(*offset), what: what.clone() }
        }
        other => lost(&Loss::from(other)),
    };
    let shards = found.storage.shards.iter().flat_map(|shard| shard.all_damage()).map(in_file);
    found.storage.log.damage.iter().map(lost).chain(shards).collect()
}
