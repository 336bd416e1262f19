//! Writes the manual pages and the shell completions of a release, from the definition of the command line:
//! `generate FOLDER DATE` makes `FOLDER/man`, with pages of that date (2026-01-31), and `FOLDER/completions`. The binary
//! carries no generator.

use std::{env, fs, io, path::Path};

use clap::Command;
use clap_complete::aot::{Shell, generate_to};
use clap_mangen::Man;

fn main() -> io::Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [folder, date] = &arguments[..] else { return Err(io::Error::other("generate FOLDER DATE")) };
    let (man, completions) = (Path::new(folder).join("man"), Path::new(folder).join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;

    let mut stalls = stalls::command_line().disable_help_subcommand(true);
    stalls.build();
    page(&man, "stalls", &stalls, date)?;
    for command in stalls.get_subcommands() {
        page(&man, &format!("stalls-{}", command.get_name()), command, date)?;
    }
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        generate_to(shell, &mut stalls::command_line(), "stalls", &completions)?;
    }
    Ok(())
}

fn page(folder: &Path, name: &str, command: &Command, date: &str) -> io::Result<()> {
    let mut page = fs::File::create(folder.join(name).with_extension("1"))?;
    let version = concat!("stalls ", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone()).title(name).date(date).source(version).render(&mut page)
}
