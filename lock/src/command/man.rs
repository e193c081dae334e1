//! `lock man`: the manual.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::{
    cli::{self, Cli},
    error::{Error, Result},
    output::Output,
};

/// Writes one page about everything, or a page for each command.
pub(crate) fn run(arguments: &cli::Man) -> Result<ExitCode> {
    match &arguments.dir {
        None => Output::Stdout.write(&page()?)?,
        Some(directory) => clap_mangen::generate_to(command(), directory)
            .map_err(|error| Error::write(directory, &error))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The command line; `help` has no more to say than the manual.
fn command() -> clap::Command {
    Cli::command().disable_help_subcommand(true)
}

/// One page: that of `lock`, with a section for each command.
fn page() -> Result<String> {
    let mut command = command();
    command.build();
    let mut page = roff(|page| Man::new(command.clone()).render(page))?;
    for command in command.get_subcommands() {
        // No page of its own to refer to: a section below.
        let name = command.get_name();
        page = page.replace(&format!("lock\\-{name}(1)"), &format!("lock {name}"));
    }
    for command in command.get_subcommands() {
        let name = command.get_bin_name().unwrap_or(command.get_name());
        page.push_str(&format!(".SH \"{}\"\n", name.to_uppercase()));
        let man = Man::new(command.clone());
        let section = roff(|section| {
            man.render_synopsis_section(section)?;
            man.render_description_section(section)?;
            man.render_options_section(section)?;
            if command.get_after_help().is_some() || command.get_after_long_help().is_some() {
                man.render_extra_section(section)?;
            }
            Ok(())
        })?;
        for line in section.lines() {
            // Only the first page has what a page begins with.
            if line.starts_with(".ie ") || line.starts_with(".el ") {
                continue;
            }
            let line = match line.strip_prefix(".SH ") {
                Some(title) => format!(".SS {title}"),
                None => line.to_owned(),
            };
            page.push_str(&line);
            page.push('\n');
        }
    }
    Ok(page)
}

fn roff(render: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> Result<String> {
    let failed = || Error::new("man", "the manual could not be written");
    let mut text = Vec::new();
    render(&mut text).map_err(|error| failed().because_of(&error))?;
    String::from_utf8(text).map_err(|error| failed().because_of(&error))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{page, run};
    use crate::cli;

    #[test]
    fn one_page_tells_every_command_and_option() {
        let page = page().unwrap();
        assert_eq!(page.matches("\n.TH ").count(), 1);
        assert!(!page.contains("(1)"), "refers to other pages");
        for text in [
            ".SH NAME\n",
            ".SH \"LOCK RECORD\"\n.SS SYNOPSIS\n",
            ".SH \"LOCK WORKLOAD\"\n",
            ".SH \"LOCK COMPLETIONS\"\n",
            "\\-\\-duration",
            "\\-\\-waiters",
        ] {
            assert!(page.contains(text), "{text}");
        }
    }

    #[test]
    fn a_directory_gets_a_page_for_each_command() {
        let directory = tempfile::tempdir().unwrap();
        let dir = Some(directory.path().to_owned());
        run(&cli::Man { dir }).unwrap();
        for name in ["lock.1", "lock-record.1", "lock-workload.1", "lock-man.1"] {
            let page = fs::read_to_string(directory.path().join(name)).unwrap();
            assert!(page.contains(".SH NAME\n"), "{name}");
        }
        assert!(!directory.path().join("lock-help.1").exists());
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let dir = Some(directory.path().join("no"));
        assert_eq!(run(&cli::Man { dir }).unwrap_err().code(), "not-found");
    }
}
