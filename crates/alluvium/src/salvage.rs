//! `alluvium salvage`: after damage a node serves what is whole and takes no writes. This says what is lost, saves what is left
//! to segments, sets damaged files aside in the folder `damaged`, and lets the next start take writes.
//!
//! Segments that are missing are told too, but keep nobody from writing: only their files can bring them back.

use crate::serve;
use anyhow::{Context, Result, bail};
use node::{Examination, Node};
use platform::World;
use std::path::PathBuf;
use std::process::ExitCode;

/// Something is lost, or stays missing. Apart from 1, an error, and 2, a wrong command line.
const HURT: u8 = 3;

/// Flags of `salvage`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit code: 0 if nothing is lost or missing, or if all that was lost has been salvaged; 3 if --dry-run finds something, or if
files of segments stay missing; 1 for an error. Segments are looked for, but not read: `alluvium inspect --verify` reads them.")]
pub(crate) struct Arguments {
    /// A configuration file, as for `serve`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the data, as for `serve`.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Only say what is lost.
    #[arg(long)]
    dry_run: bool,
}

/// Mends the data folder. The server must not run.
///
/// # Errors
/// There is no data folder, it is in use, its catalog cannot be read, or the disk refuses.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let same = serve::Arguments {
        config: arguments.config.clone(),
        data_dir: arguments.data_dir.clone(),
        ..serve::Arguments::default()
    };
    let config = serve::configuration(&same)?;
    if !config.data_dir.is_dir() {
        bail!("there is no data folder {}", config.data_dir.display());
    }
    let options = serve::node_options(&config);
    let world = World::real(&config.data_dir)?;
    let found = Node::examine(world.clone(), &options).context("cannot look for damage")?;
    tell(&found);
    let is_hurt = !found.missing.is_empty() || arguments.dry_run && !found.lost.is_empty();
    if !found.lost.is_empty() && !arguments.dry_run {
        mend(world, &options)?;
    }
    Ok(if is_hurt { ExitCode::from(HURT) } else { ExitCode::SUCCESS })
}

/// Prints what was found.
fn tell(found: &Examination) {
    found.missing.iter().for_each(|line| println!("missing: {line}"));
    if !found.missing.is_empty() {
        println!("What is missing cannot be salvaged: put it back from a copy, or give up its shard by DROP SHARD.");
    }
    found.lost.iter().for_each(|line| println!("lost: {line}"));
    if found.lost.is_empty() {
        let what = if found.missing.is_empty() { "Nothing is lost" } else { "Nothing else is lost" };
        println!("{what}; nothing was changed.");
    }
}

/// Salvages what is left.
fn mend(world: World, options: &node::Options) -> Result<()> {
    let salvaged =
        Node::salvage(world, options).context("cannot salvage; what was done so far does no harm, run it again")?;
    salvaged.set_aside.iter().for_each(|(from, to)| println!("set aside: {from} is now {to}"));
    println!("saved: {} rows that were in the log alone are in segments", salvaged.rows);
    println!("The next start takes writes, from slot {} on.", salvaged.next_slot);
    Ok(())
}
