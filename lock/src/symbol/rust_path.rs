//! Where a Rust function is: compilers leave the path out of inlined functions' names
//! (`lock<()>`), but not that of their source file.

/// The name with its path, where that follows from the source file: that of the standard
/// library or of a published crate. None if the name has one already, or it does not follow.
pub(crate) fn qualify(name: &str, file: &str) -> Option<String> {
    let plain = name.split_once('<').map_or(name, |(plain, _)| plain);
    if plain.is_empty() || plain.contains("::") {
        return None;
    }
    let (krate, inside) = library(file).or_else(|| published(file))?;
    let inside = inside.strip_suffix(".rs")?;
    let mut path = krate.replace('-', "_");
    for part in inside.split('/') {
        if !matches!(part, "lib" | "mod") {
            path.push_str("::");
            path.push_str(part);
        }
    }
    Some(format!("{path}::{name}"))
}

/// `.../library/std/src/sync/poison/mutex.rs`.
fn library(file: &str) -> Option<(&str, &str)> {
    let (_, rest) = file.rsplit_once("/library/")?;
    let (krate, inside) = rest.split_once("/src/")?;
    matches!(krate, "std" | "core" | "alloc").then_some((krate, inside))
}

/// `.../registry/src/INDEX/lock_api-0.4.14/src/mutex.rs`.
fn published(file: &str) -> Option<(&str, &str)> {
    let (_, rest) = file.rsplit_once("/registry/src/")?;
    let (_, rest) = rest.split_once('/')?;
    let (folder, inside) = rest.split_once("/src/")?;
    let version = folder
        .match_indices('-')
        .find(|(at, _)| {
            folder
                .as_bytes()
                .get(at.saturating_add(1))
                .is_some_and(u8::is_ascii_digit)
        })?
        .0;
    Some((folder.get(..version)?, inside))
}

#[cfg(test)]
mod tests {
    use super::qualify;

    #[test]
    fn an_inlined_function_has_the_path_of_its_file() {
        for (name, file, whole) in [
            (
                "lock<()>",
                "/rustc/59807616e1fa/library/std/src/sync/poison/mutex.rs",
                Some("std::sync::poison::mutex::lock<()>"),
            ),
            (
                "lock<parking_lot::raw_mutex::RawMutex, ()>",
                "/home/u/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/lock_api-0.4.14/src/mutex.rs",
                Some("lock_api::mutex::lock<parking_lot::raw_mutex::RawMutex, ()>"),
            ),
            (
                "park",
                "/home/u/.cargo/registry/src/index/crossbeam-utils-0.8.21/src/lib.rs",
                Some("crossbeam_utils::park"),
            ),
            ("a::b", "/rustc/1/library/std/src/a.rs", None),
            ("<a::B>::c", "/rustc/1/library/std/src/a.rs", None),
            ("main", "/home/u/library/mine/src/main.rs", None),
            ("main", "src/main.c", None),
        ] {
            assert_eq!(qualify(name, file).as_deref(), whole);
        }
    }
}
