//! `man`: one page about every command, so that it refers to no other.

use std::io;

use clap::CommandFactory as _;
use clap_mangen::Man;
use ebpf_base::stdout;
use ebpf_build::{Error, Result};

use crate::{cli::Cli, outcome::Outcome};

/// # Errors
/// When stdout cannot be written to.
pub(crate) fn run() -> Result<Outcome> {
    let page = page().map_err(|cause| Error::io("make", "the page".as_ref(), &cause))?;
    stdout::write(page.as_bytes())?;
    Ok(Outcome::Fine)
}

/// The page: that of the program, with a section per command in place of references.
fn page() -> io::Result<String> {
    let mut command = Cli::command();
    command.build();
    let man = Man::new(command.clone()).title("cargo-ebpf");
    let mut page = text(|page| {
        man.render_title(page)?;
        man.render_name_section(page)?;
        man.render_synopsis_section(page)?;
        man.render_description_section(page)?;
        man.render_options_section(page)
    })?;
    let commands = command.get_subcommands();
    for command in commands.filter(|command| !command.is_hide_set()) {
        let name = command.get_bin_name().unwrap_or(command.get_name());
        page.push_str(&format!(".SH \"{}\"\n", name.to_uppercase()));
        let man = Man::new(command.clone());
        let section = text(|section| {
            man.render_synopsis_section(section)?;
            man.render_description_section(section)?;
            man.render_options_section(section)?;
            man.render_extra_section(section)
        })?;
        for line in section.lines() {
            // A page has its preamble once.
            if line.starts_with(".ie ") || line.starts_with(".el ") {
                continue;
            }
            page.push_str(&line.replacen(".SH ", ".SS ", 1));
            page.push('\n');
        }
    }
    page.push_str(&text(|page| man.render_extra_section(page))?);
    Ok(page)
}

fn text(render: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<String> {
    let mut bytes = Vec::new();
    render(&mut bytes)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_command_and_refers_to_no_other() {
        let page = page().unwrap();
        assert_eq!(page.matches(".TH ").count(), 1);
        for command in Cli::command().get_subcommands() {
            let title = format!(".SH \"CARGO EBPF {}\"", command.get_name().to_uppercase());
            assert_eq!(page.contains(&title), !command.is_hide_set(), "{title}");
        }
        assert!(!page.contains("(1)"), "a reference to another page");
    }
}
