//! `env`: what a shell needs for cargo to build an eBPF crate by hand.

use std::{
    env,
    ffi::OsString,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use ebpf_build::{
    BuildTools, Error, FOREIGN_VARIABLES, Result, file::write_atomically, linker,
    toolchain::Toolchain,
};

use crate::{
    code::Code,
    context::Context,
    host::shell::quote,
    outcome::Outcome,
    report::env::{Export, Exports},
};

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    // In a project, those that its build uses.
    let tools = match context.project() {
        Ok(project) => project.tools()?,
        Err(_) => BuildTools::find()?,
    };
    let mut exports = tools.exports()?;
    put_first(&mut exports, &make_cargo(&tools.toolchain)?)?;
    let exports = exports.into_iter().map(export).collect::<Result<_>>()?;
    context.console.write(&Exports { exports })?;
    Ok(Outcome::Fine)
}

/// Makes a `cargo` that is the toolchain's own and takes the seed's `+nightly` for it;
/// returns its folder. rustup's nightly, where there is one, may be another cargo, to
/// which nothing that the pipeline built is fresh; without rustup no cargo knows the `+`.
fn make_cargo(toolchain: &Toolchain) -> Result<PathBuf> {
    // One for each cargo: shells with different toolchains do not disturb each other.
    let name = toolchain.cargo.to_string_lossy().replace('/', "-");
    let folder = linker::cache_dir()?
        .join("env")
        .join(name.trim_matches('-'));
    let program = folder.join("cargo");
    let script = format!(
        "#!/bin/sh\n\
         # Made by `cargo ebpf env`: the toolchain that builds for BPF; +TOOLCHAIN is ignored.\n\
         case $1 in +*) shift ;; esac\n\
         # These variables are for native code, and could change or break a build for BPF.\n\
         unset {}\n\
         exec {} \"$@\"\n",
        FOREIGN_VARIABLES.join(" "),
        quote(&toolchain.cargo.to_string_lossy())
    );
    // Another shell may be starting it.
    if !fs::read(&program).is_ok_and(|old| old == script.as_bytes()) {
        write_atomically(&program, script.as_bytes())?;
        fs::set_permissions(&program, Permissions::from_mode(0o755))
            .map_err(|cause| Error::io("make executable", &program, &cause))?;
    }
    Ok(folder)
}

fn put_first(exports: &mut [(&'static str, OsString)], folder: &Path) -> Result<()> {
    for (_, value) in exports.iter_mut().filter(|(name, _)| *name == "PATH") {
        let folders = std::iter::once(folder.to_owned()).chain(env::split_paths(value));
        *value = env::join_paths(folders).map_err(|cause| {
            Error::new(
                ebpf_build::Code::PathColon,
                format!("{} cannot be put on PATH", folder.display()),
            )
            .because(cause.to_string())
            .fix("set XDG_CACHE_HOME to a directory without a colon in its name")
        })?;
    }
    Ok(())
}

/// # Errors
/// When the value is no Unicode: half an environment would be worse than none.
fn export((name, value): (&'static str, OsString)) -> Result<Export> {
    let value = value.into_string().map_err(|value| {
        Error::new(Code::EnvNotUnicode, format!("{name} cannot be exported"))
            .because(format!("{} is not valid Unicode", value.display()))
    })?;
    Ok(Export { name, value })
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn a_value_that_is_not_unicode_is_rejected() {
        let value = OsString::from_vec(vec![b'/', 0xff]);
        assert_eq!(
            export(("PATH", value)).unwrap_err().code(),
            "env-not-unicode"
        );
    }
}
