//! `alluvium salvage`: after damage a node serves what is whole and takes no writes. This says what is lost, saves what is left
//! to segments, sets damaged files aside in the folder `damaged`, and lets the next start take writes.

use crate::serve;
use anyhow::{Context, Result, bail};
use node::Node;
use platform::World;
use std::path::PathBuf;

/// Flags of `salvage`.
#[derive(Debug, clap::Args)]
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
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
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
    let lost = Node::examine(world.clone(), &options).context("cannot look for damage")?;
    if lost.is_empty() {
        println!("Nothing is lost; nothing was changed.");
        return Ok(());
    }
    lost.iter().for_each(|line| println!("lost: {line}"));
    if arguments.dry_run {
        return Ok(());
    }
    let salvaged =
        Node::salvage(world, &options).context("cannot salvage; what was done so far does no harm, run it again")?;
    salvaged.set_aside.iter().for_each(|(from, to)| println!("set aside: {from} is now {to}"));
    println!("saved: {} rows that were in the log alone are in segments", salvaged.rows);
    println!("The next start takes writes, from slot {} on.", salvaged.next_slot);
    Ok(())
}
